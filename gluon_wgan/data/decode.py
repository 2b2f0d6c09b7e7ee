"""From an encoded image to uint8 pixels, always those of Pillow, whichever backend resizes later.

So a comparison of resize backends compares nothing else. `gluon_wgan.data.fast_jpeg` decodes ordinary JPEG files to
the same pixels in less time. What happens to images that are not plain 8-bit colour:

- EXIF orientation is applied; a damaged EXIF block is ignored, as is all other damaged metadata of a PNG.
- Transparency (RGBA, LA, a palette entry or a colour marked transparent) is laid over white.
- Palettes become RGB; CMYK, YCbCr and the like become RGB by Pillow's conversion, without colour profiles.
- 16-bit gray is divided by 257 and rounded, so that 65535 becomes 255; it is never clipped. Gray of 12 bits, and
  what `bit_depth` says of wider files, is scaled so that the largest possible value becomes 255.
  16-bit colour keeps its upper 8 bits, which is how Pillow reads it.
- Of an animation or a file of several pages, the first is taken.
- For one channel, colour becomes luma by ITU-R 601 (0.299 R + 0.587 G + 0.114 B).
- For three channels, gray is repeated.
"""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from contextlib import nullcontext, suppress
from io import BytesIO
from os import PathLike
from typing import BinaryIO, Optional, Union

import numpy as np
from PIL import Image, UnidentifiedImageError

from gluon_wgan.data import sample_depth
from gluon_wgan.data.fast_jpeg import open_jpeg
from gluon_wgan.data.file_formats import FOREIGN_HEAD_BYTES, describe_foreign, formats_of

COLOUR_HANDLING = "exif-applied,over-white,16-bit-by-257,first-frame,luma-601,transparent-and-zero-as-declared"
"""Names the rules above in the key of a store: a change of them must change it."""

# What Pillow logs of a damaged file would stand on the terminal without the file's name, if nobody listens to it.
logging.getLogger("PIL").addHandler(logging.NullHandler())
_READ_AT_ONCE = 1 << 22
_MODES_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_PNG = b"\x89PNG\r\n\x1a\n"
# Lengths and checksums of 4 bytes, types of 4.
_PNG_WORD = 4
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PNG_ORIENTATION = b"eXIf"


class BadImage(Exception):
    """This one image cannot be used; the message is the reason in a few words."""


Encoded = Union[str, PathLike[str], bytes, BinaryIO]


def decode(
    source: Encoded, nc: int, max_pixels: Optional[int] = None, *, bit_depth: Optional[int] = None, name: str = ""
) -> np.ndarray:
    """Decode one image.

    Parameters
    ----------
    source
        A path, the bytes of a file, or an open binary file.
    nc
        Channels wanted: 1 (gray) or 3 (RGB).
    max_pixels
        The most pixels (width times height) that an image may have; None leaves Pillow's limit, which is
        2 * `PIL.Image.MAX_IMAGE_PIXELS` and holds in any case.
    bit_depth
        How many bits of images of more than 8 bits are used, such as 12 in files of 16; None for all that the file
        declares.
    name
        What the file is called, if `source` is not its path; formats without a signature are recognised by its suffix.

    Returns
    -------
    uint8 (height, width, nc)

    Raises
    ------
    BadImage
        If the source is missing, not an image, cut off, damaged, too large, or holds pixels of a kind that cannot be
        read right.
    """
    return pixels_of(open_image(source, nc, max_pixels, bit_depth=bit_depth, name=name))


def open_image(
    source: Encoded, nc: int, max_pixels: Optional[int] = None, *, bit_depth: Optional[int] = None, name: str = ""
) -> Image.Image:
    """Decode one image like `decode`, but return it in Pillow's hands, in mode RGB or L.

    Its `info` has `gluon_wgan.data.sample_depth.PEAK` if it is of 16 bits and uses 14 or fewer.
    """
    try:
        file = _at_once(source)
        fast = open_jpeg(file.getvalue(), max_pixels) if isinstance(file, BytesIO) else None
        if fast is not None:
            return to_channels(fast, nc)
        formats = formats_of(name or (os.fspath(source) if isinstance(source, (str, PathLike)) else ""))
        return _open_with_pillow(file, formats, nc, max_pixels, bit_depth)
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
            Image.open(path, formats=formats_of(os.fspath(path))).close()
    except Exception:  # damaged headers raise nearly everything
        return False
    return True


