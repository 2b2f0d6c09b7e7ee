"""The statistics of docs/preregistration.md: runs paired by seed, one variance, equivalence, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gluon_wgan.metrics.confidence_intervals import Estimate, around
from tools.reproduction.effects import CONFIDENCE, of_few

ALPHA = 1 - CONFIDENCE
MAX_CORRELATION = 0.995
"""Half an exchange of neighbouring ranks below 1 with ten points; a correlation of 1 has no finite z."""
_TINY = 1e-9


class Contrast(NamedTuple):
    """A difference of two means with its standard error.

    Attributes
    ----------
    value, error
        The difference and its standard error, in the measure's unit.
    freedom
        Degrees of freedom of the error's variance.
    """

    value: float
    error: float
    freedom: int

    @property
    def estimate(self) -> Estimate:
        """The difference with its 95 % t interval."""
        return around(self.value, self.error, float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom)))

    @property
    def p(self) -> float:
        """Of the two-sided t test against zero."""
        return float(2 * stats.t.sf(abs(self._t(0.0)), self.freedom))

    def p_equivalence(self, margin: float) -> float:
        """Return the p of the two one-sided t tests (TOST) against -margin and +margin: the larger of both."""
        return float(max(stats.t.sf(self._t(-margin), self.freedom), stats.t.cdf(self._t(margin), self.freedom)))

    def _t(self, against: float) -> float:
        apart = self.value - against
        return apart / self.error if self.error else math.copysign(math.inf, apart) if apart else 0.0


class PairedModel:
    """The linear model ``value = run + seed + error`` with one error variance, fitted by least squares.

    Parameters
    ----------
    values
        From (run, seed) to a value; any of them may be missing.

    Raises
    ------
    ValueError
        When there are no more values than runs and seeds, so that no variance can be estimated.
    """

    def __init__(self, values: Mapping[tuple[str, int], float]) -> None:
        self._runs = sorted({run for run, _ in values})
        self._values = dict(values)
        seeds = sorted({seed for _, seed in values})
        design = np.zeros((len(values), len(self._runs) + len(seeds)))
        for row, (run, seed) in enumerate(values):
            design[row, self._runs.index(run)] = design[row, len(self._runs) + seeds.index(seed)] = 1
        observed = np.array(list(values.values()))
        self._inverse = np.linalg.pinv(design.T @ design)
        self._row_space = self._inverse @ (design.T @ design)
        self._effects = self._inverse @ design.T @ observed
        self.freedom = len(values) - int(np.linalg.matrix_rank(design))
        if self.freedom < 1:
            raise ValueError(f"{len(values)} values of {len(self._runs)} runs and {len(seeds)} seeds leave no variance")
        self.variance = float(np.square(observed - design @ self._effects).sum() / self.freedom)

    def difference(self, run: str, base: str) -> Contrast:
        """Return how much larger a run's mean is than another's.

        Raises
        ------
        KeyError
            When one of them has no values, or no chain of common seeds joins the two.
        """
        if not {run, base} <= set(self._runs):
            raise KeyError(f"{run} or {base} has no values")
        contrast = np.zeros(len(self._effects))
        contrast[self._runs.index(run)] += 1
        contrast[self._runs.index(base)] -= 1
        if np.abs(contrast @ self._row_space - contrast).max() > _TINY:
            raise KeyError(f"no seeds join {run} and {base}")
        error = math.sqrt(self.variance * max(0.0, float(contrast @ self._inverse @ contrast)))
        return Contrast(float(contrast @ self._effects), error, self.freedom)

    def own(self, run: str, base: str) -> Contrast:
        """Return the same from the two runs alone: the mean of the differences of their common seeds."""
        seeds = sorted(seed for name, seed in self._values if name == run and (base, seed) in self._values)
        return contrast_of([self._values[run, seed] - self._values[base, seed] for seed in seeds])


def contrast_of(values: Sequence[float]) -> Contrast:
    """Return the mean of independent numbers as a contrast with zero.

    Raises
    ------
    ValueError
        When there are fewer than two.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} values leave no variance")
    return Contrast(float(np.mean(values)), float(stats.sem(values)), len(values) - 1)


def positive_mean(values: Sequence[float]) -> Estimate:
    """Return the geometric mean of positive numbers with a t interval on the logarithmic scale, so above zero."""
    return Estimate(*(math.exp(part) for part in of_few([math.log(value) for value in values])))


def mean_correlation(correlations: Sequence[float]) -> Estimate:
    """Return the mean of correlations with a t interval on Fisher's scale, so between -1 and 1.

    Correlations beyond `MAX_CORRELATION` are set to it.
    """
    inside = np.clip(correlations, -MAX_CORRELATION, MAX_CORRELATION)
    return Estimate(*(math.tanh(part) for part in of_few(list(np.arctanh(inside)))))


def partial_correlation(one: ArrayLike, other: ArrayLike, given: ArrayLike) -> float:
    """Return Pearson's correlation of what is left of two series when a line in a third is taken out of each.

    NaN where nothing is left of one of them.
    """
    design = np.stack([np.ones(np.size(given)), np.asarray(given, float)], axis=1)
    left = []
    for series in (np.asarray(one, float), np.asarray(other, float)):
        fitted = design @ np.linalg.lstsq(design, series, rcond=None)[0]
        left.append(series - fitted)
        if np.abs(left[-1]).max() <= _TINY * max(1.0, np.abs(series).max()):
            return math.nan
    return float(np.corrcoef(*left)[0, 1])


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p values corrected by Holm's step-down procedure, in the order given."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = largest
    return corrected
