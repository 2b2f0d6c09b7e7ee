"""JSON and CSV that somebody else may have written, or that was cut off: read within limits, all of them here.

Every reader raises OSError for what the system refuses and ValueError for what the content does wrong, with a reason
that names neither file nor remedy: the caller knows both.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NoReturn, Union

AnyPath = Union[str, "os.PathLike[str]"]

# A configuration has 2 KB, and the longest of these files, a store's, 100 bytes for each GiB of pixels.
MAX_JSON_BYTES, MAX_JSON_VALUES = 16 << 20, 1_000_000
# Of the project's own files none is nested more than 8 deep.
MAX_JSON_DEPTH = 64
# The state of a random generator has 39.
MAX_DIGITS = 64
# evaluation.jsonl: a line has 1 KB.
MAX_LINES_BYTES = 64 << 20
# A cell is a file's name or a number; a list of images names at most some millions.
MAX_CELL, MAX_CELLS, MAX_LINE, MAX_CSV_BYTES = 131_072, 1000, 1 << 20, 2 << 30

ZIP_ERRORS = (
    *(zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OverflowError, IndexError, EOFError),
)
"""What zipfile raises for a directory that is damaged or made to deceive."""

_FOREIGN_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def open_regular(path: AnyPath) -> BinaryIO:
    """Open a file to be read as bytes; ValueError for a folder, a pipe, a device or a socket, without waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: AnyPath, limit: int) -> bytes:
    """Return a file's content; ValueError when it is longer than the limit, in bytes."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it is longer than {limit:,} bytes")
    return content


def read_json(path: AnyPath, *, non_finite: bool = False) -> Any:
    """Read a JSON file: see `parse_json`."""
    return parse_json(read_bytes(path, MAX_JSON_BYTES), non_finite=non_finite)


def read_json_object(path: AnyPath, *, non_finite: bool = False) -> dict[str, Any]:
    """Read a JSON file that holds an object: see `parse_json`."""
    return _object(read_json(path, non_finite=non_finite))


def object_or_empty(path: AnyPath) -> dict[str, Any]:
    """Read a JSON file that holds an object, in which NaN may be; an empty one for anything else."""
    try:
        return read_json_object(path, non_finite=True)
    except (OSError, ValueError):
        return {}


def read_json_lines(path: AnyPath) -> tuple[list[dict[str, Any]], int]:
    """Read a file with a JSON object on each line: return the objects, and how many lines hold none.

    A last line that a kill cut off is one of those.
    """
    found: list[dict[str, Any]] = []
    bad = 0
    for line in read_bytes(path, MAX_LINES_BYTES).split(b"\n"):
        if line.strip():
            try:
                found.append(_object(parse_json(line)))
            except ValueError:
                bad += 1
    return found, bad


def parse_json(content: bytes, *, non_finite: bool = False) -> Any:
    """Parse JSON in UTF-8.

    Strings may hold the bytes of a file's name that are no UTF-8, as U+DC80 to U+DCFF, and no other half of a
    surrogate pair and no NUL. With ``non_finite`` NaN and Infinity are accepted, which Python writes and JSON does not
    have.

    Raises ValueError when it is not JSON, is nested deeper than `MAX_JSON_DEPTH`, has more than `MAX_JSON_VALUES`
    values or a number with more than `MAX_DIGITS` digits, or one too large for a float.
    """
    if content.count(b",") + content.count(b"[") + content.count(b"{") > MAX_JSON_VALUES:
        raise ValueError(f"it holds more than {MAX_JSON_VALUES:,} values")
    try:
        value = json.loads(
            content.decode("utf-8-sig"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=float if non_finite else _refuse_constant,
        )
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH} levels") from None
    _check_depth_and_strings(value)
    return value


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"it holds a number of {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it holds the number {text[:40]}, which is too large")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}, which is no JSON number")


def _check_depth_and_strings(value: Any) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_string(one)
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, dict):
                inner += one.keys()
                inner += one.values()
        if not inner:
            return
        level = inner
    raise ValueError(f"it is nested deeper than {MAX_JSON_DEPTH} levels")


def _check_string(text: str) -> None:
    if "\0" in text:
        raise ValueError("it holds a string with a NUL in it")
    if _FOREIGN_SURROGATE.search(text):
        raise ValueError("it holds half of a surrogate pair")


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it does not hold a JSON object")
    return value


def read_csv(path: AnyPath, *, errors: str = "strict", cut: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row of a CSV file in UTF-8 that is not empty.

    Raises ValueError when it is not CSV, not UTF-8, holds a NUL, or is longer than `MAX_CSV_BYTES`; when a cell has
    more than `MAX_CELL` characters or a row more than `MAX_CELLS` cells.

    Parameters
    ----------
    errors
        How bytes that are no UTF-8 are taken, as `str.decode` has it.
    cut
        Leave out a last line without its end, and the NULs that a file system puts there after a power failure.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_CSV_BYTES:
            raise ValueError(f"it is longer than {MAX_CSV_BYTES:,} bytes")
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline="")
        lines = iter(lambda: text.readline(MAX_LINE + 1), "")
        try:
            yield from parse_csv(line for line in lines if not (cut and _is_cut(line)))
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8 text") from None


def _is_cut(line: str) -> bool:
    return not line.endswith("\n") and (len(line) <= MAX_LINE or not line.strip("\0"))


def parse_csv(lines: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each row of a table: see `read_csv`."""
    rows = csv.reader(_checked(lines), strict=True, delimiter=delimiter)
    try:
        for cells in rows:
            if max(map(len, cells), default=0) > MAX_CELL or len(cells) > MAX_CELLS:
                raise csv.Error(f"a cell of more than {MAX_CELL:,} characters, or more than {MAX_CELLS:,} cells")
            if cells:
                yield rows.line_num, cells
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num} is not CSV: {error}") from None


def _checked(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise ValueError(f"line {number} is not CSV: it is longer than {MAX_LINE:,} characters")
        # Python 3.11 takes it for a character, which no file's name and no number has; before, it is an error.
        if "\0" in line:
            raise ValueError(f"line {number} is not CSV: it holds a NUL")
        yield line


def read_table(path: AnyPath, columns: Iterable[str], *, cut: bool = False) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row of a CSV file whose first line names its columns, of which some must be there.

    Raises ValueError as `read_csv` does, and when a column is missing or named twice, or a row has more or fewer cells
    than the first.
    """
    rows = read_csv(path, cut=cut)
    _, head = next(rows, (0, []))
    missing = [name for name in columns if name not in head]
    if missing or len(set(head)) != len(head):
        raise ValueError(f"its first line lacks {missing[0]}" if missing else "its first line names a column twice")
    for line, cells in rows:
        if len(cells) != len(head):
            raise ValueError(f"line {line} has {len(cells)} cells, and the first line {len(head)}")
        yield line, dict(zip(head, cells))
