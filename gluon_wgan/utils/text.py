"""Names that others chose, made harmless for terminals, spreadsheets and Markdown."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1, separators of lines, and what turns the direction of writing around.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FORMULA = "=+-@\t\r"


def printable(text: str) -> str:
    r"""Return a text with its control characters spelled out, as in ``\x1b``; tabs and line ends stay."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def csv_name(name: str) -> str:
    """Return a name as a CSV field that spreadsheets do not take for a formula: with ``'`` before it."""
    return f"'{name}" if name.lstrip("'")[:1] in tuple(_FORMULA) else name


def name_in_csv(field: str) -> str:
    """Return the name that `csv_name` made a field of."""
    return field[1:] if field[:1] == "'" and field.lstrip("'")[:1] in tuple(_FORMULA) else field


def markdown_text(text: str) -> str:
    """Return a text that Markdown shows in one line as it is, without HTML, links, images or table cells."""
    one_line = " ".join(printable(text).split())
    shown = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\[\]|])", r"\\\1", shown)
