"""Intervals against SciPy, and against drawing again and again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.metrics import confidence_intervals


@given(st.integers(1, 2000), st.floats(0, 1))
def test_wilsons_interval_is_scipys(count: int, share: float) -> None:
    hits = round(share * count)
    expected = scipy.stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert confidence_intervals.wilson(hits, count) == pytest.approx(
        (hits / count, expected.low, expected.high), abs=1e-9
    )


def test_the_points_of_the_distributions() -> None:
    assert pytest.approx(scipy.stats.norm.ppf(0.975), rel=1e-12) == confidence_intervals.Z
    assert pytest.approx(scipy.stats.t.ppf(0.975, 7), rel=1e-12) == confidence_intervals.T_OF_EIGHT


def test_a_means_interval(rng: np.random.Generator) -> None:
    values = rng.standard_normal(50)
    error = scipy.stats.sem(values)
    expected = (
        values.mean(),
        values.mean() - confidence_intervals.Z * error,
        values.mean() + confidence_intervals.Z * error,
    )
    assert confidence_intervals.of_mean(values) == pytest.approx(expected)
    assert math.isnan(confidence_intervals.of_mean(values[:1]).low)


def test_the_jackknife_of_a_mean_is_its_standard_error(rng: np.random.Generator) -> None:
    values = rng.standard_normal(40)
    without = np.array([np.delete(values, place).mean() for place in range(40)])
    assert confidence_intervals.jackknife(values.mean(), without) == pytest.approx(confidence_intervals.of_mean(values))


def test_eight_parts_cover_the_truth_as_often_as_they_say(rng: np.random.Generator) -> None:
    inside = 0
    for _ in range(2000):
        parts = rng.standard_normal((8, 25)).mean(axis=1)
        found = confidence_intervals.batch_means(float(parts.mean()), parts)
        inside += found.low < 0 < found.high
    assert scipy.stats.binomtest(inside, 2000, 0.95).pvalue > 0.001
