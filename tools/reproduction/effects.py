"""Means over seeds, differences between runs of equal seed, and their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from gluon_wgan.metrics.confidence_intervals import Estimate, around
from tools.reproduction.results import Results

CONFIDENCE = 0.95


def of_few(values: Sequence[float]) -> Estimate:
    """Return the mean of a few independent numbers with Student's interval; NaN around a single one."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, math.nan, math.nan)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return around(mean, error, float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)))


def mean_of(results: Results, run: str, quantity: str, gen_iter: int) -> Estimate:
    """Return the mean over a run's seeds."""
    return of_few(list(results.by_seed(run, quantity, gen_iter).values()))


def difference(
    results: Results, run: str, base: str, quantity: str, gen_iter: int, base_iter: int | None = None
) -> Estimate:
    """Return how much larger a quantity is in one run than in another, over the seeds that both have.

    Seeds are paired: runs of one seed begin with the same noise and the same order of images.
    """
    ours = results.by_seed(run, quantity, gen_iter)
    theirs = results.by_seed(base, quantity, gen_iter if base_iter is None else base_iter)
    return of_few([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation; NaN where one of the two never changes."""
    if not np.ptp(one) or not np.ptp(other):
        return math.nan
    return float(stats.spearmanr(one, other).statistic)


def excludes_zero(estimate: Estimate) -> bool:
    """Whether an interval has 0 outside; never where there is none."""
    return estimate.low > 0 or estimate.high < 0


def number(value: float, digits: int = 3) -> str:
    """Return a number without an interval, with so many significant digits."""
    return words(Estimate(value, math.nan, math.nan), digits)


def words(estimate: Estimate, digits: int = 3, sign: bool = False) -> str:
    """Return ``1.23 (1.20 to 1.26)``, or the number alone where there is no interval.

    Parameters
    ----------
    digits
        Significant digits of the value; the interval has as many decimals.
    sign
        Whether to write a plus before what is above 0, as differences have it.
    """
    if not any(estimate):
        return "0"
    largest = max((abs(part) for part in estimate if math.isfinite(part)), default=0.0)
    decimals = max(0, digits - 1 - math.floor(math.log10(largest))) if largest else 0
    spec = f"{'+' if sign else ''}.{decimals}f"
    if not math.isfinite(estimate.low):
        return format(estimate.value, spec)
    return f"{estimate.value:{spec}} ({estimate.low:{spec}} to {estimate.high:{spec}})"
