"""How far two images of the same size are from each other, in numbers with units, and a few numbers for all images.

`MEASURES` says what each is called, its unit, where its definition comes from, and which end of its range is the bad
one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

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


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; infinity for equal images."""
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(reference, image, data_range=PEAK))


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Return the structural similarity (at most 1), the mean over the channels."""
    return float(structural_similarity(reference, image, channel_axis=-1, data_range=PEAK))


def laplacian_ratio(image: np.ndarray, reference: np.ndarray) -> float:
    """Return how many times as much fine detail the image has: 1 is as much as the reference."""
    ours, theirs = _laplacian_energy(image), _laplacian_energy(reference)
    if theirs == 0:
        return 1.0 if ours == 0 else math.inf
    return ours / theirs


def _laplacian_energy(image: np.ndarray) -> float:
    """Return the mean absolute response of the 3x3 Laplacian, in levels."""
    return float(np.abs(cv2.Laplacian(image.astype(np.float32), cv2.CV_32F)).mean())


def measure_pair(image: np.ndarray, reference: np.ndarray) -> list[float]:
    """Return every measure of two images, in the order of `PAIR_MEASURES`."""
    differences = np.abs(image.astype(np.int64) - reference)
    l1_sum, of_pixels = float(differences.sum()), differences.max(axis=-1)
    return [
        l1_sum,
        l1_sum / image.size,
        float(differences.max()),
        *(float((of_pixels > levels).mean()) for levels in (1, 8, 60)),
        psnr(image, reference),
        ssim(image, reference),
        laplacian_ratio(image, reference),
        *(image.mean(axis=(0, 1)) - reference.mean(axis=(0, 1))).tolist(),
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


RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """A measure over all images; every field is None where no image has a value.

    Attributes
    ----------
    median, low, high
        The median, and its 95 % confidence interval by the percentile bootstrap.
    worst, worst_index
        The worst value, and the number of the image that has it.
    """

    median: Optional[float] = None
    low: Optional[float] = None
    high: Optional[float] = None
    mean: Optional[float] = None
    p5: Optional[float] = None
    p95: Optional[float] = None
    worst: Optional[float] = None
    worst_index: Optional[int] = None


def summarise(values: np.ndarray, indices: Sequence[int], measure: Measure) -> Summary:
    """Summarise float (images,), NaN where a measure has no meaning, and infinity where it is unbounded."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return Summary()
    ordered = np.sort(values[known].astype(np.float64))
    lower, upper = _median_ranks(len(ordered))
    medians = np.sort((ordered[lower] + ordered[upper]) / 2)
    low, high = _percentiles(medians, (100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2))
    p5, p95 = _percentiles(ordered, (5, 95))
    worst = known[np.argmax(_badness(values[known], measure))]
    return Summary(
        median=float(np.median(ordered)),
        low=low,
        high=high,
        mean=float(ordered.mean()),
        p5=p5,
        p95=p95,
        worst=float(values[worst]),
        worst_index=int(indices[worst]),
    )


@lru_cache(maxsize=64)
def _median_ranks(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks whose mean is the median, of each bootstrap resample of `count` values.

    Which ranks a resample draws does not depend on the values, so one set of resamples serves every measure
    and backend. It is drawn row by row because thousands of images would need a lot of memory at once.
    """
    rng = np.random.default_rng(count)
    low, high = (count - 1) // 2, count // 2
    drawn = (np.partition(rng.integers(count, size=count), [low, high]) for _ in range(RESAMPLES))
    ranks = np.array([(ranks[low], ranks[high]) for ranks in drawn])
    return ranks[:, 0], ranks[:, 1]


def _percentiles(ordered: np.ndarray, wanted: tuple[float, float]) -> tuple[float, float]:
    # Between a number and infinity there is nothing to interpolate.
    method = "linear" if np.isfinite(ordered).all() else "nearest"
    low, high = np.percentile(ordered, wanted, method=method)  # type: ignore[call-overload]
    return float(low), float(high)


def _badness(values: np.ndarray, measure: Measure) -> np.ndarray:
    if measure.worst == "low":
        return -values
    if measure.worst == "high":
        return values
    return np.abs(values - float(measure.worst.rsplit(" ", 1)[1]))
