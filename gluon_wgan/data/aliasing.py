"""Aliasing itself: what a backend makes of the detail that is too fine for the new size.

The source is split by a discrete cosine transform into what the target's pixel grid can hold and the rest,
everything above the target's Nyquist frequency. The backend resizes the source with and without that rest.
Resizing is linear up to rounding, so the difference is what the rest became: false detail, folded down to
frequencies where it does not belong. An ideal filter would leave none of it, picking single pixels all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn

from gluon_wgan.data.resize import BACKENDS

_LARGEST_SIDE = 2048
"""Larger images are measured by their middle, at the same ratio, to bound memory and time."""
_LEAST_POWER = 4.0
"""Levels squared: with less than this to fold, rounding to whole levels would be mistaken for aliasing."""


@dataclass(frozen=True)
class Spectrum:
    """The middle square of an image's luma and its cosine transform, made once for all uses."""

    luma: Image.Image
    coefficients: np.ndarray


@dataclass(frozen=True)
class Folded:
    """What each backend, in the order given, made of one image.

    Attributes
    ----------
    share
        float (backends,): power of the false detail by power above Nyquist, at most 1; NaN if there is too little
        there. A backend that picks single pixels can happen on ones stronger than the average of all, which
        would give a little more than everything.
    rms
        float (backends,): the false detail in levels, root mean square.
    pictures, false_detail
        float (backends, size, size): the resized luma, and the false detail in it.
    ideal
        float (size, size): the luma as an ideal filter would resize it.
    """

    share: np.ndarray
    rms: np.ndarray
    pictures: np.ndarray
    false_detail: np.ndarray
    ideal: np.ndarray


def to_spectrum(image: Image.Image) -> Spectrum:
    """Take the luma (ITU-R 601) of an image's middle square and transform it.

    Parameters
    ----------
    image
        In mode RGB.
    """
    side = min(*image.size, _LARGEST_SIDE)
    left, top = ((length - side) // 2 for length in image.size)
    luma = image.crop((left, top, left + side, top + side)).convert("L")
    return Spectrum(luma, dctn(np.asarray(luma, np.float32), norm="ortho"))


def fold(spectrum: Spectrum, ratio: float, backends: Sequence[str]) -> Optional[Folded]:
    """Shrink an image with every backend, with and without what lies above the target's Nyquist frequency.

    Parameters
    ----------
    spectrum
        The image.
    ratio
        Source pixels by target pixels along a side.
    backends
        Names of the backends.

    Returns
    -------
    Folded, or None if the image is not shrunk, so that there is nothing to fold.
    """
    side = spectrum.luma.width
    size = max(1, round(side / ratio))
    if size >= side:
        return None
    within = spectrum.coefficients[:size, :size]
    power_above = float(_power(spectrum.coefficients) - _power(within)) / side**2
    band_limited = np.zeros_like(spectrum.coefficients)
    band_limited[:size, :size] = within
    low = np.clip(np.rint(idctn(band_limited, norm="ortho")), 0, 255).astype(np.uint8)
    pictures = _resized(spectrum.luma, size, backends)
    false_detail = pictures - _resized(Image.fromarray(low), size, backends)
    power = np.square(false_detail, dtype=np.float64).mean(axis=(1, 2))
    enough = power_above >= _LEAST_POWER
    share = np.minimum(power / power_above, 1) if enough else np.full(len(backends), np.nan)
    ideal = idctn(within, norm="ortho") * (size / side)
    return Folded(share, np.sqrt(power), pictures, false_detail, ideal)


def radial_power(pictures: np.ndarray) -> np.ndarray:
    """Return the power of square images by spatial frequency.

    Parameters
    ----------
    pictures
        float (..., size, size), in levels.

    Returns
    -------
    float (..., size // 2 + 1)
        The mean power, in levels squared, of the frequencies 0, 1/size, ... 0.5 cycles a pixel in any
        direction; a Hann window keeps the images' edges out of it.
    """
    size = pictures.shape[-1]
    window = np.outer(np.hanning(size), np.hanning(size))
    window /= np.sqrt(np.square(window).mean())
    centred = (pictures - pictures.mean(axis=(-2, -1), keepdims=True)) * window
    power = np.square(np.abs(np.fft.fft2(centred))) / size**4
    cycles = np.fft.fftfreq(size) * size
    ring = np.rint(np.hypot(*np.meshgrid(cycles, cycles))).astype(int).ravel()
    flat = power.reshape(-1, size * size)
    rings = np.stack([np.bincount(ring, row)[: size // 2 + 1] for row in flat])
    counts = np.bincount(ring)[: size // 2 + 1]
    return (rings / counts).reshape(*pictures.shape[:-2], -1)


def _resized(luma: Image.Image, size: int, backends: Sequence[str]) -> np.ndarray:
    """Return float32 (backends, size, size)."""
    pictures = [BACKENDS[name].function(luma, (size, size)).reshape(size, size) for name in backends]
    return np.stack(pictures).astype(np.float32)


def _power(coefficients: np.ndarray) -> np.float64:
    return np.square(coefficients, dtype=np.float64).sum()
