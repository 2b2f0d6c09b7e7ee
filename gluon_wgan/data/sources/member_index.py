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
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import numpy as np
from tqdm import tqdm

from gluon_wgan.data.sources.index_writer import DATA, NAMES, ROWS, IndexWriter
from gluon_wgan.data.sources.left_out import LeftOut
from gluon_wgan.data.sources.packed_names import LazyNames
from gluon_wgan.errors import UserError, remedy
from gluon_wgan.utils.atomic_folders import flush_to_disk, locked
from gluon_wgan.utils.folders import named_as, remove_ours
from gluon_wgan.utils.progress_bars import redraw_seconds
from gluon_wgan.utils.untrusted import read_json_object

log = logging.getLogger("gluon_wgan.data")

FORMAT_VERSION = 1
META = "index.json"
INDEX_FOLDER = "indices"
"""Where indices lie in the cache folder."""

_BLOCK = 1 << 20
_READ_WHOLE = 256 << 10
_is_index_file = named_as(*map(re.escape, (NAMES, ROWS, DATA, META, f".{META}")))


class Index:
    """An index on the disk, opened when it is first used; pickles are small.

    Attributes
    ----------
    folder
        Where it lies.
    count
        How many images it lists.
    sha256
        Digest of all names and numbers.
    left_out
        What the container holds besides.
    """

    def __init__(self, folder: Path, count: int, columns: int, sha256: str, others: dict[str, int]) -> None:
        self.folder, self.count, self.columns, self.sha256 = folder, count, columns, sha256
        self.left_out = LeftOut()
        self.left_out.files.update(others)

    def __getstate__(self) -> dict[str, Any]:
        kept = ("folder", "count", "columns", "sha256", "left_out")
        return {name: value for name, value in self.__dict__.items() if name in kept}

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
        """The names of the images."""
        return IndexNames(self)

    def key(self, number: int) -> bytes:
        """Return the name of image `number` as the container has it."""
        start = self.rows[number - 1, 0] if number else 0
        return self.text[start : self.rows[number, 0]].tobytes()

    def numbers(self, number: int) -> list[int]:
        """Return what is recorded about image `number`."""
        return self.rows[number, 1:].tolist()


def _mapped(path: Path, dtype: Any) -> np.ndarray:
    """Return a file's numbers: mapped, or read if small, since each mapping costs a descriptor."""
    return np.fromfile(path, dtype) if path.stat().st_size <= _READ_WHOLE else np.memmap(path, dtype, "r")


class IndexNames(LazyNames):
    """The names in an index, read when asked for; those that are not plain text stand in hexadecimal."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return self._index.count

    def name(self, index: int) -> str:
        """Return the name of image number `index`."""
        key = self._index.key(index)
        try:
            text = key.decode()
        except UnicodeDecodeError:
            return key.hex()
        return text if text.isprintable() else key.hex()


Fill = Callable[[IndexWriter], None]


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
    cache_dir
        The cache folder.
    path
        The container.
    kind
        What it is; indices of different kinds lie side by side.
    facts
        JSON-able; another index is made when they differ.
    columns
        How many numbers are recorded for each image.
    fill
        Called with an `IndexWriter`, to list everything after the `count` images that it has.
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
    folder = Path(cache_dir) / INDEX_FOLDER / f"{kind}-{where}"
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
                description = f"Listing {path.name}"
                with tqdm(
                    total=total, desc=description, unit=" images", disable=None, delay=1, mininterval=redraw_seconds()
                ) as bar:
                    index = _make(folder, made_from, columns, fill, resumable, bar)
    except OSError as error:
        raise UserError(
            f"Cannot keep the list of {path} in {folder} ({error.strerror or error}): "
            f"{remedy(error, 'name another folder with --cache-dir')}."
        ) from error
    return index


def _open(folder: Path, made_from: dict[str, Any]) -> Optional[Index]:
    """Return the complete index in `folder`, if there is one that was made from these facts."""
    meta = _meta(folder)
    if meta is None or meta.get("made_from") != made_from or not isinstance(meta.get("count"), int):
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


def _meta(folder: Path) -> Optional[dict[str, Any]]:
    try:
        return read_json_object(folder / META)
    except (OSError, ValueError):
        return None


def _make(
    folder: Path, made_from: dict[str, Any], columns: int, fill: Fill, resumable: bool, bar: Optional[tqdm]
) -> Index:
    started = _meta(folder)
    if not (resumable and started == {"made_from": made_from}):
        remove_ours(folder, _is_index_file)  # not truncated: another process may have it mapped
        folder.mkdir(exist_ok=True)
        _write_meta(folder, {"made_from": made_from})
    writer = IndexWriter(folder, columns, bar)
    if bar is not None:
        bar.update(writer.count)
    try:
        fill(writer)
        writer.close()
    except Exception:
        with suppress(OSError):  # of a full disk, whose first report is on its way up
            writer.close()
        remove_ours(folder, _is_index_file)
        raise
    except BaseException:  # Ctrl-C: what is listed stays, if it is of use
        writer.close()
        if not resumable:
            remove_ours(folder, _is_index_file)
        raise
    digest = hashlib.sha256()
    for name in (NAMES, ROWS):
        with (folder / name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        flush_to_disk(folder / name)
    flush_to_disk(folder / DATA)
    sizes = {"text": (folder / NAMES).stat().st_size, "data": (folder / DATA).stat().st_size}
    index = Index(folder, writer.count, columns, digest.hexdigest(), writer.left_out.files)
    facts = {"count": index.count, "sha256": index.sha256, "others": writer.left_out.files, **sizes}
    _write_meta(folder, {"made_from": made_from, **facts})
    return index


def _write_meta(folder: Path, meta: dict[str, Any]) -> None:
    partial = folder / f".{META}"
    partial.write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    flush_to_disk(partial)
    partial.replace(folder / META)
