"""Images in a tar archive, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Optional, cast

from gluon_wgan.data.file_formats import HEAD_BYTES
from gluon_wgan.data.sources import containers
from gluon_wgan.data.sources.base import AnyPath, damaged, existing_file, first_bytes, unreadable
from gluon_wgan.data.sources.containers import IndexedSource, is_image
from gluon_wgan.data.sources.member_index import IndexWriter
from gluon_wgan.errors import UserError

# A frame of data, or one to be skipped: pzstd puts the length of each frame before it.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60)))
_MAX_ZSTD_WINDOW = 128 << 20
"""Bytes; what the zstd program itself accepts without --long."""


@contextmanager
def _open_zstd(raw: BinaryIO, mode: str) -> Iterator[_ZstdReader]:
    try:
        import zstandard
    except ImportError as error:
        raise UserError("Reading .tar.zst needs the package zstandard: pip install 'gluon-wgan[zstd]'.") from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
    with decompressor.stream_reader(raw, read_across_frames=True, closefd=False) as stream:
        yield _ZstdReader(stream, zstandard.ZstdError)


class _ZstdReader:
    """A zstd stream whose errors are those of the other formats' readers."""

    def __init__(self, stream: Any, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

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
_MAX_EXPANSION, _ALWAYS_FINE = 100, 256 << 20
_DRAINED_AT_ONCE = 1 << 20
_LONGEST_HEADER = 1 << 20
_EXTENDED = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)


class TarSource(IndexedSource):
    """The images in a tar archive, in the archive's order.

    From a plain tar they are read in place. A compressed one cannot be read at any place, so its
    images, still encoded, are copied once into the cache folder, one behind the other.

    Parameters
    ----------
    archive
        The .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst file.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, no tar archive, damaged, grows a hundredfold, or holds no image; or if
        the cache folder cannot hold it.
    """

    kind, rules = "tar", containers.LISTED

    def __init__(self, archive: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = existing_file(archive, "a tar archive")
        nothing = "no image: give an archive with JPEG, PNG or other image files"
        label = path.name.split(".")[0]
        super().__init__(path, cache_dir, _list, label, max_pixels, nothing, unpacked=_opener(path) is not None)


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
        if self._given > max(_ALWAYS_FINE, _MAX_EXPANSION * self._raw.tell()):
            raise UserError(
                f"{self._path} expands more than a hundredfold, as no archive of images does: unpack it yourself if "
                "you trust it."
            )
        return content


def _opener(path: Path) -> Any:
    magic = first_bytes(path, 6)
    return next((opener for known, opener in _OPENERS if magic.startswith(known)), None)


class _Header(tarfile.TarInfo):
    """A header that is refused where tarfile would end silently, as at a wrong checksum, or fill the memory."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> _Header:
        if len(buf) != tarfile.BLOCKSIZE:
            raise ValueError("it ends before the archive's end mark")
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if not any(buf):  # the end mark
                raise
            raise ValueError("a header's checksum or a number in it is wrong") from None
        if found.size < 0 or (found.type in _EXTENDED and found.size > _LONGEST_HEADER):
            raise ValueError(f"a header of {found.size} bytes")
        return found


@contextmanager
def members_of(path: Path) -> Iterator[Iterator[tuple[tarfile.TarInfo, Callable[[], Any]]]]:
    """Lend the members of a tar archive, compressed or not, each with a function that opens its content.

    There is a sentence for all that can go wrong, a header where tarfile would end silently included.
    """
    with decompressed(path) as file:
        plain = isinstance(file, io.BufferedReader)
        length, archive = (path.stat().st_size if plain else 1 << 62), None
        how: Any = {"tarinfo": _Header, "encoding": "utf-8", "errors": "surrogateescape"}
        try:
            with tarfile.open(fileobj=file, mode="r:" if plain else "r|", **how) as archive:
                yield _members(archive)
            while not plain and file.read(_DRAINED_AT_ONCE):  # the checksum stands at the very end
                pass
        except (UserError, OSError, *_DECOMPRESSION_ERRORS):
            raise
        except Exception as error:  # damaged headers raise nearly everything, from struct.error to RecursionError
            if archive is None:
                raise damaged(path, 0, "no tar archive begins there") from error
            raise damaged(path, min(archive.offset, length), str(error) or type(error).__name__) from error


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, Callable[[], Any]]]:
    at = 0
    while (member := archive.next()) is not None:
        if not at < archive.offset < 1 << 62:
            raise ValueError("a header gives no size")
        at = archive.offset
        yield member, cache(partial(archive.extractfile, member))
        archive.members.clear()  # type: ignore[attr-defined]  # which would keep them all


def _list(path: Path, writer: IndexWriter) -> None:
    """List the images of a tar archive, and keep their bytes if it is compressed."""
    packed = _opener(path) is not None
    with members_of(path) as members:
        for member, opened in members:
            is_plain = member.isreg() and not member.issparse()
            if not (member.isreg() or member.issym() or member.islnk()):
                continue
            if not is_image(member.name, lambda: opened().peek()[:HEAD_BYTES] if is_plain else b"", writer.left_out):  # noqa: B023
                continue
            reason, place = _reason(member), member.offset_data
            if packed:
                place = 0 if reason else writer.unpack(opened().read())
            name = member.name.encode("utf-8", "surrogateescape")
            writer.add(name, place, member.size if is_plain else 0, reason)


def _reason(member: tarfile.TarInfo) -> int:
    if containers.leaves(member.name):
        return containers.OUTSIDE
    if member.issym() or member.islnk():
        return containers.LINK
    if member.issparse():
        return containers.SPARSE
    return containers.reason_of_size(member.size, member.size)
