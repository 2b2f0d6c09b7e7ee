"""The kernel of a backend, read off from its response to single bright lines.

Lines stand so far apart that each target pixel sees one of them at most. Moved along pixel by pixel, they
give the weight of every source pixel in every target pixel: the kernel, its width and its centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from gluon_wgan.resize_parity.probes import RATIO, SOURCE, TARGET, resize_gray

_SPACING = 36
# Room below the background shows negative weights.
_BACKGROUND, _LINE = 64, 255
_ACROSS = 18
_INSIDE = slice(8, TARGET - 8)


@dataclass(frozen=True)
class Kernel:
    """How a backend weighs source pixels when it shrinks by 4.5.

    Attributes
    ----------
    offsets
        Where source pixels lie, in target pixels from the target pixel's centre, rising.
    weights
        Their weight, as a density: a box as wide as a target pixel has weight 1.
    width
        How many source pixels in a row have a say (at least one level of 191), the median over target pixels.
    shift_x, shift_y
        How far the image moves right and down, in target pixels.
    """

    offsets: np.ndarray
    weights: np.ndarray
    width: float
    shift_x: float
    shift_y: float


def measure_kernel(backend: str) -> Kernel:
    """Measure the kernel of a backend along rows, and its shift along columns too."""
    along_rows, along_columns = _weights(backend, across_rows=False), _weights(backend, across_rows=True)
    # Multiplied by 18 every offset is a whole number, so that equal ones meet.
    steps = np.rint(_offsets()[_INSIDE] * 4 * RATIO).astype(int)
    distinct, place = np.unique(steps, return_inverse=True)
    total = np.bincount(place.ravel(), along_rows[_INSIDE].ravel())
    return Kernel(
        offsets=distinct / (4 * RATIO),
        weights=total / np.bincount(place.ravel()) * RATIO,
        width=float(np.median((np.abs(along_rows[_INSIDE]) * (_LINE - _BACKGROUND) >= 1).sum(axis=1))),
        shift_x=_shift(along_rows),
        shift_y=_shift(along_columns),
    )


def _offsets() -> np.ndarray:
    """Return where each source pixel lies from each target pixel, in target pixels: (TARGET, SOURCE)."""
    return (np.arange(SOURCE) + 0.5) / RATIO - (np.arange(TARGET)[:, None] + 0.5)


def _weights(backend: str, across_rows: bool) -> np.ndarray:
    """Return the weight of each source pixel in each target pixel along one axis: float (TARGET, SOURCE)."""
    weights = np.zeros((TARGET, SOURCE))
    offsets = np.abs(_offsets())
    for first in range(_SPACING):
        lines = np.full((_ACROSS, SOURCE), _BACKGROUND, np.uint8)
        lines[:, first::_SPACING] = _LINE
        if across_rows:
            shrunk = resize_gray(
                Image.fromarray(np.ascontiguousarray(lines.T)), (TARGET, int(_ACROSS / RATIO)), backend
            ).T
        else:
            shrunk = resize_gray(Image.fromarray(lines), (int(_ACROSS / RATIO), TARGET), backend)
        response = (shrunk[1].astype(float) - _BACKGROUND) / (_LINE - _BACKGROUND)
        places = np.arange(first, SOURCE, _SPACING)
        nearest = places[offsets[:, places].argmin(axis=1)]
        weights[np.arange(TARGET), nearest] = response
    return weights


def _shift(weights: np.ndarray) -> float:
    """Return how far the image moves along an axis, in target pixels: against where the backend looks."""
    inside = weights[_INSIDE]
    looks = (inside * _offsets()[_INSIDE]).sum() / inside.sum()
    return float(-looks)
