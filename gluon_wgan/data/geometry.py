"""Crop, resize and centre: from a decoded image to a square."""

from __future__ import annotations

from typing import Optional

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.resize import Backend

Box = tuple[int, int, int, int]

# Far beyond any photograph, but a 1x60000 image would be blown up to gigabytes.
_MAX_RESIZED_PIXELS = 1 << 27

CROP, PAD, STRETCH = "crop", "pad", "stretch"
FITS = (CROP, PAD, STRETCH)
"""How an image that is no square becomes one."""


def fit(
    image: Image.Image, size: int, crop: Optional[Box], backend: Backend, center_crop: str = "round", how: str = CROP
) -> np.ndarray:
    """Crop an image to a box and bring it to a square.

    Parameters
    ----------
    image
        The image, in mode RGB or L.
    size
        Side of the square, in pixels.
    crop
        (left, top, right, bottom) in pixels, right and bottom exclusive, or None.
    center_crop
        ``round`` or ``floor``: where the central square starts; see `centre_square`.
    how
        ``crop``: the short side is resized to `size` and the central square cut out, as torchvision's ``Resize``
        and ``CenterCrop`` do; ``pad``: the long side is resized to `size` and the rest is black, in equal parts on
        both sides, as Pillow's ``ImageOps.pad`` does; ``stretch``: both sides are resized to `size`.

    Returns
    -------
    uint8 (size, size, channels)

    Raises
    ------
    BadImage
        If the box reaches outside the image, or the image is too elongated.
    """
    if crop is not None:
        image = cut(image, crop)
    if how != CROP:
        return _whole_image(image, size, backend, how)
    height, width = resized_shape(image.height, image.width, size)
    if height * width > _MAX_RESIZED_PIXELS:
        raise BadImage(f"too elongated: it would be resized to {width}x{height} pixels")
    square = centre_square(backend.function(image, (height, width)), size, center_crop)
    return square.reshape(size, size, -1)


def _whole_image(image: Image.Image, size: int, backend: Backend, how: str) -> np.ndarray:
    """Return all of an image in a square: stretched, or padded with black."""
    height = width = size
    if how == PAD:
        height, width = (max(1, round(side / max(image.size) * size)) for side in (image.height, image.width))
    resized = backend.function(image, (height, width)).reshape(height, width, -1)
    square = np.zeros((size, size, resized.shape[2]), np.uint8)
    top, left = round((size - height) * 0.5), round((size - width) * 0.5)
    square[top : top + height, left : left + width] = resized
    return square


def source_pixels_to_one(width: int, height: int, size: int, how: str) -> float:
    """Return how many source pixels become one along a side; of two different numbers (stretch), the smaller."""
    return (max(width, height) if how == PAD else min(width, height)) / size


def cut(image: Image.Image, crop: Box) -> Image.Image:
    """Return the part of `image` in the box, or raise BadImage if it is not all inside."""
    left, top, right, bottom = crop
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        size = f"{image.width}x{image.height}"
        raise BadImage(f"its {size} pixels do not hold the crop box {left},{top},{right},{bottom}")
    return image.crop(crop)


def resized_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the (height, width) whose short side is `size`, as torchvision's ``Resize(size)`` rounds it."""
    short, long = sorted((height, width))
    other = int(size * long / short)
    return (size, other) if height <= width else (other, size)


def centre_square(image: np.ndarray, size: int, center_crop: str = "round") -> np.ndarray:
    """Return the middle `size` x `size` pixels.

    ``round`` starts where torchvision's ``CenterCrop(size)`` does: Python rounds halves to even, so a margin of 21
    starts at 10, but one of 23 at 12. ``floor`` starts where MXNet's does: 10 and 11.
    """
    start = round if center_crop == "round" else int
    top, left = (start((side - size) / 2.0) for side in image.shape[:2])
    return image[top : top + size, left : left + size]
