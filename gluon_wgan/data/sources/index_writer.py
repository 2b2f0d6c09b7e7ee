"""Append to an index on the disk, and go on after what is there; see `gluon_wgan.data.sources.member_index`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Optional

import numpy as np
from tqdm import tqdm

from gluon_wgan.data.sources.left_out import LeftOut
from gluon_wgan.errors import UserError

NAMES, ROWS, DATA = "names.bin", "rows.i64", "data.bin"

# So much is left free on the disk when something is unpacked.
_SPARE = 256 << 20
_FLUSH_EVERY = 4096


class IndexWriter:
    """Appends images to an index that is being made.

    Attributes
    ----------
    count
        How many images there are so far.
    left_out
        What the container holds besides, to be counted by who lists it.
    """

    def __init__(self, folder: Path, columns: int, progress: Optional[tqdm] = None) -> None:
        self._folder, self._columns, self._bar = folder, columns, progress
        self._names = (folder / NAMES).open("ab")
        self._rows = (folder / ROWS).open("ab")
        self.data = (folder / DATA).open("ab")
        self._pending: list[int] = []
        self._unsaved_text = 0
        self.left_out = LeftOut()
        self.count, self._end = self._cut_to_whole_rows()

    def add(self, name: bytes, *numbers: int) -> None:
        """Append one image."""
        self._names.write(name)
        self._end += len(name)
        self._pending += (self._end, *numbers)
        self.count += 1
        if self.count % _FLUSH_EVERY == 0:
            self.flush()

    def unpack(self, content: bytes) -> int:
        """Append unpacked bytes, and return where they begin.

        Raises
        ------
        UserError
            If the disk would be full.
        """
        start = self.data.tell()
        free = shutil.disk_usage(self._folder).free
        if free < len(content) + _SPARE:
            raise UserError(
                f"Unpacking into {self._folder} stopped with {free >> 20} MiB free on its disk: make room there, or "
                "name another folder with --cache-dir."
            )
        self.data.write(content)
        return start

    def flush(self) -> None:
        """Write what has been added: names first, so that every written row has its name."""
        self._names.flush()
        self._rows.write(np.array(self._pending, np.int64).tobytes())
        self._rows.flush()
        if self._bar is not None:
            self._bar.update(len(self._pending) // (1 + self._columns))
        self._pending.clear()

    def close(self) -> None:
        """Write everything and let go of the files."""
        if self.data.closed:
            return
        self.flush()
        for file in (self._names, self._rows, self.data):
            file.close()

    def _cut_to_whole_rows(self) -> tuple[int, int]:
        """Remove what was only half written; return the count, and where the last name ends."""
        width = 8 * (1 + self._columns)
        count, end = self._rows.tell() // width, 0
        if count:
            with (self._folder / ROWS).open("rb") as file:
                file.seek((count - 1) * width)
                end = int(np.frombuffer(file.read(8), np.int64)[0])
        if self._names.tell() < end:  # the disk has lost what was never flushed to it: begin anew
            count = end = 0
        self._rows.truncate(count * width)
        self._names.truncate(end)
        return count, end
