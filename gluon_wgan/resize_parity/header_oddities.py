"""What is unusual about an image file, read from its header."""

from __future__ import annotations

import os
import warnings
from io import BytesIO
from os import PathLike
from typing import Union

from PIL import Image

from gluon_wgan.data.file_formats import formats_of

_GRAY, _WIDE = ("1", "L", "LA", "La"), ("I", "I;16", "I;16L", "I;16B", "I;16N")
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_ORIENTATION = 0x0112
_HUGE = 50_000_000
_TINY = 8


def oddities(source: Union[str, PathLike[str], bytes]) -> list[str]:
    """Return what is unusual about an image file or its bytes, each in a few words, empty for plain 8-bit RGB.

    One that cannot be opened has no oddities: decoding it says what is wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(source, bytes):
                image = Image.open(BytesIO(source), formats=formats_of(""))
            else:
                image = Image.open(source, formats=formats_of(os.fspath(source)))
            with image:
                return _of(image)
    except Exception:  # damaged headers raise nearly everything
        return []


def _of(image: Image.Image) -> list[str]:
    found = _pixels_of(image)
    if image.width * image.height >= _HUGE:
        found.append(f"huge ({image.width}x{image.height})")
    if min(image.size) < _TINY:
        found.append(f"tiny ({image.width}x{image.height})")
    if getattr(image, "is_animated", False):
        found.append("animated (first frame taken)")
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block is an oddity of its own
        found.append("damaged EXIF")
    else:
        if orientation != 1:
            found.append(f"EXIF-rotated (orientation {orientation})")
    return found


def _pixels_of(image: Image.Image) -> list[str]:
    """Return what is unusual about how the pixels are stored."""
    found = []
    if image.mode in _WIDE:
        found.append("16-bit gray")
    elif image.mode in _GRAY:
        found.append("gray")
    elif image.mode in ("P", "PA"):
        found.append("palette")
    elif image.mode not in ("RGB", "RGBA"):
        found.append(image.mode)
    if image.mode in ("RGB", "RGBA") and _has_wide_channels(image):
        found.append("16-bit colour")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        found.append("transparent (laid over white)")
    return found


def _has_wide_channels(image: Image.Image) -> bool:
    if image.format == "PNG":
        # Pillow reads such colour as 8 bits and says nothing; the raw mode still names the 16.
        return any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    bits = getattr(image, "tag_v2", {}).get(258, ())
    return 16 in (bits if isinstance(bits, tuple) else (bits,))
