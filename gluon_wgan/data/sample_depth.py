"""Pixels of more than 8 bits, and files whose pixels Pillow alone would get wrong.

Pillow drops the lower half of 16-bit colour, takes a 16-bit TIFF whose zero is white for one whose zero is black,
mixes up uncompressed 16-bit planes, swaps the bytes of signed pixels in a compressed big-endian TIFF twice, and
compares a PNG's transparent colour with pixels that it has scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, BinaryIO, Optional, Union

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

WIDE_GRAY_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
PEAK = "gluon_wgan_peak"
"""In an image's `info`: the largest value of a 16-bit image that leaves the upper two bits unused."""

_DARK_BELOW = 1 << 14
# TIFF tags.
_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANES, _PREDICTOR, _INKS, _SIGN = 258, 259, 262, 277, 284, 317, 332, 339
_WHITE_IS_ZERO, _YCBCR, _UNSIGNED, _SIGNED, _SEPARATE, _NO_PREDICTOR, _CMYK_INKS = 0, 6, 1, 2, 2, 1, 1
_UNCOMPRESSED = 1
_PREDICTABLE = (5, 8, 32946, 34925, 50000)  # LZW, deflate (2), LZMA, Zstandard
# Of a JPEG 2000 codestream: where the first component's depth stands after its beginning.
_JPEG2000_BITS, _JPEG2000_HEAD = 42, 1 << 16
_libtiff = Lock()

File = Union[str, BinaryIO]


class UnsupportedPixels(Exception):
    """The pixels cannot be read as their file means them; the message says why."""


def read_image(file: File, formats: tuple[str, ...], bit_depth: Optional[int]) -> ImageFile.ImageFile:
    """Open an image whose pixels Pillow will then load right; raise UnsupportedPixels for those it cannot."""
    image = Image.open(file, formats=formats)
    if image.format != "TIFF":
        return image
    tags = _tags(image)
    signs, compression = tags.get(_SIGN, (_UNSIGNED,)), tags.get(_COMPRESSION, _UNCOMPRESSED)
    if _SIGNED in signs and image.mode != "I":
        raise UnsupportedPixels("signed pixels of 8 bits")
    if tags.get(_PREDICTOR, _NO_PREDICTOR) != _NO_PREDICTOR and compression not in _PREDICTABLE:
        raise UnsupportedPixels("a predictor together with a compression that has none")
    if image.mode == "CMYK" and tags.get(_INKS, _CMYK_INKS) != _CMYK_INKS:
        raise UnsupportedPixels("inks that are not cyan, magenta, yellow and black")
    if compression != _UNCOMPRESSED and raw_mode(image).endswith("BS"):
        # libtiff has brought the bytes into the machine's order already, and Pillow would swap them again.
        _set_raw_mode(image, raw_mode(image).replace("BS", "S"))
    planes = tags.get(_PLANES, 1) == _SEPARATE and tags.get(_SAMPLES, 1) > 1
    if planes and (image.mode not in ("RGB", "RGBA", "CMYK") or bit_depth is not None):
        raise UnsupportedPixels(f"separate planes of mode {image.mode}")
    wide_planes = planes and max(tags[_BITS]) > 8
    if compression == _UNCOMPRESSED and (wide_planes or tags.get(_PHOTOMETRIC) == _YCBCR):
        if isinstance(file, str):
            image.close()
        with _libtiff:  # which does what Pillow's own reader of uncompressed TIFFs does not
            TiffImagePlugin.READ_LIBTIFF = True
            try:
                image = Image.open(_rewound(file), formats=("TIFF",))
            finally:
                TiffImagePlugin.READ_LIBTIFF = False
    return image


