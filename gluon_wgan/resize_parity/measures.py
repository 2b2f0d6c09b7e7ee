"""How far two images of the same size are from each other, in numbers with units.

Every function takes uint8 RGB of shape (height, width, 3). `MEASURES` says what each is called, its unit,
where its definition comes from, and which end of its range is the bad one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

PEAK = 255


@dataclass(frozen=True)
class Measure:
    """What a measure is called and means.

    Attributes
    ----------
    name
        As in ``parity.csv`` and ``parity.json``.
    label
        As on the page.
    unit
        With the range.
    source
        Who defined it.
    meaning
        One sentence for people.
    worst
        The bad end: ``high``, ``low``, or ``far from X``.
    """

    name: str
    label: str
    unit: str
    source: str
    meaning: str
    worst: str = "high"


def l1_sum(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the sum of the absolute differences, in levels, over all pixels and channels."""
    return float(np.abs(picture.astype(np.int64) - reference).sum())


def mean_abs(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the mean absolute difference, in levels."""
    return l1_sum(picture, reference) / picture.size


def max_abs(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest absolute difference, in levels."""
    return float(np.abs(picture.astype(np.int64) - reference).max())


def off_by_more_than(levels: int, picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the share (0 to 1) of the pixels of which any channel is off by more than `levels`."""
    differences = np.abs(picture.astype(np.int64) - reference).max(axis=-1)
    return float((differences > levels).mean())


def psnr(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; infinity for equal images."""
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(reference, picture, data_range=PEAK))


def ssim(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the structural similarity (at most 1), the mean over the channels."""
    return float(structural_similarity(reference, picture, channel_axis=-1, data_range=PEAK))


def laplacian_ratio(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return how many times as much fine detail the image has: 1 is as much as the reference."""
    ours, theirs = _laplacian_energy(picture), _laplacian_energy(reference)
    if theirs == 0:
        return 1.0 if ours == 0 else math.inf
    return ours / theirs


def mean_shift(picture: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    """Return by how many levels the mean of each channel (R, G, B) moved."""
    red, green, blue = picture.mean(axis=(0, 1)) - reference.mean(axis=(0, 1))
    return float(red), float(green), float(blue)


def _laplacian_energy(picture: np.ndarray) -> float:
    """Return the mean absolute response of the 3x3 Laplacian, in levels."""
    return float(np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)).mean())


def measure_pair(picture: np.ndarray, reference: np.ndarray) -> list[float]:
    """Return every measure of two images, in the order of `PAIR_MEASURES`."""
    return [
        l1_sum(picture, reference),
        mean_abs(picture, reference),
        max_abs(picture, reference),
        off_by_more_than(1, picture, reference),
        off_by_more_than(8, picture, reference),
        off_by_more_than(60, picture, reference),
        psnr(picture, reference),
        ssim(picture, reference),
        laplacian_ratio(picture, reference),
        *mean_shift(picture, reference),
    ]


_OURS = "this project"
_SHARE = "share of pixels, 0 to 1"
PAIR_MEASURES = (
    Measure(
        "l1_sum",
        "L1 sum",
        "levels summed over height x width x 3",
        "the 2018 write-up",
        "All differences added up; it grows with the number of pixels.",
    ),
    Measure("mean_abs", "mean |d|", "levels, 0 to 255", "L1 sum / values", "The average difference of a value."),
    Measure("max_abs", "max |d|", "levels, 0 to 255", "the 2018 write-up", "The largest difference of a value."),
    Measure("off_by_1", "off > 1", _SHARE, _OURS, "Pixels of which any channel is off by more than rounding."),
    Measure("off_by_8", "off > 8", _SHARE, _OURS, "Pixels that are visibly off beside each other."),
    Measure("off_by_60", "off > 60", _SHARE, "the 2018 write-up", "Pixels that are plainly another colour."),
    Measure(
        "psnr",
        "PSNR",
        "dB, infinite for equal images (null in JSON)",
        "scikit-image peak_signal_noise_ratio",
        "The mean squared difference on a logarithmic scale.",
        "low",
    ),
    Measure(
        "ssim",
        "SSIM",
        "-1 to 1",
        "scikit-image structural_similarity (Wang et al. 2004, 7x7 windows, mean of channels)",
        "How alike the local structure is.",
        "low",
    ),
    Measure(
        "laplacian_ratio",
        "Laplacian",
        "ratio to the reference, 1 is equal",
        "mean |3x3 Laplacian| (OpenCV)",
        "How many times as much fine detail, true or false, as the reference has.",
        "far from 1",
    ),
    Measure("shift_r", "shift R", "levels", _OURS, "How far the mean of red moved.", "far from 0"),
    Measure("shift_g", "shift G", "levels", _OURS, "How far the mean of green moved.", "far from 0"),
    Measure("shift_b", "shift B", "levels", _OURS, "How far the mean of blue moved.", "far from 0"),
)
ALIASING_MEASURES = (
    Measure(
        "aliasing",
        "aliasing",
        "share of the power above the target's Nyquist frequency, 0 to 1",
        "gluon_wgan/data/aliasing.py",
        "How much of the detail that is too fine for the new size comes back as false detail.",
    ),
    Measure(
        "aliasing_rms",
        "false detail",
        "levels, root mean square",
        "gluon_wgan/data/aliasing.py",
        "How strong that false detail is.",
    ),
)
MEASURES = PAIR_MEASURES + ALIASING_MEASURES
CSV_MEASURES = PAIR_MEASURES[:9]
