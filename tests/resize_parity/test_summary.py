"""Summaries over images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from gluon_wgan.resize_parity.measures import MEASURES, summarise

NAMED = {measure.name: measure for measure in MEASURES}


@pytest.mark.parametrize("count", [20, 65])
def test_interval_is_scipys_percentile_bootstrap(count):
    values = np.random.default_rng(count).lognormal(size=count)
    found = summarise(values, range(count), NAMED["mean_abs"])
    expected = bootstrap(
        (values,), np.median, n_resamples=4000, method="percentile", random_state=np.random.default_rng(1)
    ).confidence_interval
    spread = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.15 * spread)
    assert found.high == pytest.approx(expected.high, abs=0.15 * spread)
    assert found.low <= found.median <= found.high


def test_median_mean_and_percentiles_are_numpys():
    values = np.random.default_rng(0).normal(size=101)
    found = summarise(values, range(101), NAMED["mean_abs"])
    assert found.median == np.median(values)
    assert found.mean == pytest.approx(values.mean())
    assert (found.p5, found.p95) == pytest.approx(tuple(np.percentile(values, (5, 95))))


@pytest.mark.parametrize(
    ("measure", "worst"), [("l1_sum", 3.0), ("psnr", -4.0), ("laplacian_ratio", -4.0), ("shift_g", -4.0)]
)
def test_worst_is_at_the_bad_end(measure, worst):
    found = summarise(np.array([1.0, 3.0, -4.0, 0.0]), [10, 11, 12, 13], NAMED[measure])
    assert found.worst == worst
    assert found.worst_index == (11 if worst == 3 else 12)


def test_infinities_stay_and_unknowns_go():
    same = summarise(np.array([math.inf, math.inf, math.inf]), range(3), NAMED["psnr"])
    assert (same.median, same.low, same.p95) == (math.inf, math.inf, math.inf)
    some = summarise(np.array([math.nan, 2.0, math.nan, 4.0]), range(4), NAMED["aliasing"])
    assert (some.median, some.worst_index) == (3.0, 3)
    assert summarise(np.array([math.nan]), range(1), NAMED["aliasing"]).median is None


def test_one_image_is_enough():
    found = summarise(np.array([5.0]), [7], NAMED["l1_sum"])
    assert (found.median, found.low, found.high, found.worst_index) == (5, 5, 5, 7)
