"""The images that a list names: CSV and its relatives, one name a line, im2rec's .lst, JSON lines."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, Optional, TextIO

from gluon_wgan.data.file_formats import IMAGE_SUFFIXES
from gluon_wgan.data.sources.base import AnyPath, existing_file, is_folder, unreadable
from gluon_wgan.data.sources.folder import FileSource
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError
from gluon_wgan.utils.untrusted import parse_csv, parse_json

log = logging.getLogger("gluon_wgan.data")

JSON_SUFFIXES = (".jsonl", ".ndjson")
LIST_SUFFIXES = (".csv", ".tsv", ".txt", ".lst", *JSON_SUFFIXES)
"""What the name of a list ends in."""
_NAME_COLUMNS = (
    *("file_name", "filename", "file", "image_id", "image", "image_path", "img_path", "path", "filepath", "file_path"),
    *("img", "name"),
)
"""What writers call the column or field of the image's name, the most telling first."""
_HEADERS = (*_NAME_COLUMNS, "id")
"""In tables: a field called id may be anything beside the one that names the image."""
_SEPARATORS: tuple[Optional[str], ...] = (",", ";", "\t", "|")
"""Beside these, None stands for lines that are names as a whole, and a space for any run of white space."""
_SAMPLED_ROWS = 50
_MAX_HEADER_ROWS = 2
"""CelebA's list_attr_celeba.txt has two: how many images there are, and the names of the attributes."""
_MAX_SEARCHED_FOLDERS = 1000
_SEARCH_DEPTH = 3
_MAX_NAME = 4096
_DRIVE = re.compile("[A-Za-z]:/")

Row = tuple[int, str]
"""Line number, from 1 up, and the cell that names an image."""


