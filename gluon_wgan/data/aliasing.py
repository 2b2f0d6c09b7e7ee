"""Aliasing itself: what a backend makes of the detail that is too fine for the new size.

The source is split by a discrete cosine transform into what the target's pixel grid can hold and the rest,
everything above the target's Nyquist frequency. The backend resizes the source with and without that rest.
Resizing is linear up to rounding, so the difference is what the rest became: false detail, folded down to
frequencies where it does not belong. An ideal filter would leave none of it, picking single pixels all.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn

from gluon_wgan.data.aliasing_options import AGAINST, ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box, cut, source_pixels_to_one
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.sources import Source

_LARGEST_SIDE = 2048
"""Larger images are measured by their middle, at the same ratio, to bound memory and time."""
_LEAST_POWER = 4.0
"""Levels squared: with less than this to fold, rounding to whole levels would be mistaken for aliasing."""
# Cheap enough to be looked at before every run.
_IMAGES = 8
_SECONDS = 0.5


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
    images, false_detail
        float (backends, size, size): the resized luma, and the false detail in it.
    ideal
        float (size, size): the luma as an ideal filter would resize it.
    """

    share: np.ndarray
    rms: np.ndarray
    images: np.ndarray
    false_detail: np.ndarray
    ideal: np.ndarray


def to_spectrum(image: Image.Image) -> Spectrum:
    """Take the luma (ITU-R 601) of the middle square of an image in mode RGB, and transform it."""
    side = min(*image.size, _LARGEST_SIDE)
    left, top = ((length - side) // 2 for length in image.size)
    luma = image.crop((left, top, left + side, top + side)).convert("L")
    return Spectrum(luma, dctn(np.asarray(luma, np.float32), norm="ortho"))


def fold(spectrum: Spectrum, ratio: float, backends: Sequence[str]) -> Optional[Folded]:
    """Shrink an image with every backend, with and without what lies above the target's Nyquist frequency.

    `ratio` is source pixels by target pixels along a side; where it does not shrink the image, there is nothing to
    fold, and None is returned.
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
    images = _resized(spectrum.luma, size, backends)
    false_detail = images - _resized(Image.fromarray(low), size, backends)
    power = np.square(false_detail, dtype=np.float64).mean(axis=(1, 2))
    enough = power_above >= _LEAST_POWER
    share = np.minimum(power / power_above, 1) if enough else np.full(len(backends), np.nan)
    ideal = idctn(within, norm="ortho") * (size / side)
    return Folded(share, np.sqrt(power), images, false_detail, ideal)


def radial_power(images: np.ndarray) -> np.ndarray:
    """Return the power of square images by spatial frequency.

    Parameters
    ----------
    images
        float (..., size, size), in levels.

    Returns
    -------
    float (..., size // 2 + 1)
        The mean power, in levels squared, of the frequencies 0, 1/size, ... 0.5 cycles a pixel in any
        direction; a Hann window keeps the images' edges out of it.
    """
    size = images.shape[-1]
    window = np.outer(np.hanning(size), np.hanning(size))
    window /= np.sqrt(np.square(window).mean())
    centred = (images - images.mean(axis=(-2, -1), keepdims=True)) * window
    power = np.square(np.abs(np.fft.fft2(centred))) / size**4
    cycles = np.fft.fftfreq(size) * size
    ring = np.rint(np.hypot(*np.meshgrid(cycles, cycles))).astype(int).ravel()
    flat = power.reshape(-1, size * size)
    rings = np.stack([np.bincount(ring, row)[: size // 2 + 1] for row in flat])
    counts = np.bincount(ring)[: size // 2 + 1]
    return (rings / counts).reshape(*images.shape[:-2], -1)


def aliasing_warning(
    source: Source,
    *,
    size: int,
    resize: str,
    crop: Optional[Box],
    roots: Sequence[str],
    fit: str = CROP,
    seconds: float = _SECONDS,
) -> Optional[str]:
    """Say in one line that a backend aliases on a few of the images, or return None if it does not.

    Parameters
    ----------
    size, resize, crop, fit
        As for `gluon_wgan.data.workers.Preparation`.
    roots
        What the command that shows the report is to name; nothing for the built-in portraits.
    seconds
        When to stop measuring further images.
    """
    backend = canonical_name(resize)
    if BACKENDS[backend].antialiases:
        return None
    measured = _measure(source, size, backend, crop, fit, seconds)
    if not len(measured):
        return None
    share, levels, ratio = np.median(measured, axis=0)
    if not (share > ALIASING_SHARE and levels > ALIASING_LEVELS):
        return None
    # Both are named, so that the report compares the two without waiting for the others.
    words = ["python", "tools/resize_parity.py", *roots, "--size", str(size)]
    words += ["--crop", ",".join(map(str, crop))] if crop is not None else []
    words += ["--fit", fit] if fit != CROP else []
    words += ["--backends", ",".join(dict.fromkeys((backend, AGAINST)))]
    return (
        f"--resize {backend} aliases on these images, {ratio:.1f} source pixels to one: {share:.0%} of the "
        f"detail that is too fine returns as false detail, {levels:.0f} levels strong ({AGAINST} does not); "
        f"the report of this command shows it: {shlex.join(words)}"
    )


def _measure(source: Source, size: int, backend: str, crop: Optional[Box], fit: str, seconds: float) -> np.ndarray:
    """Return share, levels and ratio of a few evenly spread images that are shrunk: float (images, 3)."""
    measured = []
    until = time.perf_counter() + seconds
    for index in range(0, len(source), -(-len(source) // _IMAGES)):
        try:
            image = source.open(index, 3)
            image = image if crop is None else cut(image, crop)
        except BadImage:
            continue  # preparing the data reports it
        ratio = source_pixels_to_one(*image.size, size, fit)
        folded = fold(to_spectrum(image), ratio, [backend]) if ratio > 1 else None
        if folded is not None and np.isfinite(folded.share[0]):
            measured.append((folded.share[0], folded.rms[0], ratio))
        if time.perf_counter() > until:
            break
    return np.array(measured).reshape(-1, 3)


def _resized(luma: Image.Image, size: int, backends: Sequence[str]) -> np.ndarray:
    """Return float32 (backends, size, size)."""
    images = [BACKENDS[name].function(luma, (size, size)).reshape(size, size) for name in backends]
    return np.stack(images).astype(np.float32)


def _power(coefficients: np.ndarray) -> np.float64:
    return np.square(coefficients, dtype=np.float64).sum()
