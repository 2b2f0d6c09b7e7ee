"""The images that a CSV file lists."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Optional

from gluon_wgan.data.sources.base import IMAGE_SUFFIXES, AnyPath, existing_file, unreadable
from gluon_wgan.data.sources.folder import FileSource
from gluon_wgan.data.sources.names import pack_names
from gluon_wgan.errors import UserError


class CsvSource(FileSource):
    """The images that a CSV file lists in its first column, relative to the CSV's own folder.

    A first row that names neither an existing file nor anything with an image's extension is
    a header. Further columns are ignored. Images that do not exist are found out when read.

    Parameters
    ----------
    csv_file
        The list, in UTF-8.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If it is missing, a folder, not UTF-8 or not CSV, lists nothing, or names a file
        outside its folder.
    """

    def __init__(self, csv_file: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(csv_file, "a CSV file")
        rows = list(_first_cells(path))
        if rows and not _looks_like_image(path.parent, rows[0][1]):
            del rows[0]
        names = [_checked_name(path, line, cell) for line, cell in rows]
        if not names:
            raise UserError(f"{path} lists no image: put one relative path on each line.")
        super().__init__("csv", path.parent, pack_names(names), path.stem, max_pixels)


def _first_cells(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line number and first cell of each row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield rows.line_num, row[0]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UserError(f"{path}, line {rows.line_num}, is not CSV ({error}): mend that line.") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _looks_like_image(folder: Path, cell: str) -> bool:
    return cell.lower().endswith(IMAGE_SUFFIXES) or os.path.isfile(folder / cell)


def _checked_name(path: Path, line: int, cell: str) -> str:
    inside = PurePosixPath(os.path.normpath(cell))
    if not cell.strip() or "\0" in cell:
        raise UserError(f"{path}, line {line}, names no file in its first column: add it or remove the line.")
    if inside.is_absolute() or inside.parts[:1] == ("..",):
        raise UserError(f"{path}, line {line}, names {cell}, outside its folder: use paths relative to it.")
    return cell