class ListSource(FileSource):
    """The images that a list names, in its order.

    The separator (comma, semicolon, tab, vertical bar, spaces, or none) and the column of the names are those
    with which most of the first rows name images: existing files before mere image suffixes, then columns with a
    usual header such as ``file_name``. Rows before the first image are headers. Backslashes are taken for slashes
    where no file has them in its name. Names without a suffix under a usual header get that of the files there.
    Images that do not exist are reported when they are read.

    Parameters
    ----------
    list_file
        The list, in UTF-8. Its names are relative to its own folder or, where that holds none of them, to the one
        folder below it that does, as CelebA's ``img_align_celeba`` beside ``list_attr_celeba.csv``. Absolute paths
        may lead into these.
    max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, a folder, not UTF-8 or damaged, lists nothing, names a file outside the list's folder, or
        several folders hold what it names.
    """

    def __init__(self, list_file: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(list_file, "a list of images")
        as_json = path.suffix.lower() in JSON_SUFFIXES
        rows = _json_rows(path) if as_json else _table_rows(path)
        suffix = _missing_suffix(path.parent, rows)
        names = [_checked_name(path, line, cell.strip() + suffix if suffix else cell) for line, cell in rows]
        if not names:
            field = ' as "file_name"' if as_json else ""
            raise UserError(f"{path} lists no image: put one relative path on each line{field}.")
        root = _root_of(path, names)
        super().__init__("csv", root, pack_names(names), path.stem, max_pixels)


def _missing_suffix(folder: Path, rows: Sequence[Row]) -> str:
    """Return what the files are called beyond the names in a list, or nothing if the names are whole."""
    if not rows or not _is_name(rows[0][1].strip()) or any(_looks_like_image(folder, cell) for _, cell in rows[:2]):
        return ""
    name = _with_slashes(rows[0][1].strip()).lstrip("/")
    places = (inside / name for inside in (folder, *_folders_below(folder)))
    found = (suffix for place in places for suffix in IMAGE_SUFFIXES if os.path.isfile(f"{place}{suffix}"))
    return next(found, "")


def _root_of(path: Path, names: Sequence[str]) -> Path:
    """Return the folder that the names of a list are relative to."""
    folder = path.parent
    sampled = names[:: -(-len(names) // _SAMPLED_ROWS)]
    if any(os.path.exists(folder / name) for name in sampled):
        return folder
    counts = {inside: sum(os.path.exists(inside / name) for name in sampled) for inside in _folders_below(folder)}
    best = [inside for inside, count in counts.items() if count and count == max(counts.values())]
    if len(best) > 1:
        raise UserError(
            f"{best[0]} and {best[1]} both hold images that {path} names: write paths that begin with the folder, "
            "or move the list into it."
        )
    if best:
        log.info("The images that %s names are in %s.", path, best[0])
    return best[0] if best else folder


def _folders_below(folder: Path) -> Iterator[Path]:
    """Yield folders below a folder, the nearest first, without reading whole trees."""
    level = [folder]
    left = _MAX_SEARCHED_FOLDERS
    for _ in range(_SEARCH_DEPTH):
        following: list[Path] = []
        for place in level:
            try:
                with os.scandir(place) as entries:
                    found = [entry.path for entry in entries if is_folder(entry) and not entry.name.startswith(".")]
            except OSError:
                continue  # what cannot be read holds no image that could be used
            following += map(Path, sorted(found))
        level = following[:left]
        left -= len(level)
        yield from level


def _table_rows(path: Path) -> list[Row]:
    """Return the rows of a list that is a table or has one name a line."""
    separator, column = _layout(path)
    try:
        rows = [(line, cells[column] if column < len(cells) else "") for line, cells in _split(path, separator)]
    except ValueError as error:
        raise UserError(f"{path} is not CSV ({error}): fix that line.") from error
    headers = _MAX_HEADER_ROWS if separator == " " else 1
    if rows and rows[0][1].strip().lower() in _HEADERS and not _looks_like_image(path.parent, rows[0][1]):
        return rows[1:]
    while rows and headers and not _looks_like_image(path.parent, rows[0][1]):
        del rows[0]
        headers -= 1
    return rows


def _layout(path: Path) -> tuple[Optional[str], int]:
    """Return the separator and the column with which most of a list's first rows name images."""
    separators = _SEPARATORS if path.suffix.lower() in (".csv", ".tsv") else (None, "\t", " ", *_SEPARATORS)
    best: tuple[int, ...] = ()
    chosen = (separators[0], 0)
    for place, separator in enumerate(separators):
        try:
            rows = [cells for _, cells in islice(_split(path, separator), _SAMPLED_ROWS)]
        except ValueError:
            continue  # if no other separator will do, the first is used again and its error is reported
        for column in range(max(map(len, rows), default=0)):
            cells = [row[column].strip() for row in rows if column < len(row)]
            exist = sum(os.path.isfile(path.parent / _with_slashes(cell)) for cell in cells if _is_name(cell))
            hits = sum(_looks_like_image(path.parent, cell) for cell in cells)
            header = cells[0].lower()
            usual = len(_HEADERS) - _HEADERS.index(header) if header in _HEADERS else 0
            score = (exist, hits, usual, -column, -place)
            if (hits or usual) and score > best:
                best, chosen = score, (separator, column)
    return chosen


def _split(path: Path, separator: Optional[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of each row that is not blank.

    ValueError, with the line, is raised if a table is damaged, and UserError as by `_text`.
    """
    with _text(path) as lines:
        if separator in (None, " "):
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, [line.rstrip("\r\n")] if separator is None else line.split()
            return
        for number, cells in parse_csv(lines, str(separator)):
            if any(cell.strip() for cell in cells):
                yield number, cells


def _json_rows(path: Path) -> list[Row]:
    """Return the rows of a list with a JSON object, or only a string, on each line."""
    rows: list[Row] = []
    with _text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                value = parse_json(line.encode())
            except ValueError as error:
                raise UserError(f"{path}, line {number}, is not JSON ({error}): fix that line.") from error
            rows.append((number, _named_in(value)))
    return rows


def _named_in(value: Any) -> str:
    """Return the file name in a line's JSON value, or nothing."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return ""
    fields = [value[name] for name in _NAME_COLUMNS if name in value]
    for field in fields:
        name = field.get("path") if isinstance(field, dict) else field  # a dict: an image of the datasets library
        if isinstance(name, str) and name.strip():
            return name
    images = (text for text in value.values() if isinstance(text, str) and text.lower().endswith(IMAGE_SUFFIXES))
    return next(images, "")


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """Open a list as text, with one sentence for what can go wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it in UTF-8.") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _is_name(cell: str) -> bool:
    return bool(cell) and "\0" not in cell and len(cell) < _MAX_NAME


def _looks_like_image(folder: Path, cell: str) -> bool:
    return cell.strip().lower().endswith(IMAGE_SUFFIXES) or (_is_name(cell) and os.path.isfile(folder / cell))


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


def _checked_name(path: Path, line: int, cell: str) -> str:
    """Return a cell as a path relative to the list's folder, or to one below it."""
    if not _is_name(cell.strip()):
        raise UserError(f"{path}, line {line}, names no file: add its name or remove the line.")
    name = _as_written(path.parent, cell)
    if PurePosixPath(name).is_absolute():
        absolute = os.path.normpath(name)
        folder, real = os.path.abspath(path.parent), os.path.realpath(path.parent)
        for place, root in ((absolute, folder), (absolute, real), (os.path.realpath(absolute), real)):
            if place.startswith(root.rstrip("/") + "/"):
                return os.path.relpath(place, root)
    inside = PurePosixPath(os.path.normpath(name))
    if inside.is_absolute() or inside.parts[:1] == ("..",) or _DRIVE.match(name):
        raise UserError(
            f"{path}, line {line}, names {cell.strip()}, outside the list's folder: move the list to a folder "
            "that holds its images."
        )
    return name


def _as_written(folder: Path, cell: str) -> str:
    """Return a cell without the blanks around it and with slashes for backslashes, unless a file has that name."""
    tidy = _with_slashes(cell.strip())
    if tidy == cell or os.path.lexists(folder / cell):
        return cell
    # Blanks belong to the name as written, unless it is only without them that there is a file.
    return tidy if "\\" in cell or os.path.lexists(folder / tidy) else cell
