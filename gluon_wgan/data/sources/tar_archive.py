"""Images in a tar archive, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Optional, cast

from gluon_wgan.data.image_formats import HEAD_BYTES, IMAGE_SUFFIXES
from gluon_wgan.data.sources import archive_members
from gluon_wgan.data.sources.archive_members import SpanReader
from gluon_wgan.data.sources.base import AnyPath, EncodedSource, damaged, existing_file, first_bytes, unreadable
from gluon_wgan.data.sources.index_writer import DATA, IndexWriter
from gluon_wgan.data.sources.member_index import index_of
from gluon_wgan.data.sources.tar_walk import Member, TarWalk
from gluon_wgan.errors import UserError

# A frame of data, or one to be skipped: pzstd puts the length of each frame before it.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60)))
_MAX_ZSTD_WINDOW = 128 << 20
"""Bytes; what the zstd program itself accepts without --long."""


def _open_zstd(raw: BinaryIO, mode: str) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise UserError("Reading .tar.zst needs the package zstandard: pip install 'gluon-wgan[zstd]'.") from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    return _ZstdReader(decompressor.stream_reader(raw, read_across_frames=True, closefd=False), zstandard.ZstdError)


class _ZstdReader:
    """A zstd stream whose errors are those of the other formats' readers."""

    def __init__(self, stream: Any, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

    def __enter__(self) -> _ZstdReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end."""
        content = bytearray()
        try:
            while len(content) < count and (more := self._stream.read(count - len(content))):
                content += more
        except self._error as error:
            raise zlib.error(str(error)) from error
        return bytes(content)


_OPENERS: tuple[tuple[bytes, Callable[[BinaryIO, str], Any]], ...] = (
    *((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open)),
    *((magic, _open_zstd) for magic in _ZSTD),
)
COMPRESSED = tuple(magic for magic, _ in _OPENERS)
"""How compressed files begin."""
_DECOMPRESSION_ERRORS = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
# JPEG does not shrink, so an archive of images that grows so much is none; small ones may.
_MOST_EXPANSION, _ALWAYS_FINE = 100, 256 << 20
_DRAINED_AT_ONCE = 1 << 20


class TarSource(EncodedSource):
    """The images in a tar archive, in the archive's order.

    From a plain tar they are read in place. A compressed one cannot be read at any place, so its
    images, still encoded, are copied once into the cache folder, one behind the other.

    Parameters
    ----------
    archive
        The .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst file.
    cache_dir
        Where the list of its members is kept, and the images of a compressed one.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If it is missing, no tar archive, damaged, grows a hundredfold, or holds no image; or if
        the cache folder cannot hold it.
    """

    def __init__(self, archive: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(archive, "a tar archive")
        self.facts = archive_members.file_facts(path)
        packed = _opener(path) is not None
        fill = _unpack if packed else _list
        self.index = index_of(
            Path(cache_dir), path, "tar", {**self.facts, **archive_members.LISTED}, 3, lambda writer: fill(path, writer)
        )
        if not self.index.count:
            raise UserError(f"{path} holds no image: give an archive with JPEG, PNG or other image files.")
        self.left_out = self.index.left_out
        self.reader = SpanReader(self.index.folder / DATA if packed else path.resolve())
        super().__init__(self.index.names, path.name.split(".")[0], max_pixels)

    def identity(self) -> dict[str, Any]:
        """Return the archive's size and time, the number of its images, and a digest of their list."""
        made = {"images": len(self), **self.facts, "list_sha256": self.index.sha256}
        return {"kind": "tar", **made, **self.limits()}

    def encoded(self, index: int) -> bytes:
        """Return the bytes of image number `index`, or raise BadImage."""
        offset, size, reason = self.index.numbers(index)
        archive_members.refuse(reason)
        return self.reader.read(offset, size)


@contextmanager
def decompressed(path: Path) -> Iterator[BinaryIO]:
    """Lend a file's bytes, decompressed if need be, with a sentence for all that can go wrong."""
    with path.open("rb") as raw:
        opener = _opener(path)
        try:
            if opener is None:
                yield raw
            else:
                with opener(raw, "rb") as file:
                    yield cast(BinaryIO, _Watched(cast(BinaryIO, file), raw, path))
        except _DECOMPRESSION_ERRORS as error:
            what = "it ends too early" if isinstance(error, EOFError) else str(error) or "it cannot be decompressed"
            raise damaged(path, raw.tell(), what) from error


class _Watched:
    """A decompressed stream that refuses to grow without bounds."""

    def __init__(self, file: BinaryIO, raw: BinaryIO, path: Path) -> None:
        self._file, self._raw, self._path = file, raw, path
        self._given = 0

    def read(self, count: int) -> bytes:
        try:
            content = self._file.read(count)
        except OSError as error:
            if error.errno is not None:
                raise unreadable(self._path, error) from error
            raise damaged(self._path, self._raw.tell(), str(error)) from error  # bz2 says so
        self._given += len(content)
        if self._given > max(_ALWAYS_FINE, _MOST_EXPANSION * self._raw.tell()):
            raise UserError(
                f"{self._path} expands more than a hundredfold, as no archive of images does: unpack it yourself if "
                "you trust it."
            )
        return content


def _opener(path: Path) -> Any:
    magic = first_bytes(path, 6)
    return next((opener for known, opener in _OPENERS if magic.startswith(known)), None)


def _list(path: Path, writer: IndexWriter) -> None:
    """List the images of a plain tar archive."""
    with path.open("rb") as file:
        walk = TarWalk(file, path, os.fstat(file.fileno()).st_size)
        for member in walk:
            if _wanted(member, lambda: _head(walk, member), writer):  # noqa: B023
                writer.add(member.name, member.offset, member.size, _reason(member))


def _unpack(path: Path, writer: IndexWriter) -> None:
    """List the images of a compressed tar archive, and keep their bytes."""
    with decompressed(path) as file:
        walk = TarWalk(file, path)
        for member in walk:
            head = _head(walk, member) if member.is_file and not _named_as_image(member) else b""
            if _wanted(member, lambda: head, writer):  # noqa: B023
                reason = _reason(member)
                start = 0 if reason else writer.unpack(head + walk.read(member.size - len(head)))
                writer.add(member.name, start, member.size, reason)
        while file.read(_DRAINED_AT_ONCE):  # its checksum stands at the very end
            pass


def _wanted(member: Member, read_head: Callable[[], bytes], writer: IndexWriter) -> bool:
    kind = member.is_file or member.is_link or member.is_sparse
    return kind and archive_members.is_image(os.fsdecode(member.name), read_head, writer.left_out)


def _named_as_image(member: Member) -> bool:
    return os.fsdecode(member.name).lower().endswith(IMAGE_SUFFIXES)


def _head(walk: TarWalk, member: Member) -> bytes:
    """Return a member's first bytes; they are then no longer to be read."""
    return walk.read(min(HEAD_BYTES, member.size)) if member.is_file else b""


def _reason(member: Member) -> int:
    if archive_members.leaves(os.fsdecode(member.name)):
        return archive_members.OUTSIDE
    if member.is_link:
        return archive_members.LINK
    if member.is_sparse:
        return archive_members.SPARSE
    return archive_members.reason_of_size(member.size, member.size)
