"""Ordinary JPEG files decoded faster than Pillow does, to the same pixels.

Pillow and simplejpeg both call libjpeg-turbo, but Pillow spends as long around it as in it. A file is decoded here
only if its header is one of the few that nearly all files have and its data make the decoder warn of nothing;
whatever else it is, damaged or merely rare, is left to Pillow, and so is everything if the two libraries
disagree about a few test images, which they may where one is built with another libjpeg.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Optional

import numpy as np
import simplejpeg
from PIL import Image

_START, _MARKER = b"\xff\xd8", 0xFF
_JFIF, _ICC_PROFILE, _SCAN = 0xE0, 0xE2, 0xDA
_FRAMES = (0xC0, 0xC2)  # baseline and progressive, with Huffman codes and 8 bits
_TABLES_AND_COMMENT = (0xDB, 0xC4, 0xDD, 0xFE)
_NAMED = {_JFIF: b"JFIF\0", _ICC_PROFILE: b"ICC_PROFILE\0"}
_SHORTEST_NAMED = 14  # bytes: less of either makes Pillow refuse the file
# Sampling factors of Y, across and down, beside Cb and Cr of 1x1.
_SAMPLINGS = {"444": 0x11, "422": 0x21, "420": 0x22, "440": 0x12, "411": 0x41}
_GRAY = bytes((1, 0x11))
_COLOUR = {bytes((1, factors, 2, 0x11, 3, 0x11)) for factors in _SAMPLINGS.values()}


def open_jpeg(content: bytes, max_pixels: Optional[int]) -> Optional[Image.Image]:
    """Return a JPEG's image as Pillow would load it, in mode RGB or L, or None if it is left to Pillow.

    It is without what the file says besides its pixels. An image of more than `max_pixels`, if that is a number, or
    than Pillow would warn of, is left to Pillow.
    """
    frame = _ordinary_frame(content)
    if frame is None:
        return None
    height, width, gray = frame
    limits = [limit for limit in (max_pixels, Image.MAX_IMAGE_PIXELS) if limit is not None]
    if not 0 < height * width <= min(limits, default=height * width) or not decoders_agree():
        return None
    return _decoded(content, gray)


@lru_cache(maxsize=1)
def decoders_agree() -> bool:
    """Return whether Pillow and simplejpeg decode a few test images, one of each kind, to the same pixels."""
    down, across = np.ogrid[:37, :43]
    noise = down * down * 31 + across * across * across * 17
    colours = np.stack([down * 6 + across, noise % 251, across * 5 + noise % 13], axis=2).astype(np.uint8)
    files = [simplejpeg.encode_jpeg(colours, 80, "RGB", name) for name in _SAMPLINGS]
    for image in (Image.fromarray(colours), Image.fromarray(colours[..., 1])):
        for progressive in (False, True):
            file = BytesIO()
            image.save(file, "JPEG", quality=80, progressive=progressive)
            files.append(file.getvalue())
    for content in files:
        with Image.open(BytesIO(content), formats=("JPEG",)) as theirs:
            ours = _decoded(content, theirs.mode == "L")
            if ours is None or not np.array_equal(np.asarray(ours), np.asarray(theirs)):
                return False
    return True


def _decoded(content: bytes, gray: bool) -> Optional[Image.Image]:
    try:
        # Strict, so that a file of which the decoder warns is left to Pillow. With a fourth byte, pixels lie as
        # Pillow keeps them.
        pixels = simplejpeg.decode_jpeg(content, "GRAY" if gray else "RGBX", strict=True)
    except ValueError:
        return None
    size = pixels.shape[1], pixels.shape[0]
    return Image.frombytes("L", size, pixels) if gray else Image.frombytes("RGB", size, pixels, "raw", "RGBX")


def _ordinary_frame(content: bytes) -> Optional[tuple[int, int, bool]]:
    """Return height, width and whether it is gray, if a header has only what both libraries read alike, or None."""
    if not content.startswith(_START):
        return None
    frame, at = None, len(_START)
    while at + 4 <= len(content) and content[at] == _MARKER:
        kind, end = content[at + 1], at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        body, at = content[at + 4 : end], end
        if kind == _SCAN:
            return frame
        if kind in _FRAMES:
            if frame is not None:
                return None
            frame = _frame(body)
            if frame is None:
                return None
        elif kind in _NAMED:
            if len(body) < _SHORTEST_NAMED or not body.startswith(_NAMED[kind]):
                return None
        elif kind not in _TABLES_AND_COMMENT:  # EXIF, which may turn the image, CMYK, other codes ...
            return None
    return None


def _frame(body: bytes) -> Optional[tuple[int, int, bool]]:
    """Read the body of a frame header: bits, height, width, and number, factors and table of each component."""
    kinds = b"".join(body[at : at + 2] for at in range(6, len(body), 3))
    if len(body) < 9 or len(body) != 6 + 3 * body[5] or body[0] != 8 or not (kinds == _GRAY or kinds in _COLOUR):
        return None
    return int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), kinds == _GRAY
