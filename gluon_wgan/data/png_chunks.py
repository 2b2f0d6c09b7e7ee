"""PNGs without their metadata, which need not be sound for the pixels to be."""

from __future__ import annotations

import zlib
from typing import Optional

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Lengths and checksums of 4 bytes, types of 4.
_WORD = 4
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_ORIENTATION = b"eXIf"


def without_metadata(content: bytes) -> Optional[bytes]:
    """Return a PNG with only those chunks that decide its pixels, or None if it is no PNG.

    Its EXIF block stays if its checksum is right, since it may hold an orientation.
    """
    if not content.startswith(SIGNATURE):
        return None
    kept, at = [SIGNATURE], len(SIGNATURE)
    while at + 3 * _WORD <= len(content):
        length = int.from_bytes(content[at : at + _WORD], "big")
        end = at + 3 * _WORD + length
        kind, chunk = content[at + _WORD : at + 2 * _WORD], content[at:end]
        if kind in _PIXELS or (kind == _ORIENTATION and _is_sound(chunk)):
            kept.append(chunk)
        at = end
    return b"".join(kept)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[_WORD:-_WORD]) == int.from_bytes(chunk[-_WORD:], "big")
