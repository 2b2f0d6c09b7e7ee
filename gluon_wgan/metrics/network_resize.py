"""The ways in which published results bring images to a feature network's size. They are not comparable."""

from __future__ import annotations

import numpy as np
from PIL import Image

RULES = ("clean", "legacy", "pytorch")


def resized(batch: np.ndarray, side: int, rule: str) -> np.ndarray:
    """Resize images.

    Parameters
    ----------
    batch
        uint8 (images, channels, height, width).
    rule
        ``clean``: Pillow's bicubic filter on each channel as float32, clipped to 0 to 255 (Parmar et al. 2022);
        images that have the size already are left as they are. ``legacy``: TensorFlow 1's bilinear interpolation
        without antialiasing and without half-pixel centres, as the original FID script's graph has it. ``pytorch``:
        PyTorch's bilinear interpolation without antialiasing and with half-pixel centres, as pytorch-fid has it.

    Returns
    -------
    float32 (images, channels, side, side), from 0 to 255
    """
    if batch.shape[2:] == (side, side):
        return batch.astype(np.float32)
    if rule == "clean":
        return _clean(batch, side)
    return _bilinear(batch.astype(np.float32), side, np.float32(0.5 if rule == "pytorch" else 0))


def _clean(batch: np.ndarray, side: int) -> np.ndarray:
    planes = batch.reshape(-1, *batch.shape[2:]).astype(np.float32)
    wide = [Image.fromarray(plane).resize((side, side), Image.Resampling.BICUBIC) for plane in planes]
    return np.stack([np.asarray(plane) for plane in wide]).clip(0, 255).reshape(*batch.shape[:2], side, side)


def _bilinear(batch: np.ndarray, side: int, centre: np.float32) -> np.ndarray:
    for axis in (3, 2):
        length = batch.shape[axis]
        places = (np.arange(side, dtype=np.float32) + centre) * np.float32(length / side) - centre
        places = np.maximum(places, 0)
        low = places.astype(np.int64)
        high = np.minimum(low + 1, length - 1)
        share = (places - low.astype(np.float32)).reshape([-1 if dimension == axis else 1 for dimension in range(4)])
        start = batch.take(low, axis)
        batch = start + (batch.take(high, axis) - start) * share
    return batch
