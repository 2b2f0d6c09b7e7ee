"""From an encoded image to uint8 pixels, always with Pillow, whichever backend resizes later.

So a comparison of resize backends compares nothing else. What happens to images that are not
plain 8-bit colour:

- EXIF orientation is applied; a damaged EXIF block is ignored.
- Transparency (RGBA, LA, a palette entry or a colour marked transparent) is laid over white.
- Palettes become RGB; CMYK, YCbCr and the like become RGB by Pillow's conversion, without colour profiles.
- 16-bit grey is divided by 257 and rounded, so that 65535 becomes 255; it is never clipped.
  16-bit colour keeps its upper 8 bits, which is how Pillow reads it.
- Of an animation or a file of several pages, the first is taken.
- For one channel, colour becomes luma by ITU-R 601 (0.299 R + 0.587 G + 0.114 B).
- For three channels, grey is repeated.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from io import BytesIO
from os import PathLike
from typing import BinaryIO, Optional, Union

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from gluon_wgan.data.foreign import HEAD_BYTES, describe_foreign

COLOUR_HANDLING = "exif-applied,over-white,16-bit-by-257,first-frame,luma-601"
"""Names the rules above in the key of a store: a change of them must change it."""

# Others can run programs (EPS) or read no pixels at all; the common ones stand first, being tried in order.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
_READ_AT_ONCE = 1 << 22
_MODES_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_WIDE_GREY_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class BadImage(Exception):
    """This one image cannot be used; the message is the reason in a few words."""


def decode(source: Union[str, PathLike[str], bytes, BinaryIO], nc: int, max_pixels: Optional[int] = None) -> np.ndarray:
    """Decode one image.

    Parameters
    ----------
    source
        A path, the bytes of a file, or an open binary file.
    nc
        Channels wanted: 1 (grey) or 3 (RGB).
    max_pixels
        The most pixels (width times height) that an image may have; None leaves Pillow's limit, which is
        2 * `PIL.Image.MAX_IMAGE_PIXELS` and holds in any case.

    Returns
    -------
    uint8 (height, width, nc)

    Raises
    ------
    BadImage
        If the source is missing, not an image, cut off, damaged or too large.
    """
    return pixels_of(open_image(source, nc, max_pixels))


def open_image(
    source: Union[str, PathLike[str], bytes, BinaryIO], nc: int, max_pixels: Optional[int] = None
) -> Image.Image:
    """Decode one image like `decode`, but return it in Pillow's hands, in mode RGB or L."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(_at_once(source), formats=_FORMATS) as image:
                if max_pixels is not None and image.width * image.height > max_pixels:
                    raise BadImage(f"{image.width}x{image.height} pixels, more than the limit of {max_pixels}")
                image.load()
                with suppress(Exception):  # a damaged EXIF block does not spoil the pixels
                    ImageOps.exif_transpose(image, in_place=True)
                return to_channels(_flattened(image), nc)
    except BadImage:
        raise
    except UnidentifiedImageError as error:
        raise BadImage(_what_else(source)) from error
    except Exception as error:  # damaged files raise nearly everything, from struct.error to MemoryError
        raise BadImage(_reason(error)) from error


def is_image_file(path: Union[str, PathLike[str]]) -> bool:
    """Return whether a file begins like an image in a known format."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(path, formats=_FORMATS).close()
    except Exception:  # damaged headers raise nearly everything
        return False
    return True


def _at_once(source: Union[str, PathLike[str], bytes, BinaryIO]) -> Union[str, PathLike[str], BinaryIO]:
    """Return bytes, and files of usual size, as something to read from memory: Pillow reads in small pieces."""
    if isinstance(source, (str, PathLike)):
        with open(source, "rb") as file:
            # Only a read without a limit asks for the memory that it needs, and no more.
            return source if os.fstat(file.fileno()).st_size > _READ_AT_ONCE else BytesIO(file.read())
    return BytesIO(source) if isinstance(source, bytes) else source


def to_channels(image: Image.Image, nc: int) -> Image.Image:
    """Return an image without transparency in mode RGB for three channels, or L for one."""
    mode = "RGB" if nc == 3 else "L"
    return image if image.mode == mode else image.convert(mode)


def pixels_of(image: Image.Image) -> np.ndarray:
    """Return an image in mode RGB or L as uint8 (height, width, channels)."""
    return np.asarray(image).reshape(image.height, image.width, -1)


def _flattened(image: Image.Image) -> Image.Image:
    """Return `image` with 8 bits a channel and nothing transparent."""
    if image.mode in _WIDE_GREY_MODES:
        return Image.fromarray(_narrow_grey(image))
    if image.mode == "F":
        raise BadImage("floating-point pixels, whose range is unknown")
    if image.mode in _MODES_WITH_ALPHA or "transparency" in image.info:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
    return image


def _narrow_grey(image: Image.Image) -> np.ndarray:
    """Return 16-bit grey, uint16 or in the range of it, as uint8 (height, width)."""
    wide = np.asarray(image).astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise BadImage(f"grey levels from {wide.min()} to {wide.max()}, which is more than 16 bits")
    grey = ((wide + 128) // 257).astype(np.uint8)
    if "transparency" in image.info:
        grey[wide == image.info["transparency"]] = 255
    return grey


def _what_else(source: Union[str, PathLike[str], bytes, BinaryIO]) -> str:
    """Return in words what something is that Pillow does not know."""
    name, head = "", source[:HEAD_BYTES] if isinstance(source, bytes) else b""
    if isinstance(source, (str, PathLike)):
        name = os.path.basename(source)
        with suppress(OSError), open(source, "rb") as file:
            head = file.read(HEAD_BYTES)
    known = isinstance(source, (str, PathLike, bytes))
    foreign = describe_foreign(name, head) if known else None
    return "not an image in a known format" if foreign is None else f"not an image but {foreign[0]}: {foreign[1]}"


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__
