"""Intervals against SciPy, and against drawing again and again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.metrics import all_metrics, confidence_intervals
from gluon_wgan.metrics.image_sets import ChosenImages


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


def test_the_interval_of_a_distance_ends_at_zero_and_stays_unknown_where_it_is() -> None:
    found = confidence_intervals.batch_means(1.0, np.array([-9.0, 9.0] * 4))
    assert found.low < 0 and confidence_intervals.non_negative(found) == (1.0, 0.0, found.high)
    far = confidence_intervals.Estimate(9.0, 8.0, 10.0)
    assert confidence_intervals.non_negative(far) == far
    unknown = confidence_intervals.Estimate(1.0, math.nan, math.nan)
    assert math.isnan(confidence_intervals.non_negative(unknown).low)


def test_sets_that_differ_in_one_part_of_eight_have_no_distance_below_zero(rng: np.random.Generator) -> None:
    # Seven parts are equal, so that the spread of the eight distances is larger than their mean.
    real = rng.integers(0, 256, (64, 3, 16, 16), dtype=np.uint8)
    fake = np.concatenate([rng.integers(0, 256, (8, 3, 1, 16), dtype=np.uint8).repeat(16, axis=2), real[8:]])
    sets = [ChosenImages(images, np.arange(64), "some") for images in (real, fake)]
    for metric in all_metrics.sliced(*sets, seed=0, threads=1):
        assert metric.estimate.value > 0 and metric.estimate.low == 0
