"""Lists of what large containers hold, made once and kept on the disk.

An index is a folder: ``names.bin`` holds all names one behind the other, ``rows.i64`` one row of
numbers for each image (where its name ends, then what its source needs to find it), ``data.bin``
what had to be unpacked, and ``index.json`` what the index was made from. Nothing of it is ever in
memory as a whole. A listing that was stopped goes on where it stopped, if its source can.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import numpy as np
from tqdm import tqdm

from gluon_wgan.data.sources.left_out import LeftOut
from gluon_wgan.data.sources.packed_names import LazyNames
from gluon_wgan.errors import UserError, remedy
from gluon_wgan.utils.atomic_folders import flush_to_disk, locked, replace_file
from gluon_wgan.utils.folders import named_as, remove_ours
from gluon_wgan.utils.progress_bars import progress_bar
from gluon_wgan.utils.untrusted import read_json_object

log = logging.getLogger("gluon_wgan.data")

FORMAT_VERSION = 1
NAMES, ROWS, DATA, META = "names.bin", "rows.i64", "data.bin", "index.json"
INDEX_FOLDER = "indices"
"""Where indices lie in the cache folder."""

_READ_WHOLE = 256 << 10
# So much is left free on the disk when something is unpacked.
_SPARE = 256 << 20
_FLUSH_EVERY = 4096
_is_index_file = named_as(*map(re.escape, (NAMES, ROWS, DATA, META, f".{META}")))


class Index:
    """An index on the disk of `count` images, opened when it is first used; pickles are small.

    `sha256` is the digest of all names and numbers, `left_out` what the container holds besides.
    """

    def __init__(self, folder: Path, count: int, columns: int, sha256: str, others: dict[str, int]) -> None:
        self.folder, self.count, self.columns, self.sha256 = folder, count, columns, sha256
        self.left_out = LeftOut()
        self.left_out.files.update(others)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("rows", "text")}

    @cached_property
    def rows(self) -> np.ndarray:
        """int64 (count, 1 + columns)."""
        return _mapped(self.folder / ROWS, np.int64).reshape(self.count, 1 + self.columns)

    @cached_property
    def text(self) -> np.ndarray:
        """uint8, all names."""
        return _mapped(self.folder / NAMES, np.uint8)

    @property
    def names(self) -> Sequence[str]:
        """The names of the images; those that are not plain text stand in hexadecimal."""
        return LazyNames(self.count, self._name)

    def key(self, number: int) -> bytes:
        """Return the name of image `number` as the container has it."""
        start = self.rows[number - 1, 0] if number else 0
        return self.text[start : self.rows[number, 0]].tobytes()

    def numbers(self, number: int) -> list[int]:
        """Return what is recorded about image `number`."""
        return self.rows[number, 1:].tolist()

    def _name(self, number: int) -> str:
        key = self.key(number)
        try:
            text = key.decode()
        except UnicodeDecodeError:
            return key.hex()
        return text if text.isprintable() else key.hex()


def _mapped(path: Path, dtype: Any) -> np.ndarray:
    """Return a file's numbers: mapped, or read if small, since each mapping costs a descriptor."""
    return np.fromfile(path, dtype) if path.stat().st_size <= _READ_WHOLE else np.memmap(path, dtype, "r")


