"""Between bytes and the range that the networks see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mxnet import Context, nd


def to_network(batch: np.ndarray, context: Context, dtype: str = "float32") -> nd.NDArray:
    """Move uint8 pixels (N, C, H, W) to a device as ``dtype`` in [-1, 1].

    The bytes travel and the device converts, in the reference's order: ``ToTensor`` divides by 255 and
    ``Normalize`` subtracts 0.5 and divides by 0.5.
    """
    # Imported here because the reference draws its images where there may be no MXNet.
    from mxnet import nd

    pixels = nd.array(batch, ctx=context, dtype=np.uint8).astype(dtype)
    pixels /= 255
    pixels -= 0.5
    pixels /= 0.5
    return pixels


def to_bytes(images: np.ndarray, rounding: str = "nearest") -> np.ndarray:
    """Convert float images in [-1, 1] to uint8 of the same shape, values outside clipped.

    `rounding` is ``nearest``, or ``down`` to cut off the fraction.
    """
    whole = np.rint if rounding == "nearest" else np.floor
    return np.clip(whole((images + 1.0) * 127.5), 0, 255).astype(np.uint8)
