"""Laplacian pyramids (Burt and Adelson 1983), as progressive GAN's sliced Wasserstein distance takes them."""

from __future__ import annotations

import cv2
import numpy as np

SMALLEST = 16
"""A level is halved as long as this side, in pixels, is not fallen below."""
# Binomial; borders are mirrored without repeating the outermost pixel.
_TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16


def sides(size: int) -> list[int]:
    """Return the side of each level of the pyramid of square images, the finest first, in pixels."""
    found = [size]
    while found[-1] % 2 == 0 and found[-1] // 2 >= SMALLEST:
        found.append(found[-1] // 2)
    return found


def laplacian_level(images: np.ndarray, level: int, levels: int) -> np.ndarray:
    """Return one level of the pyramids of some images: what the next coarser one cannot tell of it.

    The last level is the coarsest image itself.

    Parameters
    ----------
    images
        uint8 (images, channels, size, size), of a size that can be halved `levels` - 1 times.
    level, levels
        Which level, 0 being the finest, of how many.

    Returns
    -------
    float32 (images, side, side, channels), in gray levels of 0 to 255
    """
    return np.stack([_level(image.transpose(1, 2, 0).astype(np.float32), level, levels) for image in images])


def _level(fine: np.ndarray, level: int, levels: int) -> np.ndarray:
    """Return a level of the pyramid of one image, float32 (size, size, channels)."""
    for _ in range(level):
        fine = _halved(fine)
    return fine if level == levels - 1 else fine - _doubled(_halved(fine))


def _halved(image: np.ndarray) -> np.ndarray:
    return _filtered(image, _TAPS)[::2, ::2]


def _doubled(image: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    sparse = np.zeros((2 * height, 2 * width, channels), np.float32)
    sparse[::2, ::2] = image
    return _filtered(sparse, 2 * _TAPS)


def _filtered(image: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)