def _open_with_pillow(
    file: sample_depth.File, formats: tuple[str, ...], nc: int, max_pixels: Optional[int], bit_depth: Optional[int]
) -> Image.Image:
    """Decode one image, and if it is a PNG with damaged metadata, without these."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _open(file, formats, nc, max_pixels, bit_depth)
        except (BadImage, sample_depth.UnsupportedPixels, MemoryError, Image.DecompressionBombError):
            raise
        except Exception:
            pixels_alone = _pixels_alone(file)
            if pixels_alone is None:
                raise
            return _open(BytesIO(pixels_alone), ("PNG",), nc, max_pixels, bit_depth)


def _open(
    file: sample_depth.File, formats: tuple[str, ...], nc: int, max_pixels: Optional[int], bit_depth: Optional[int]
) -> Image.Image:
    with sample_depth.read_image(file, formats, bit_depth) as image:
        if max_pixels is not None and image.width * image.height > max_pixels:
            raise BadImage(f"{image.width}x{image.height} pixels, more than the limit of {max_pixels}")
        raw = sample_depth.raw_mode(image)
        sample_depth.scale_transparency(image, raw)
        image.load()
        low = sample_depth.lower_bytes(file, image, raw, bit_depth)
        peak = sample_depth.peak_of(image) if bit_depth is None and sample_depth.is_wide(image, raw) else None
        sample_depth.transpose(image)
        if low is not None:
            sample_depth.transpose(low)
        opened = to_channels(_flattened(sample_depth.eight_bit(image, low, bit_depth)), nc)
    if peak is not None:
        opened.info[sample_depth.PEAK] = peak
    return opened


def _at_once(source: Encoded) -> sample_depth.File:
    """Return bytes, and files of usual size, as something to read from memory: Pillow reads in small pieces."""
    if isinstance(source, (str, PathLike)):
        with open(source, "rb") as file:
            # Only a read without a limit asks for the memory that it needs, and no more.
            return os.fspath(source) if os.fstat(file.fileno()).st_size > _READ_AT_ONCE else BytesIO(file.read())
    return BytesIO(source) if isinstance(source, bytes) else source


def _pixels_alone(file: sample_depth.File) -> Optional[bytes]:
    """Return a PNG with only those chunks that decide its pixels, or None if it is no PNG.

    Its EXIF block stays if its checksum is right, since it may hold an orientation.
    """
    with open(file, "rb") if isinstance(file, str) else nullcontext(file) as opened:
        opened.seek(0)
        if opened.read(len(_PNG)) != _PNG:
            return None
        content = opened.read()
    kept, at = [_PNG], 0
    while at + 3 * _PNG_WORD <= len(content):
        length = int.from_bytes(content[at : at + _PNG_WORD], "big")
        end = at + 3 * _PNG_WORD + length
        kind, chunk = content[at + _PNG_WORD : at + 2 * _PNG_WORD], content[at:end]
        checksum = zlib.crc32(chunk[_PNG_WORD:-_PNG_WORD]).to_bytes(_PNG_WORD, "big")
        if kind in _PNG_PIXELS or (kind == _PNG_ORIENTATION and chunk.endswith(checksum)):
            kept.append(chunk)
        at = end
    return b"".join(kept)


def to_channels(image: Image.Image, nc: int) -> Image.Image:
    """Return an image without transparency in mode RGB for three channels, or L for one."""
    mode = "RGB" if nc == 3 else "L"
    return image if image.mode == mode else image.convert(mode)


def pixels_of(image: Image.Image) -> np.ndarray:
    """Return an image in mode RGB or L as uint8 (height, width, channels)."""
    # numpy.asarray has Pillow copy them twice.
    return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, -1)


def _flattened(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel with nothing transparent."""
    if image.mode == "F":
        raise BadImage("floating-point pixels, whose range is unknown")
    if image.mode in _MODES_WITH_ALPHA or "transparency" in image.info:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
    return image


def _what_else(source: Union[str, PathLike[str], bytes, BinaryIO]) -> str:
    """Return in words what something is that Pillow does not know."""
    name, head = "", source[:FOREIGN_HEAD_BYTES] if isinstance(source, bytes) else b""
    if isinstance(source, (str, PathLike)):
        name = os.path.basename(source)
        with suppress(OSError), open(source, "rb") as file:
            head = file.read(FOREIGN_HEAD_BYTES)
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
