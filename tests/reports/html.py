"""What a test reads out of a page, with the standard library's parser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from gluon_wgan.reports.template import HERE

VENDORED = (HERE / "vendor" / "uPlot.iife.min.js").read_text(encoding="utf-8")
_VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """A parsed page.

    Attributes
    ----------
    loads
        Every attribute that could load or lead somewhere.
    handlers
        Every attribute that would run a script.
    texts
        The text outside of scripts and styles.
    elements
        The text of each script and style, as (tag, attributes, text).
    unclosed
        Tags left open at the end, or closed without being open.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, Any], str]] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.unclosed: list[str] = []
        self.policy = ""
        self.rows: list[list[str]] = []
        self._open: list[tuple[str, dict[str, Any]]] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.unclosed += [tag for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.loads += [named[name] for name in ("src", "href", "data", "action", "srcset") if name in named]
        self.handlers += [name for name in named if name.startswith("on") or name == "style"]
        self.ids += [named["id"]] if "id" in named else []
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in _VOID:
            self._open.append((tag, named))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop()[0] != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        tag, named = self._open[-1] if self._open else ("", {})
        if tag in ("script", "style"):
            self.elements.append((tag, named, data))
            return
        self.texts.append(data)
        if any(open_tag in ("td", "th") for open_tag, _ in self._open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    @property
    def data(self) -> dict[str, Any]:
        return next(json.loads(text) for _, named, text in self.elements if named.get("type") == "application/json")


def check_closed_off(page: Page) -> None:
    """Assert that a page is well-formed, and that nothing in it can run or load but what it was written with."""
    assert page.unclosed == []
    assert page.handlers == []
    assert all(re.fullmatch(r"#[\w-]+|data:.*|samples/[\w.]+|curves\.png", link, re.DOTALL) for link in page.loads)
    assert {link[1:] for link in page.loads if link.startswith("#")} <= set(page.ids)
    directives = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == "'self' data: file:"
    for tag, named, text in page.elements:
        if named.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert directives[f"{tag}-src"] == f"'sha256-{digest}'"
            assert not re.search(r"@import|url\(|\bimport\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", text)
            own = text.replace(VENDORED, "")
            assert "http" not in own and "//" not in re.sub(r"^\s*//.*$", "", own, flags=re.MULTILINE)
