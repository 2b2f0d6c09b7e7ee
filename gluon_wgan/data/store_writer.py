"""Writing a store from its first image to its last, so that a process killed on the way loses little.

Every file only grows. A journal says how long each was at some moment and what its SHA-256 then was; who
goes on after a kill reads the files up to there, checks them, and cuts off what came later.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.data.preprocessing_spec import spec_key
from gluon_wgan.data.store import DARK, FORMAT_VERSION, LEFT_OUT, META, NAME_ENDS, NAMES, SKIPPED, WARNING, shard_name
from gluon_wgan.utils.append_file import GrowingFile
from gluon_wgan.utils.atomic_folders import flush_to_disk, replace_file
from gluon_wgan.utils.folders import named_as, remove_ours
from gluon_wgan.utils.text import csv_name, printable
from gluon_wgan.utils.untrusted import read_json_object

log = logging.getLogger("gluon_wgan.data")

JOURNAL = "progress.json"
JOURNAL_SECONDS = 5.0
"""How much work a kill may cost, at most."""
# Often enough that little is left to be waited for at the end.
_FLUSH_BYTES = 1 << 24
_LISTS = (NAMES, NAME_ENDS, SKIPPED)
is_store_file = named_as(
    r"pixels-\d{5,}\.u8", *map(re.escape, _LISTS), *(rf"\.?{re.escape(name)}" for name in (META, JOURNAL))
)
"""Whether a file of this name is written into a store, finished or not."""


class StoreWriter:
    """An unfinished store, which continues with what is in its folder if that was begun from the same in the same way.

    Parameters
    ----------
    folder
        Where to write; it exists.
    made_from
        See `gluon_wgan.data.preprocessing_spec`.
    row
        Shape of one image: (channels, size, size).
    per_shard
        How many images a shard holds.
    warning
        What is to be kept in the store for who trains on it, or None.

    Attributes
    ----------
    kept, skipped
        How many of the source's images are dealt with.
    """

    def __init__(
        self, folder: Path, made_from: dict[str, Any], row: tuple[int, int, int], per_shard: int, warning: Optional[str]
    ) -> None:
        self.folder, self.row, self.per_shard = folder, row, per_shard
        key, notes = spec_key(made_from), {} if warning is None else {WARNING: warning}
        self._header = {"format_version": FORMAT_VERSION, "key": key, "made_from": made_from, **notes}
        self._flusher = ThreadPoolExecutor(1, thread_name_prefix="gluon_wgan.store")
        self._flushing: Optional[Future[None]] = None
        self._since_flush, self._journal_due = 0, time.monotonic() + JOURNAL_SECONDS
        journal = read_journal(folder)
        self._clear()
        if journal is not None and (journal["key"], journal["per_shard"]) == (key, per_shard):
            try:
                self._go_on(journal)
                return
            except (OSError, KeyError, TypeError, ValueError) as error:
                log.warning("Preparing from the beginning, since %s cannot be continued (%s).", folder, error)
                self._close_files()
                self._clear()
        self._begin()

    def _clear(self) -> None:
        self.kept = self.skipped = 0
        self._dark: dict[str, Any] = {}
        self._full: list[dict[str, Any]] = []  # size and hash of the shards that are closed
        self._shard: Optional[GrowingFile] = None
        self._lists: dict[str, GrowingFile] = {}
        self._whole = hashlib.sha256()
        self._unflushed: list[Path] = []

    @property
    def consumed(self) -> int:
        """How many of the source's images are dealt with, kept or skipped."""
        return self.kept + self.skipped

    def append(
        self,
        rows: np.ndarray,
        names: Iterable[str],
        skipped: Sequence[tuple[str, str]],
        dark: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Take in some consecutive images of the source: rows and names of the good; names of the bad, and why.

        The rows are uint8 (images, channels, size, size), contiguous. For `dark` images, of 16 bits of which the upper
        ones are unused, there is the name and the largest value.
        """
        for name, peak in dark:
            self._dark.setdefault("first", printable(name))
            self._dark["images"] = self._dark.get("images", 0) + 1
            self._dark["peak"] = max(self._dark.get("peak", 0), peak)
        start = 0
        while start < len(rows):
            if self._shard is None:
                self._shard = GrowingFile(self.folder / shard_name(len(self._full)))
                self._unflushed.append(self._shard.path)
            room = self.per_shard - self.kept % self.per_shard
            piece = rows[start : start + room]
            self._shard.append(piece)
            if self._full:
                self._whole.update(piece.data)
            self.kept += len(piece)
            start += len(piece)
            if self.kept % self.per_shard == 0:
                self._close_shard()
        encoded, lists = [os.fsencode(name) for name in names], self._lists
        ends = lists[NAMES].size + np.cumsum([*map(len, encoded)], dtype=np.int64)
        lists[NAME_ENDS].append(ends.astype("<i8").tobytes())
        lists[NAMES].append(b"".join(encoded))
        lists[SKIPPED].append(_as_csv(skipped))
        self.skipped += len(skipped)
        self._since_flush += rows.nbytes
        self._flush_now_and_then()

    def finish(self, left_out: Sequence[tuple[str, str]]) -> None:
        """Write ``store.json``: the folder then holds a whole store.

        What was left out of the source without being looked at, and why, is listed behind the skipped images.
        """
        self._lists[SKIPPED].append(_as_csv(left_out))
        if self._shard is not None:
            self._close_shard()
        files = {name: file.facts() for name, file in self._lists.items()}
        self.close()
        if self._flushing is not None:
            self._flushing.result()
        meta = {
            **self._header,
            "shape": [self.kept, *self.row],
            "images_per_shard": self.per_shard,
            "shards": [facts["sha256"] for facts in self._full],
            "files": files,
            "content_sha256": self._whole.hexdigest(),
            LEFT_OUT: [list(row) for row in left_out],
            **({DARK: self._dark} if self._dark else {}),
        }
        replace_file(self.folder / META, json.dumps(meta, indent=2) + "\n")
        (self.folder / JOURNAL).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the files; what the journal knows of stays."""
        self._flusher.shutdown()
        self._close_files()

    def discard(self) -> None:
        """Delete everything that was written."""
        self.close()
        remove_ours(self.folder, is_store_file)

    def _begin(self) -> None:
        remove_ours(self.folder, is_store_file)
        self.folder.mkdir(exist_ok=True)
        # Before anything else, so that a folder without a journal is known to be somebody else's.
        replace_file(self.folder / JOURNAL, json.dumps(self._journal()))
        self._lists = {name: GrowingFile(self.folder / name) for name in _LISTS}
        self._lists[SKIPPED].append(_as_csv([("name", "reason")]))

    def _go_on(self, journal: dict[str, Any]) -> None:
        """Check and reopen everything as the journal has it."""
        if not journal["files"]:
            self._begin()
            return
        for number, facts in enumerate(journal["shards"]):
            also = self._whole if number else None
            self._shard = GrowingFile(self.folder / shard_name(number), **facts, also=also)
            if number < len(journal["shards"]) - 1 or journal["kept"] % self.per_shard == 0:
                self._close_shard()
        self._lists = {name: GrowingFile(self.folder / name, **journal["files"][name]) for name in _LISTS}
        self.kept, self.skipped = int(journal["kept"]), int(journal["skipped"])
        self._dark = dict(journal.get(DARK, {}))

    def _close_shard(self) -> None:
        assert self._shard is not None
        self._full.append(self._shard.facts())
        self._shard.close()
        if len(self._full) == 1:  # until now, all pixels were those of the first shard
            self._whole = self._shard.digest
        self._shard = None

    def _close_files(self) -> None:
        for file in (*self._lists.values(), *([self._shard] if self._shard is not None else [])):
            with suppress(OSError):  # of a full disk, whose first report is on its way up
                file.close()

    def _flush_now_and_then(self) -> None:
        if self._flushing is not None:
            if not self._flushing.done():
                return
            self._flushing.result()
            self._flushing = None
        if time.monotonic() >= self._journal_due:
            self._flushing = self._flusher.submit(self._flush, self._unflushed, json.dumps(self._journal()))
            self._unflushed = [] if self._shard is None else [self._shard.path]
            self._since_flush, self._journal_due = 0, time.monotonic() + JOURNAL_SECONDS
        elif self._since_flush >= _FLUSH_BYTES:
            self._since_flush = 0
            self._flushing = self._flusher.submit(self._flush, list(self._unflushed), None)

    def _journal(self) -> dict[str, Any]:
        shards = self._full if self._shard is None else [*self._full, self._shard.facts()]
        return {
            "key": self._header["key"],
            "made_from": self._header["made_from"],
            "per_shard": self.per_shard,
            "kept": self.kept,
            "skipped": self.skipped,
            DARK: dict(self._dark),
            "shards": shards,
            "files": {name: file.facts() for name, file in self._lists.items()},
        }

    def _flush(self, paths: Sequence[Path], journal: Optional[str]) -> None:
        """Flush shards to the disk, and if there is a journal, the lists, and then the journal itself."""
        for path in (*paths, *(self.folder / name for name in _LISTS if journal is not None)):
            flush_to_disk(path)
        if journal is not None:
            replace_file(self.folder / JOURNAL, journal)


def was_begun(partial: Path) -> bool:
    """Say whether a folder is empty or bears the marks of a store that this module was writing into it."""
    names = set(os.listdir(partial))
    return not names or not names.isdisjoint((JOURNAL, f".{JOURNAL}", META))


def read_journal(folder: Path) -> Optional[dict[str, Any]]:
    """Return the journal of an unfinished store, or None if there is none that can be read."""
    try:
        journal = read_json_object(folder / JOURNAL)
    except (OSError, ValueError):
        return None
    counts = [journal.get(name) for name in ("per_shard", "kept", "skipped")]
    whole = all(type(count) is int and 0 <= count < 2**53 for count in counts)
    return journal if whole and "key" in journal and isinstance(journal.get("made_from"), dict) else None


def _as_csv(rows: Iterable[tuple[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows((csv_name(name), csv_name(reason)) for name, reason in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