class IndexWriter:
    """Appends images to an index, after those that are in its folder: `count` of them so far.

    What the container holds besides is to be counted in `left_out` by who lists it.
    """

    def __init__(self, folder: Path, columns: int, progress: tqdm) -> None:
        self._folder, self._columns, self._bar = folder, columns, progress
        self._names, self._rows, self._data = ((folder / name).open("ab") for name in (NAMES, ROWS, DATA))
        self._pending: list[int] = []
        self.left_out = LeftOut()
        self.count, self._end = self._cut_to_whole_rows()
        progress.update(self.count)

    def add(self, name: bytes, *numbers: int) -> None:
        """Append one image."""
        self._names.write(name)
        self._end += len(name)
        self._pending += (self._end, *numbers)
        self.count += 1
        if self.count % _FLUSH_EVERY == 0:
            self._flush()

    def unpack(self, content: bytes) -> int:
        """Append unpacked bytes, and return where they begin, or raise UserError if the disk would be full."""
        start = self._data.tell()
        free = shutil.disk_usage(self._folder).free
        if free < len(content) + _SPARE:
            raise UserError(
                f"Unpacking into {self._folder} stopped with {free >> 20} MiB free on its disk: make room there, or "
                "name another folder with --cache-dir."
            )
        self._data.write(content)
        return start

    def close(self) -> None:
        """Write everything and let go of the files."""
        if not self._data.closed:
            self._flush()
            for file in (self._names, self._rows, self._data):
                file.close()

    def _flush(self) -> None:
        """Write what has been added: names first, so that every written row has its name."""
        self._names.flush()
        self._rows.write(np.array(self._pending, np.int64).tobytes())
        self._rows.flush()
        self._bar.update(len(self._pending) // (1 + self._columns))
        self._pending.clear()

    def _cut_to_whole_rows(self) -> tuple[int, int]:
        """Remove what was only half written; return the count, and where the last name ends."""
        width = 8 * (1 + self._columns)
        count, end = self._rows.tell() // width, 0
        if count:
            end = int(np.fromfile(self._folder / ROWS, np.int64, 1, offset=(count - 1) * width)[0])
        if self._names.tell() < end:  # the disk has lost what was never flushed to it: begin anew
            count = end = 0
        self._rows.truncate(count * width)
        self._names.truncate(end)
        return count, end


Fill = Callable[[Path, IndexWriter], None]


def index_of(
    cache_dir: Path,
    path: Path,
    kind: str,
    facts: dict[str, Any],
    columns: int,
    fill: Fill,
    *,
    total: Optional[int] = None,
    resumable: bool = False,
) -> Index:
    """Open the index of a container, making it if it is not there or the container has changed.

    Parameters
    ----------
    kind
        What the container is; indices of different kinds lie side by side.
    facts
        JSON-able; another index is made when they differ.
    columns
        How many numbers are recorded for each image.
    fill
        Called with `path` and an `IndexWriter`, to list everything after the `count` images that it has.
    total
        How many images are expected, for the progress bar.
    resumable
        Whether `fill` can go on after images that were listed before.

    Raises
    ------
    UserError
        What `fill` raises, or if the cache folder cannot be written.
    """
    where = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    folder = cache_dir / INDEX_FOLDER / f"{kind}-{where}"
    made_from = {"format_version": FORMAT_VERSION, "columns": columns, **facts}
    index = _open(folder, made_from)
    if index is not None:
        return index
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            index = _open(folder, made_from)  # the process that had the lock may have made it
            if index is None:
                log.info("Listing %s once; later runs use the list in %s.", path, folder)
                with progress_bar(f"Listing {path.name}", total, shown=sys.stderr.isatty(), delay=1) as bar:
                    index = _make(folder, made_from, path, fill, resumable, bar)
    except OSError as error:
        raise UserError(
            f"Cannot keep the list of {path} in {folder} ({error.strerror or error}): "
            f"{remedy(error, 'name another folder with --cache-dir')}."
        ) from error
    return index


def _open(folder: Path, made_from: dict[str, Any]) -> Optional[Index]:
    """Return the complete index in `folder`, if there is one that was made from these facts."""
    meta = _meta(folder)
    if meta.get("made_from") != made_from or not isinstance(meta.get("count"), int):
        return None
    others = meta.get("others", {})
    if not isinstance(others, dict) or not all(isinstance(count, int) for count in others.values()):
        return None
    index = Index(folder, meta["count"], made_from["columns"], str(meta.get("sha256")), others)
    with suppress(OSError):
        sizes = [(folder / name).stat().st_size for name in (ROWS, NAMES, DATA)]
        if sizes == [index.count * 8 * (1 + index.columns), meta.get("text"), meta.get("data")]:
            return index
    return None


def _meta(folder: Path) -> dict[str, Any]:
    try:
        return read_json_object(folder / META)
    except (OSError, ValueError):
        return {}


def _make(folder: Path, made_from: dict[str, Any], path: Path, fill: Fill, resumable: bool, bar: tqdm) -> Index:
    if not resumable or _meta(folder) != {"made_from": made_from}:
        remove_ours(folder, _is_index_file)  # not truncated: another process may have it mapped
        folder.mkdir(exist_ok=True)
        replace_file(folder / META, json.dumps({"made_from": made_from}, indent=2) + "\n")
    writer = IndexWriter(folder, made_from["columns"], bar)
    try:
        fill(path, writer)
        writer.close()
    except BaseException as error:
        with suppress(OSError):  # of a full disk, whose first report is on its way up
            writer.close()
        if isinstance(error, Exception) or not resumable:  # at Ctrl-C, what is listed stays if it is of use
            remove_ours(folder, _is_index_file)
        raise
    digest = hashlib.sha256()
    for name in (NAMES, ROWS):
        digest.update(_mapped(folder / name, np.uint8).data)
    for name in (NAMES, ROWS, DATA):
        flush_to_disk(folder / name)
    sizes = {"text": (folder / NAMES).stat().st_size, "data": (folder / DATA).stat().st_size}
    others = writer.left_out.files
    facts = {"count": writer.count, "sha256": digest.hexdigest(), "others": others}
    replace_file(folder / META, json.dumps({"made_from": made_from, **facts, **sizes}, indent=2) + "\n")
    return Index(folder, writer.count, made_from["columns"], digest.hexdigest(), others)
