"""Images in MXNet's RecordIO, as im2rec packs them.

Read here and not with ``mxnet.recordio``: importing MXNet would cost every helper process
seconds and hundreds of megabytes, and its reader stops the process's work at the first damaged byte.
A record is a magic number, a length whose upper three bits say which part of an image it is, the content,
and padding to four bytes; the content of an image begins with a header of flag, label and two numbers.
"""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import Any, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources.base import AnyPath, damaged, existing_file, unreadable
from gluon_wgan.data.sources.containers import IndexedSource, file_facts, read_span
from gluon_wgan.data.sources.member_index import IndexWriter

log = logging.getLogger("gluon_wgan.data")

MAGIC = 0xCED7230A
_HEAD = Struct("<II")
_IMAGE_HEADER = Struct("<IfQQ")
_LENGTH_BITS = 29
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_MAX_WITHOUT_IMAGE = 4096
"""Bytes that a record may have at most to be looked into for an image: those without one hold a few labels."""


class RecordSource(IndexedSource):
    """The images of a RecordIO file, in the order of its .idx file, or of the file itself without one.

    Records that hold only labels, as those in which insightface keeps what belongs to whom, are left out.

    Parameters
    ----------
    record_file
        The .rec file; the .idx beside it is used if it exists. The .idx may be given instead.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, no RecordIO file, cut off, or its .idx does not belong to it; or if the
        cache folder cannot be written.
    """

    kind, index_kind, columns = "rec", "records", 1

    def __init__(self, record_file: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        given = Path(record_file)
        path = existing_file(given.with_suffix(".rec") if given.suffix == ".idx" else given, "a RecordIO file")
        idx = path.with_suffix(".idx")
        facts: dict[str, Any] = file_facts(path)
        if idx.is_file():
            facts["idx"] = file_facts(idx)
        fill, nothing = _list_idx if idx.is_file() else _scan, "no record: make it again with im2rec"
        super().__init__(path, cache_dir, fill, path.stem, max_pixels, nothing, facts=facts)

    def encoded(self, index: int) -> bytes:
        """See `EncodedSource`."""
        (place,) = self.index.numbers(index)
        content = _record(self.path, place, self.facts["bytes"])
        if len(content) < _IMAGE_HEADER.size:
            raise BadImage(f"the record at byte {place} is too short for an image")
        labels = _IMAGE_HEADER.unpack_from(content)[0]  # 0: the label stands in the header; else so many follow
        return content[_IMAGE_HEADER.size + 4 * labels :]


def _head(content: bytes) -> tuple[Optional[int], int]:
    """Return which part of an image a record is, None if it is no record, and the length of its content."""
    magic, word = _HEAD.unpack(content)
    return word >> _LENGTH_BITS if magic == MAGIC else None, word & ((1 << _LENGTH_BITS) - 1)


def _record(path: str, place: int, length: int) -> bytes:
    """Return the content of a record, put together again if it was split where it holds the magic number."""
    content, wanted = b"", (_WHOLE, _FIRST)
    while True:
        part, size = _head(read_span(path, place, _HEAD.size))
        if part not in wanted:
            raise BadImage(f"no record begins at byte {place}")
        if place + _HEAD.size + size > length:
            raise BadImage(f"the record at byte {place} is said to be longer than its file")
        content += read_span(path, place + _HEAD.size, size)
        if part in (_WHOLE, _LAST):
            return content
        content += MAGIC.to_bytes(4, "little")
        place, wanted = place + _HEAD.size + -(-size // 4) * 4, (_MIDDLE, _LAST)


def _list_idx(path: Path, writer: IndexWriter) -> None:
    """List the records that the .idx file names: a key, a tab and a place on each line."""
    places = array("q", (place for _, place in _idx_lines(path)))
    # A record ends where the next begins, so the few small ones are known without reading all the others' heads.
    ordered = np.sort(np.frombuffer(places, np.int64)) if places else np.zeros(0, np.int64)
    small = set(ordered[:-1][np.diff(ordered) <= _MAX_WITHOUT_IMAGE].tolist()) | set(ordered[-1:].tolist())
    _add(writer, path, _idx_lines(path), small.__contains__)
    for _ in _starts(path, max(places, default=0)):  # walks to the end, and so finds out that the file is cut off
        pass


def _idx_lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield key and place of each record that the .idx file beside `path` names."""
    idx, length = path.with_suffix(".idx"), path.stat().st_size
    at = 0
    try:
        with idx.open("rb") as file:
            for line in file:
                key, _, place = line.strip().partition(b"\t")
                if not key or not place.isdigit() or len(place) > 18 or not line.endswith(b"\n"):
                    raise damaged(idx, at, "a line is not a key, a tab, a place and a line's end")
                if int(place) % 4 or int(place) + _HEAD.size > length:
                    raise damaged(
                        path,
                        length,
                        f"{idx.name} says that record {key.decode(errors='replace')} begins "
                        f"at byte {int(place)}, where none can",
                    )
                yield key, int(place)
                at += len(line)
    except OSError as error:
        raise unreadable(idx, error) from error


def _scan(path: Path, writer: IndexWriter) -> None:
    """List the records of a file without an .idx."""
    records = ((b"%d" % number, place) for number, place in enumerate(_starts(path, 0)))
    _add(writer, path, records, lambda place: True)


def _add(
    writer: IndexWriter, path: Path, records: Iterable[tuple[bytes, int]], is_small: Callable[[int], bool]
) -> None:
    """List records, given with their keys and places, but for those small ones that hold no image."""
    left_out = 0
    for key, place in records:
        if is_small(place) and _has_no_image(os.fspath(path), place):
            left_out += 1
        else:
            writer.add(b"record " + key, place)
    if left_out:
        log.info("Left out %d records of %s that hold labels and no image.", left_out, path)


def _has_no_image(path: str, place: int) -> bool:
    """Return whether a whole record of `_MAX_WITHOUT_IMAGE` bytes at most holds labels and nothing behind them."""
    part, size = _head(read_span(path, place, _HEAD.size))
    if part != _WHOLE or not _IMAGE_HEADER.size <= size <= _MAX_WITHOUT_IMAGE:
        return False
    labels = _IMAGE_HEADER.unpack(read_span(path, place + _HEAD.size, _IMAGE_HEADER.size))[0]
    return size == _IMAGE_HEADER.size + 4 * labels


def _starts(path: Path, place: int) -> Iterator[int]:
    """Yield where each record from `place` on begins, without reading their contents."""
    wanted: tuple[int, ...] = (_WHOLE, _FIRST)
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        while place < length:
            file.seek(place)
            part, size = _head(file.read(_HEAD.size).ljust(_HEAD.size, b"\0"))
            if part not in wanted:
                raise damaged(path, place, "no record begins there")
            following = place + _HEAD.size + -(-size // 4) * 4
            if following > length:
                raise damaged(path, length, f"it ends within the record that begins at byte {place}")
            if part in (_WHOLE, _FIRST):
                yield place
            wanted = (_WHOLE, _FIRST) if part in (_WHOLE, _LAST) else (_MIDDLE, _LAST)
            place = following
        if wanted == (_MIDDLE, _LAST):
            raise damaged(path, length, "it ends within a record of several parts")
