"""Walk through a tar archive without unpacking it, trusting nothing that it says.

Python's own reader ends silently at a damaged header and reads extended headers of any size
into memory. This one reads ustar, GNU (long names) and pax headers, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Optional

from gluon_wgan.data.sources.base import AnyPath, damaged

BLOCK = 512
_LONGEST_HEADER = 1 << 20
_SKIPPED_AT_ONCE = 1 << 20
_FILES, _LINKS = b"0\0" + b"7", b"12"
_WITHOUT_CONTENT = b"123456"  # links, devices, folders, pipes
_GLOBAL, _PAX, _GNU_NAME, _GNU_LINK, _SPARSE = b"g", b"x", b"L", b"K", b"S"
# Both take part in the name of a file, and no other keyword does.
_PAX_NAME, _PAX_SIZE = b"path", b"size"


@dataclass(frozen=True)
class Member:
    """A member's name, what it is, and where its content lies, in bytes."""

    name: bytes
    is_file: bool
    is_link: bool
    is_sparse: bool
    offset: int
    size: int


class TarWalk:
    """The members of a tar archive, one after the other.

    Parameters
    ----------
    file
        The archive's bytes, not compressed. It is only read forwards.
    path
        What to call it in messages.
    seekable
        Whether skipping may seek, in a file of `length` bytes.
    """

    def __init__(self, file: BinaryIO, path: AnyPath, length: Optional[int] = None) -> None:
        self._file, self._path, self._length = file, path, length
        self._at = 0

    def __iter__(self) -> Iterator[Member]:
        name: Optional[bytes] = None
        pax: dict[bytes, bytes] = {}
        while True:
            header, start = self._header(), self._at - BLOCK
            if header is None:
                return
            size = self._number(header, 124, 12, start)
            kind = header[156:157]
            if kind in (_GNU_NAME, _GNU_LINK, _PAX, _GLOBAL):
                content = self._extended(size, start)
                if kind == _GNU_NAME:
                    name = content.rstrip(b"\0")
                elif kind == _PAX:
                    pax = self._records(content, start)
                continue
            member = self._member(header, kind, size, name, pax, start)
            name, pax = None, {}
            yield member
            self._skip_to(member.offset + -(-member.size // BLOCK) * BLOCK)

    def read(self, count: int) -> bytes:
        """Return the next bytes of the member just yielded."""
        content = self._file.read(count)
        self._at += len(content)
        if len(content) != count:
            raise damaged(self._path, self._at, "it ends within a member")
        return content

    def _header(self) -> Optional[bytes]:
        """Return the next header, or None at the archive's end mark."""
        header = self._file.read(BLOCK)
        self._at += len(header)
        if len(header) != BLOCK:
            raise damaged(self._path, self._at, "it ends before the archive's end mark")
        if not any(header):
            return None
        blanked = header[:148] + b" " * 8 + header[156:]
        if self._at == BLOCK and header[148:156].strip(b" 01234567\0"):
            raise damaged(self._path, 0, "no tar archive begins there")
        total, recorded = sum(blanked), self._number(header, 148, 8, self._at - BLOCK)
        # Some old programs took bytes above 127 for negative.
        if recorded != total and recorded != total - 256 * sum(byte > 127 for byte in blanked):
            raise damaged(self._path, self._at - BLOCK, "a header's checksum is wrong")
        return header

    def _number(self, header: bytes, place: int, width: int, start: int) -> int:
        field = header[place : place + width]
        if field[0] == 0x80:  # base 256, for what octal digits cannot hold
            value = int.from_bytes(field[1:], "big")
        else:
            digits = field.split(b"\0")[0].strip() or b"0"
            value = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else -1
        if not 0 <= value < 1 << 62:
            raise damaged(self._path, start + place, "a header holds no number there")
        return value

    def _extended(self, size: int, start: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise damaged(self._path, start, f"an extended header of {size} bytes")
        content = self.read(size)
        self._skip_to(self._at + -size % BLOCK)
        return content

    def _records(self, content: bytes, start: int) -> dict[bytes, bytes]:
        """Return the keywords of a pax header, each record of which is its length, keyword=value and a newline."""
        found = {}
        while content.strip(b"\0"):
            digits, _, _ = content.partition(b" ")
            length = int(digits) if digits.isdigit() and len(digits) < 9 else 0
            keyword, sign, value = content[len(digits) + 1 : length - 1].partition(b"=")
            if length <= len(digits) + 1 or content[length - 1 : length] != b"\n" or not sign:
                raise damaged(self._path, start, "a pax header is no list of records")
            found[keyword] = value
            content = content[length:]
        return found

    def _member(
        self, header: bytes, kind: bytes, size: int, name: Optional[bytes], pax: dict[bytes, bytes], start: int
    ) -> Member:
        if _PAX_SIZE in pax:
            digits = pax[_PAX_SIZE]
            if not digits.isdigit() or len(digits) > 18:
                raise damaged(self._path, start, "a pax header gives no size")
            size = int(digits)
        if name is None:
            name = header[:100].split(b"\0")[0]
            prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
            name = prefix + b"/" * bool(prefix) + name
        sparse = kind == _SPARSE or any(keyword.startswith(b"GNU.sparse") for keyword in pax)
        size = 0 if kind in _WITHOUT_CONTENT else size
        if kind == _SPARSE:
            self._skip_maps_of_holes(header[482])
        if self._length is not None and self._at + size > self._length:
            raise damaged(self._path, self._length, "it ends within a member")
        name = pax.get(_PAX_NAME, name)
        return Member(name, kind in _FILES, kind in _LINKS, sparse, self._at, size)

    def _skip_maps_of_holes(self, another: int) -> None:
        while another:
            another = self.read(BLOCK)[504]

    def _skip_to(self, place: int) -> None:
        if self._length is not None:
            self._file.seek(place)
            self._at = place
        while self._at < place:
            self.read(min(place - self._at, _SKIPPED_AT_ONCE))
