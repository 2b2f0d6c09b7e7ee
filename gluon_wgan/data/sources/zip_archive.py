"""Images in a ZIP archive, read in place."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Optional

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.file_formats import HEAD_BYTES, JOIN_PARTS
from gluon_wgan.data.sources import containers
from gluon_wgan.data.sources.base import AnyPath, damaged, existing_file
from gluon_wgan.data.sources.containers import IndexedSource, is_image, read_span
from gluon_wgan.data.sources.member_index import IndexWriter
from gluon_wgan.errors import UserError
from gluon_wgan.utils.untrusted import ZIP_ERRORS

_LOCAL = struct.Struct("<4s5H3I2H")  # signature, version, flags, method, time, date, CRC, sizes (2), lengths (2)
_CENTRAL = struct.Struct("<8xH18x3H12x")  # flags; lengths of name, extra field and comment
_END = struct.Struct("<4s6xH10x")  # signature; number of entries
_ZIP64_COUNT = 0xFFFF
_FLAGS_AT = 8
_ENCRYPTED_FLAG, _UTF8_FLAG, _UNIX = 1, 0x800, 3
_HEAD_PACKED = 1024


class ZipSource(IndexedSource):
    """The images in a ZIP archive, in the order of its directory.

    Parameters
    ----------
    archive
        The .zip file; stored and deflated members can be read, ZIP64 too.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, no ZIP archive, cut off or damaged in its directory, or holds no image;
        or if the cache folder cannot be written.
    """

    kind, columns, rules = "zip", 6, containers.LISTED

    def __init__(self, archive: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(archive, "a ZIP archive")
        nothing = (
            "no image: give an archive with JPEG, PNG or other image files, or unpack it if it holds another container"
        )
        super().__init__(path, cache_dir, _list, path.stem, max_pixels, nothing)

    def encoded(self, index: int) -> bytes:
        """See `EncodedSource`."""
        place, packed, unpacked, crc, method, reason = self.index.numbers(index)
        containers.refuse(reason)
        local = _LOCAL.unpack(read_span(self.path, place, _LOCAL.size))
        if local[0] != b"PK\3\4":
            raise BadImage(f"no member begins at byte {place} of {self.path}")
        content = read_span(self.path, place + _LOCAL.size + local[-2] + local[-1], packed)
        if method == zipfile.ZIP_DEFLATED:
            try:  # never to more than one byte beyond what is expected
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, unpacked + 1)
            except zlib.error as error:
                raise BadImage(f"damaged: {error}") from error
        if len(content) != unpacked or zlib.crc32(content) != crc:
            raise BadImage("damaged: its CRC-32 is wrong")
        return content


def _list(path: Path, writer: IndexWriter) -> None:
    """List the images in an archive's directory.

    The directory's size counts, and not its number of entries, which has 16 bits: macOS's Archive Utility lets it
    wrap instead of writing a ZIP64 record. Only fewer entries than that number mean damage: the length of one
    entry's name, made longer, hides those that follow.
    """
    length = path.stat().st_size
    try:
        try:
            entries, end, recorded = _directory(path, io.FileIO)
        except UnicodeDecodeError:
            entries, end, recorded = _directory(path, _TolerantFile)
    except ZIP_ERRORS as error:
        raise damaged(path, length, f"it ends without a ZIP directory that can be read: {error}") from error
    if len(entries) < recorded:
        raise damaged(path, end, f"its directory has {len(entries)} entries that can be read, of {recorded}")
    if any(entry.volume for entry in entries) or path.with_suffix(".z01").exists():
        raise UserError(f"{path} is one part of a split ZIP archive: {JOIN_PARTS}.")
    real = os.fspath(path.resolve())
    for entry in entries:
        if entry.is_dir() or not is_image(entry.filename, partial(_head, real, entry), writer.left_out):
            continue
        place, packed = entry.header_offset, entry.compress_size
        if not 0 <= place <= end - _LOCAL.size - packed:
            raise damaged(path, end, f"its directory says that {entry.filename!r} lies at byte {place}")
        reason = _reason(entry)
        writer.add(entry.filename.encode(), place, packed, entry.file_size, entry.CRC, entry.compress_type, reason)


def _directory(path: Path, kind: type[io.FileIO]) -> tuple[list[zipfile.ZipInfo], int, int]:
    """Return an archive's members, where its directory begins, and the number of members in its end record, or 0."""
    with kind(path) as file, zipfile.ZipFile(file) as archive:
        file.seek(-_END.size - len(archive.comment), io.SEEK_END)
        signature, count = _END.unpack(file.read(_END.size))
        recorded = count if signature == b"PK\5\6" and count != _ZIP64_COUNT else 0
        return archive.infolist(), archive.start_dir, recorded


class _TolerantFile(io.FileIO):
    """A ZIP archive in whose directory no name that is not UTF-8 claims to be: zipfile refuses all for one."""

    def read(self, size: Optional[int] = -1) -> bytes:
        """Read like any file, and correct the flags of entries if these bytes are the directory."""
        content = bytearray(super().read(-1 if size is None else size) or b"")
        start = 0
        while content.startswith(b"PK\1\2", start) and start + _CENTRAL.size <= len(content):
            flags, *lengths = _CENTRAL.unpack_from(content, start)
            name = start + _CENTRAL.size
            try:
                content[name : name + lengths[0]].decode()
            except UnicodeDecodeError:
                struct.pack_into("<H", content, start + _FLAGS_AT, flags & ~_UTF8_FLAG)
            start = name + sum(lengths)
        return bytes(content)


def _head(path: str, entry: zipfile.ZipInfo) -> bytes:
    """Return a member's first bytes, or nothing if they cannot be read."""
    try:
        local = _LOCAL.unpack(read_span(path, entry.header_offset, _LOCAL.size))
        start = entry.header_offset + _LOCAL.size + local[-2] + local[-1]
        packed = read_span(path, start, min(entry.compress_size, _HEAD_PACKED))
        inflate = zlib.decompressobj(-zlib.MAX_WBITS).decompress
        return packed[:HEAD_BYTES] if entry.compress_type == zipfile.ZIP_STORED else inflate(packed, HEAD_BYTES)
    except (BadImage, OSError, OverflowError, ValueError, zlib.error, struct.error):
        return b""


def _reason(entry: zipfile.ZipInfo) -> int:
    if containers.leaves(entry.filename):
        return containers.OUTSIDE
    if entry.create_system == _UNIX and stat.S_ISLNK(entry.external_attr >> 16):
        return containers.LINK
    if entry.flag_bits & _ENCRYPTED_FLAG:
        return containers.ENCRYPTED
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return containers.METHOD
    return containers.reason_of_size(entry.compress_size, entry.file_size)
