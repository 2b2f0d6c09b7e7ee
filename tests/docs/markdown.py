"""Pages as their readers see them: links, anchors, code and commands, by a parser of CommonMark that is not ours."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]
_PARSER = MarkdownIt("commonmark").enable("table")
_SHELL = ("bash", "console", "sh", "")
_PYTHON = re.compile(r"(?:^|[\s;&|(])python3? (?P<words>[\w./-]+\.py\b.*)")


@dataclass(frozen=True)
class Command:
    """A Python script with its words, as a page shows it."""

    script: str
    words: tuple[str, ...]


def tokens(page: Path) -> Iterator[Token]:
    """Yield all tokens of a page, those inside a line too."""
    for token in _PARSER.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def targets(page: Path) -> list[str]:
    """Return where a page's links and images point, but for the addresses of the web."""
    found = [str(token.attrGet("href") or token.attrGet("src") or "") for token in tokens(page)]
    return [target for target in found if target and not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the names that a repository host gives to a page's headings."""
    known: dict[str, int] = {}
    found = set()
    parsed = _PARSER.parse(page.read_text(encoding="utf-8"))
    for opening, inline in zip(parsed, parsed[1:]):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            again = known.get(slug, 0)
            known[slug] = again + 1
            found.add(f"{slug}-{again}" if again else slug)
    return found


def python_blocks(page: Path) -> list[str]:
    """Return the code that a page calls Python."""
    return [token.content for token in tokens(page) if token.type == "fence" and token.info == "python"]


def commands(page: Path) -> list[Command]:
    """Return the Python scripts that a page says to run, in blocks and in sentences."""
    found = []
    for token in tokens(page):
        shell = token.type == "fence" and token.info.strip() in _SHELL
        if shell or token.type in ("code_block", "code_inline"):
            lines = token.content.replace("\\\n", " ").splitlines()
            found += [command for command in map(_command, lines) if command is not None]
    return found


def _command(line: str) -> Optional[Command]:
    match = _PYTHON.search(line)
    if match is None:
        return None
    lexer = shlex.shlex(match["words"], posix=True, punctuation_chars=True)
    lexer.commenters, lexer.whitespace_split = "#", True
    words = []
    for word in lexer:
        if set(word) <= set(";&|<>()"):
            break
        words.append(word)
    return Command(words[0], tuple(words[1:]))
