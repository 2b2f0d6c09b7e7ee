"""Images in a ZIP archive, read in place."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, Optional

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources import members
from gluon_wgan.data.sources.base import AnyPath, EncodedSource, damaged, existing_file
from gluon_wgan.data.sources.index import index_of
from gluon_wgan.data.sources.index_writer import IndexWriter
from gluon_wgan.data.sources.members import SpanReader
from gluon_wgan.errors import UserError

# Signature, versions, flags, method, time, date, CRC, packed, unpacked, lengths of name, extra and comment,
# disk, attributes (2), offset of the local header.
_ENTRY = Struct("<4s6H3I5H2I")
_LOCAL = Struct("<4s5H3I2H")
_END = Struct("<4s4H2IH")
_END64_PLACE = Struct("<4sIQI")  # signature, disk, place of what follows, disks
_END64 = Struct("<4sQ2H2I4Q")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED_FLAG, _UTF8_FLAG = 1, 1 << 11
_UNIX = 3
_LONGEST_COMMENT = 65535
_IN_EXTRA = 0xFFFFFFFF


class ZipSource(EncodedSource):
    """The images in a ZIP archive, in the order of its directory.

    Parameters
    ----------
    archive
        The .zip file; stored and deflated members can be read, ZIP64 too.
    cache_dir
        Where the list of its members is kept.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If it is missing, no ZIP archive, cut off or damaged in its directory, or holds no image;
        or if the cache folder cannot be written.
    """

    def __init__(self, archive: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(archive, "a ZIP archive")
        self.facts = members.file_facts(path)
        self.index = index_of(Path(cache_dir), path, "zip", self.facts, 6, lambda writer: _list(path, writer))
        if not self.index.count:
            raise UserError(
                f"{path} holds no image: give an archive with JPEG, PNG or other image files, or unpack it if it "
                "holds another container."
            )
        self.reader = SpanReader(path.resolve())
        super().__init__(self.index.names, path.stem, max_pixels)

    def identity(self) -> dict[str, Any]:
        """Return the archive's size and time, the number of its images, and a digest of their list."""
        made = {"images": len(self), **self.facts, "list_sha256": self.index.sha256}
        return {"kind": "zip", **made, **self.limits()}

    def encoded(self, index: int) -> bytes:
        """Return the unpacked bytes of image number `index`, or raise BadImage."""
        place, packed, unpacked, crc, method, reason = self.index.numbers(index)
        members.refuse(reason)
        local = _LOCAL.unpack(self.reader.read(place, _LOCAL.size))
        if local[0] != b"PK\3\4":
            raise BadImage(f"no member begins at byte {place} of {self.reader.path}")
        content = self.reader.read(place + _LOCAL.size + local[-2] + local[-1], packed)
        if method == _DEFLATED:
            content = _inflated(content, unpacked)
        if len(content) != unpacked or zlib.crc32(content) != crc:
            raise BadImage("damaged: its CRC-32 is wrong")
        return content


def _inflated(packed: bytes, expected: int) -> bytes:
    """Decompress, never to more than one byte beyond what is expected."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, expected + 1)
    except zlib.error as error:
        raise BadImage(f"damaged: {error}") from error


def _list(path: Path, writer: IndexWriter) -> None:
    """List the images in an archive's directory."""
    with path.open("rb") as file:
        count, size, start, shift = _directory(file, path)
        file.seek(start)
        for number in range(count):
            at = file.tell()
            head = file.read(_ENTRY.size)
            if len(head) != _ENTRY.size or head[:4] != b"PK\1\2":
                raise damaged(path, at, f"entry {number} of {count} of its directory is missing")
            entry = _ENTRY.unpack(head)
            rest = file.read(sum(entry[10:13]))
            if file.tell() > start + size or len(rest) != sum(entry[10:13]):
                raise damaged(path, at, "an entry reaches beyond its directory")
            _add(path, writer, entry, rest, at, shift)
        if file.tell() != start + size:
            raise damaged(path, file.tell(), f"its directory goes on after the {count} entries it announces")


def _add(path: Path, writer: IndexWriter, entry: tuple[Any, ...], rest: bytes, at: int, shift: int) -> None:
    flags, method, crc = entry[3], entry[4], entry[7]
    name = rest[: entry[10]].decode("utf-8" if flags & _UTF8_FLAG else "cp437", "replace")
    if name.endswith("/") or not members.is_image(name):
        return
    sizes = [entry[9], entry[8], entry[16]]  # in the order in which ZIP64 repeats those that do not fit
    extra = rest[entry[10] : entry[10] + entry[11]]
    unpacked, packed, place = _widened(path, sizes, extra, at)
    if place + shift + _LOCAL.size + packed > at:
        raise damaged(path, at, f"{name!r} is said to lie beyond the members")
    if members.leaves(name):
        reason = members.OUTSIDE
    elif entry[1] >> 8 == _UNIX and stat.S_ISLNK(entry[15] >> 16):
        reason = members.LINK
    elif flags & _ENCRYPTED_FLAG:
        reason = members.ENCRYPTED
    elif method not in (_STORED, _DEFLATED):
        reason = members.METHOD
    else:
        reason = members.reason_of_size(packed, unpacked)
    writer.add(name.encode(), place + shift, packed, unpacked, crc, method, reason)


def _widened(path: Path, sizes: list[int], extra: bytes, at: int) -> list[int]:
    """Return sizes with those that did not fit 32 bits taken from the ZIP64 field."""
    while len(extra) >= 4 and _IN_EXTRA in sizes:
        field, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if field == 1:
            wide = [int.from_bytes(extra[place : place + 8], "little") for place in range(4, 4 + length, 8)]
            if len(wide) < sizes.count(_IN_EXTRA) or max(wide) >= 1 << 62:
                raise damaged(path, at, "a ZIP64 field is too short")
            return [wide.pop(0) if size == _IN_EXTRA else size for size in sizes]
        extra = extra[4 + length :]
    return sizes


def _directory(file: BinaryIO, path: Path) -> tuple[int, int, int, int]:
    """Return the directory's count of entries, bytes and place, and by how much all places are shifted."""
    length = file.seek(0, os.SEEK_END)
    tail_start = max(0, length - _LONGEST_COMMENT - _END.size)
    file.seek(tail_start)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _END.size:
        raise damaged(path, length, "it ends without a ZIP directory")
    *_, count, size, start, _ = _END.unpack_from(tail, place)
    end = tail_start + place
    found = tail[place - _END64_PLACE.size : place] if place >= _END64_PLACE.size else b""
    if found[:4] == b"PK\6\7":
        file.seek(max(0, end - _END64_PLACE.size - _END64.size))  # which is true behind a program too
        record = file.read(_END64.size)
        if len(record) != _END64.size or record[:4] != b"PK\6\6":
            raise damaged(path, end, "its ZIP64 directory is missing")
        count, size, start = _END64.unpack(record)[7:]
        end -= _END64_PLACE.size + _END64.size
    shift = end - size - start  # what stands before the archive, as a program that unpacks it
    if shift < 0:
        raise damaged(path, end, "its directory does not fit before its end")
    return count, size, start + shift, shift
