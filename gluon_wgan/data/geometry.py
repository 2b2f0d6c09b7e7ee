"""Crop, resize and centre: the way from a decoded picture to a square, as torchvision does it."""

from __future__ import annotations

from typing import Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.resize import resize

Box = tuple[int, int, int, int]

# Far beyond any photograph, but a 1x60000 picture would be blown up to gigabytes.
_MOST_RESIZED_PIXELS = 1 << 27


def fit(image: np.ndarray, size: int, crop: Optional[Box], backend: str) -> np.ndarray:
    """Crop a picture to a box, resize its short side and cut out the central square.

    Parameters
    ----------
    image
        uint8 (height, width, channels).
    size
        Side of the square, in pixels.
    crop
        (left, top, right, bottom) in pixels, right and bottom exclusive, or None.
    backend
        Name of the resize backend.

    Returns
    -------
    uint8 (size, size, channels)

    Raises
    ------
    BadImage
        If the box reaches outside the picture, or the picture is too elongated.
    """
    if crop is not None:
        image = cut(image, crop)
    height, width = resized_shape(image.shape[0], image.shape[1], size)
    if height * width > _MOST_RESIZED_PIXELS:
        raise BadImage(f"too elongated: it would be resized to {width}x{height} pixels")
    return centre_square(resize(image, (height, width), backend), size)


def cut(image: np.ndarray, crop: Box) -> np.ndarray:
    """Return the part of `image` in the box, or raise BadImage if it is not all inside."""
    left, top, right, bottom = crop
    height, width = image.shape[:2]
    if left < 0 or top < 0 or right > width or bottom > height:
        raise BadImage(f"its {width}x{height} pixels do not hold the crop box {left},{top},{right},{bottom}")
    return image[top:bottom, left:right]


def resized_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the (height, width) whose short side is `size`, as torchvision's ``Resize(size)`` rounds it."""
    short, long = sorted((height, width))
    other = int(size * long / short)
    return (size, other) if height <= width else (other, size)


def centre_square(image: np.ndarray, size: int) -> np.ndarray:
    """Return the middle `size` x `size` pixels, where torchvision's ``CenterCrop(size)`` takes them.

    Python rounds halves to even, so a margin of 21 starts at 10, but one of 23 at 12.
    """
    top, left = (round((side - size) / 2.0) for side in image.shape[:2])
    return image[top : top + size, left : left + size]
