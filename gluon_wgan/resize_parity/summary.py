"""From one number for each image to a few for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np

from gluon_wgan.resize_parity.measures import Measure

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """A measure over all images; every field is None where no image has a value.

    Attributes
    ----------
    median, low, high
        The median, and its 95 % confidence interval by the percentile bootstrap.
    mean, p5, p95
        The mean, and the 5th and 95th percentile.
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
    """Summarise one value for each image.

    Parameters
    ----------
    values
        float (images,); NaN where a measure has no meaning, infinity where it is unbounded.
    indices
        The images' numbers.
    measure
        Says which values are the worst.
    """
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