def eight_bit(image: Image.Image, low: Optional[Image.Image], bit_depth: Optional[int]) -> Image.Image:
    """Return an image of 8 bits a channel from a loaded one of any mode.

    Its `info` may name a transparent colour in the file's own values. The lower bytes of 16-bit colour come from
    `lower_bytes`. Of a wide image, 2^bit_depth - 1 becomes 255; without a `bit_depth`, what its file says.
    """
    if image.mode in WIDE_GRAY_MODES:
        return _narrow_gray(image, bit_depth)
    if low is None:
        return image
    wide = np.asarray(image).astype(np.int64) << 8 | np.asarray(low)
    narrow = np.asarray(image) if bit_depth is None else _scaled(wide, bit_depth)
    transparent = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(transparent, tuple):
        narrow = np.where((wide == np.array(transparent)).all(axis=2)[..., None], np.uint8(255), narrow)
    return Image.fromarray(narrow, image.mode)


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return the layout in its file of an image that is not loaded yet, as Pillow calls it.

    Pillow has no name for JPEG 2000 in colour of more than 8 bits, of which it keeps the upper 8.
    """
    if image.format == "JPEG2000" and image.mode not in WIDE_GRAY_MODES and _jpeg2000_bits(image) > 8:
        return "JPEG 2000;16"
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if tiles else ""
    return str(args if isinstance(args, str) else args[0] if args else "")


def _jpeg2000_bits(image: ImageFile.ImageFile) -> int:
    """Return the bits of the first component, or 8 if its file does not say so early."""
    file: Any = image.fp
    place = file.tell()
    file.seek(0)
    head = file.read(_JPEG2000_HEAD)
    file.seek(place)
    start = head.find(b"\xff\x4f\xff\x51")
    if not 0 <= start < len(head) - _JPEG2000_BITS:
        return 8
    return (head[start + _JPEG2000_BITS] & 0x7F) + 1


def lower_bytes(file: File, image: Image.Image, raw: str, bit_depth: Optional[int]) -> Optional[Image.Image]:
    """Return the lower bytes of a 16-bit colour image, loaded, if they are needed; see `raw_mode`.

    They come from the same file read in the other byte order.
    """
    transparent = image.mode == "RGB" and "transparency" in image.info
    if not is_wide(image, raw) or image.mode in WIDE_GRAY_MODES or (bit_depth is None and not transparent):
        return None
    if raw[:-1] not in ("RGB;16", "RGBA;16", "RGBX;16"):
        raise UnsupportedPixels(f"16-bit pixels in the layout {raw}, of which only the upper 8 bits can be read")
    other = raw[:-1] + ("L" if raw.endswith("B") else "B")  # N is the machine's own order: little-endian
    low = Image.open(_rewound(file), formats=(str(image.format),))
    _set_raw_mode(low, other)
    low.load()
    return low


def _set_raw_mode(image: ImageFile.ImageFile, raw: str) -> None:
    image.tile = [
        tile._replace(args=raw if isinstance(tile.args, str) else (raw, *(tile.args or ())[1:])) for tile in image.tile
    ]


def is_wide(image: Image.Image, raw: str) -> bool:
    """Tell whether the channels of an image have more than 8 bits in its file; see `raw_mode`."""
    return ";16" in raw or image.mode in WIDE_GRAY_MODES


def scale_transparency(image: Image.Image, raw: str) -> None:
    """Make a PNG's transparent gray comparable with pixels that Pillow has scaled to 0..255; see `raw_mode`."""
    gray, bits = image.info.get("transparency"), {"1": 1, "L;2": 2, "L;4": 4}.get(raw)
    if image.format == "PNG" and bits is not None and isinstance(gray, int):
        image.info["transparency"] = gray * 255 // ((1 << bits) - 1)


def peak_of(image: Image.Image) -> Optional[int]:
    """Return the largest value of a loaded 16-bit image if it leaves the upper two bits unused, as cameras do."""
    if image.mode not in WIDE_GRAY_MODES:
        largest = int(np.asarray(image)[..., :3].max()) << 8 | 255
    elif _declared_bits(image) < 16:
        return None
    else:
        largest = int(np.asarray(image).max())
    return largest if 0 < largest < _DARK_BELOW else None


def transpose(image: Image.Image) -> None:
    """Turn an image as its EXIF block says; a damaged block does not spoil the pixels."""
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _narrow_gray(image: Image.Image, bit_depth: Optional[int]) -> Image.Image:
    """Return 16-bit gray, uint16 or in the range of it, as uint8."""
    wide = np.asarray(image).astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise UnsupportedPixels(f"gray levels from {wide.min()} to {wide.max()}, which is more than 16 bits")
    gray = _scaled(wide, bit_depth or _declared_bits(image))
    if _tags(image).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        gray = 255 - gray
    if "transparency" in image.info:
        gray[wide == image.info["transparency"]] = 255
    return Image.fromarray(gray)


def _declared_bits(image: Image.Image) -> int:
    """Return the bits of a wide gray image's values, 16 at most."""
    return min(16, *_tags(image).get(_BITS, ()), 16)


def _tags(image: Image.Image) -> Mapping[int, Any]:
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}


def _scaled(wide: np.ndarray, bits: int) -> np.ndarray:
    top = (1 << bits) - 1
    if wide.max() > top:
        raise UnsupportedPixels(f"the value {wide.max()}, which is more than --bit-depth {bits} has")
    return ((wide * 255 + top // 2) // top).astype(np.uint8)


def _rewound(file: File) -> File:
    if not isinstance(file, str):
        file.seek(0)
    return file
