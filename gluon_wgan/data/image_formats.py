"""Which image formats are read, and how a file of one of them is recognised by its name or its first bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from PIL import Image

# Of what the installed Pillow reads: formats with a signature are tried on every file, whatever its name; the common
# ones stand first, being tried in order.
_BY_SIGNATURE = (
    *("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "QOI", "PSD", "DDS", "ICNS"),
)
# EPS starts Ghostscript; the others hold no pixels that Pillow itself can decode.
_NEVER = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC")

Image.init()
_FORMATS = tuple(name for name in _BY_SIGNATURE if name in Image.OPEN)
# Many of these have no signature, and nearly any bytes would do for some: they are tried only where the name says so.
_BY_SUFFIX = {suffix: name for suffix, name in Image.EXTENSION.items() if name in Image.OPEN and name not in _NEVER}
IMAGE_SUFFIXES = tuple(sorted(_BY_SUFFIX))
"""Suffixes of the formats that are read, in lower case, each with its dot."""

CONVERTIBLE = (".heic", ".heif", ".jxl", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2")
"""Suffixes of photographs that are not read; of a camera's raw file, a TIFF, Pillow would read the small preview."""

HEAD_BYTES = 32
"""How many of a file's first bytes `is_meant_as_image` needs."""
_SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}|II[*+]\0|MM\0[*+]|P[1-6]\s+[0-9#]"
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xffO\xffQ|....ftyp(?:avi[fs]|.{4,20}avi[fs])|qoif|8BPS\x00\x01|DDS |icns",
    re.DOTALL,
)


def formats_of(name: str) -> tuple[str, ...]:
    """Return Pillow's names of the formats that a file of this name may have."""
    named = _BY_SUFFIX.get(os.path.splitext(name)[1].lower())
    return _FORMATS if named is None or named in _FORMATS else (*_FORMATS, named)


def is_meant_as_image(name: str, read_head: Callable[[], bytes]) -> bool:
    """Tell whether a file is meant to be an image, by its name or, if that says nothing, its first `HEAD_BYTES`."""
    lower = name.lower()
    if lower.endswith(IMAGE_SUFFIXES):
        return True
    return not lower.endswith(CONVERTIBLE) and _SIGNATURE.match(read_head()) is not None
