"""95 % confidence intervals of metric values, over the draw of the images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

PARTS = 8
T_OF_EIGHT = 2.364624251592785
"""The 97.5 % point of Student's distribution with seven degrees of freedom."""


class Estimate(NamedTuple):
    """A metric value and its 95 % interval."""

    value: float
    low: float
    high: float


def of_mean(values: np.ndarray) -> Estimate:
    """Return the mean of independent values and what its standard error allows."""
    mean = float(np.mean(values))
    return around(mean, float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan)


def around(value: float, error: float, points: float = Z) -> Estimate:
    """Return a value with so many standard errors to either side."""
    return Estimate(value, value - points * error, value + points * error)


def wilson(hits: int, count: int) -> Estimate:
    """Return a share and its Wilson score interval (Wilson 1927), which stays between 0 and 1."""
    share, wide = hits / count, Z * Z / count
    centre = (share + wide / 2) / (1 + wide)
    reach = Z / (1 + wide) * math.sqrt(share * (1 - share) / count + wide / (4 * count))
    # At the ends the interval ends exactly there, but for rounding.
    return Estimate(share, centre - reach if hits else 0.0, centre + reach if hits < count else 1.0)


def jackknife(value: float, without: np.ndarray) -> Estimate:
    """Return a metric value of all images with the grouped jackknife interval (Efron and Tibshirani 1993, section 11).

    Parameters
    ----------
    without
        float (groups,): the value without each of some equal parts of the images.
    """
    groups = len(without)
    spread = np.square(without - without.mean()).sum() * (groups - 1) / groups
    return around(value, math.sqrt(float(spread)))


def equal_parts(*sets: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield eight disjoint equal parts of the members of each set, together; what is left over is in none."""
    cuts = [len(members) // PARTS for members in sets]
    for part in range(PARTS):
        yield tuple(members[part * cut : (part + 1) * cut] for members, cut in zip(sets, cuts))


def non_negative(found: Estimate) -> Estimate:
    """Return the estimate of what cannot be below 0 with its interval cut off there; NaN stays NaN."""
    return found._replace(low=float(np.maximum(found.low, 0.0)))


def union(first: Estimate, second: Estimate) -> Estimate:
    """Return the first value with the smallest interval that holds those of both; one without any is ignored."""
    low, high = np.fmin(first.low, second.low), np.fmax(first.high, second.high)
    return Estimate(first.value, float(low), float(high))


def batch_means(value: float, parts: np.ndarray) -> Estimate:
    """Return a metric value of all images with the t interval of its values on eight equal parts of them.

    The parts' own values may be off by the bias of small samples; only their spread is used.
    """
    return around(value, float(np.std(parts, ddof=1) / np.sqrt(len(parts))), T_OF_EIGHT)
