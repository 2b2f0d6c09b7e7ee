"""From a template to one HTML file that loads nothing from a network, its images inside it as data URIs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Optional

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from gluon_wgan.errors import UserError
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.folders import remove_stale_files

HERE = Path(__file__).parent
COLOURS, BASE = ((HERE / name).read_text(encoding="utf-8") for name in ("colours.css", "base.css"))
"""Colours, light and dark, as CSS variables; type, tables, cards and how they fold on a narrow screen."""
GENERATOR = "gluon_wgan"
QUALITY = 92
"""Of JPEG copies, without colour subsampling: a tenth of the PNG's size, and no difference that one sees."""
SHORT = 10
"""Characters of a hash that are shown."""
_HASH = re.compile(r"\b([0-9a-f]{32,128})\b")
_CHARTS = "charts.js"  # draws with uPlot
_MARK = f'<meta name="generator" content="{GENERATOR}">'


def render(template: str, scripts: Sequence[str], drawn: Any, **values: Any) -> str:
    """Return a page: what its scripts draw from is JSON-able, and every string that the template shows is escaped."""
    style, script = _style(_CHARTS in scripts), _script(tuple(scripts))
    return (
        environment()
        .get_template(template)
        .render(
            head=Markup(_MARK),
            policy=policy(style, f"script-src '{_hash(script)}'", "img-src 'self' data: file:"),
            style=Markup(style),
            script=Markup(script),
            data_json=Markup(json_in_html(drawn)),
            **values,
        )
    )


def policy(style: str, *allowed: str) -> str:
    """Return a content policy under which a page is styled by one sheet, and runs and loads nothing but what is named.

    That is allowed by directives such as ``img-src data:``.
    """
    sheet = f"style-src '{_hash(style)}'"
    return "; ".join(["default-src 'none'", sheet, *allowed, "base-uri 'none'", "form-action 'none'"])


def json_in_html(value: Any) -> str:
    """Return JSON that a script element can hold, whatever the strings in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def short_hashes(text: str) -> Markup:
    """Return text in which every hash is its beginning, which unfolds to the whole on a click."""
    parts = _HASH.split(text)
    unfolded = Markup('<details class="hash"><summary title="show all of it">{}…</summary>{}</details>')
    return Markup("").join(
        unfolded.format(part[:SHORT], part) if place % 2 else part for place, part in enumerate(parts)
    )


def refuse_foreign(path: Path) -> None:
    """Refuse to write over anything but a page of this project or an empty file: UserError naming it."""
    if path.is_file():
        if not path.is_symlink() and path.stat().st_size == 0:
            return  # nothing is lost
        with path.open("rb") as file:
            if _MARK.encode() in file.read(2000):
                return
    if path.exists() or path.is_symlink():
        raise UserError(f"{path} is not a page that this project wrote: move it away, or give another name.")


def write_page(path: Path, text: str) -> None:
    """Write a page in one step; UserError when something else is there."""
    refuse_foreign(path)
    remove_stale_files(path.parent, [path.name])
    atomic_files.write_bytes(path, text.encode("utf-8", "backslashreplace"))


def png_uri(pixels: np.ndarray) -> str:
    """Return uint8 pixels (H, W) or (H, W, C) with C 1 or 3 as they are."""
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    return image_uri(Image.fromarray(np.ascontiguousarray(flat)))


def jpeg_uri(path: Path) -> Optional[str]:
    """Return a JPEG copy of an image file; None where it cannot be read, which training may still be writing."""
    try:
        with Image.open(path) as image:
            return image_uri(image, "jpeg", quality=QUALITY, subsampling=0)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def image_uri(image: Image.Image, kind: str = "png", **options: Any) -> str:
    """Return an image in a format and with options of Pillow's."""
    content = io.BytesIO()
    image.save(content, kind, optimize=True, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


@cache
def environment() -> Environment:
    """Return where the templates and their filters are."""
    loader = FileSystemLoader(HERE)
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    templates.filters["short_hashes"] = short_hashes
    return templates


@cache
def _style(charts: bool) -> str:
    names = ("vendor/uPlot.min.css", "pages.css") if charts else ("pages.css",)
    return COLOURS + BASE + "".join(map(_read, names))


@cache
def _script(names: tuple[str, ...]) -> str:
    whole = "\n".join(map(_read, names))
    if _CHARTS in names:
        whole = f"/* uPlot\n{_read('vendor/LICENSE')}*/\n{_read('vendor/uPlot.iife.min.js')}\n{whole}"
    return f'(() => {{\n"use strict";\n{whole}}})();\n'


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
