"""Filtering and binning of curves against SciPy and plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import medfilt

from gluon_wgan.pages.curves import Bins, RunningMedian, axis, series

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300)


@given(VALUES, st.sampled_from([3, 5, 11, 101]))
def test_median_is_scipys_where_the_window_is_whole(values, width):
    curve, half = np.array(values * (width // len(values) + 1)), width // 2
    ours = RunningMedian(width).update(curve)
    assert len(ours) == len(curve)
    assert np.array_equal(ours[half : len(curve) - half], medfilt(curve, width)[half : len(curve) - half])


@given(VALUES, st.sampled_from([3, 11, 101]), st.lists(st.integers(0, 300), max_size=5))
def test_median_of_a_growing_curve_is_that_of_the_whole(values, width, cuts):
    curve, growing = np.array(values), RunningMedian(width)
    for cut in sorted(min(cut, len(curve)) for cut in cuts):
        growing.update(curve[:cut])
    assert np.array_equal(growing.update(curve), RunningMedian(width).update(curve))


def test_median_starts_again_where_a_curve_got_shorter():
    growing = RunningMedian(3)
    growing.update(np.arange(50.0))
    shorter = -np.arange(7.0)
    assert np.array_equal(growing.update(shorter), RunningMedian(3).update(shorter))


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6, width=32), st.just(math.nan)), min_size=1, max_size=400), st.integers(1, 50)
)
def test_bins_keep_the_extremes_and_say_where_they_are(values, most):
    curve, bins = np.array(values), Bins(len(values), most)
    low, high = bins.lowest(curve), bins.highest(curve)
    assert len(low) == len(high) == len(bins.starts) == len(bins.ends) <= most
    covered = [row for start, end in zip(bins.starts, bins.ends) for row in range(start, end + 1)]
    assert covered == list(range(len(values)))
    for place, (start, end) in enumerate(zip(bins.starts, bins.ends)):
        inside = [value for value in values[start : end + 1] if not math.isnan(value)]
        assert low[place] == min(inside) if inside else math.isnan(low[place])
        assert high[place] == max(inside) if inside else math.isnan(high[place])


def test_hand_computed_bins():
    bins = Bins(7, 3)
    assert (bins.size, bins.starts.tolist(), bins.ends.tolist()) == (3, [0, 3, 6], [2, 5, 6])
    found = series(np.array([1, 5, 2, -3, 0, 4, 9.0]), np.array([1, 2, 2, 0, 0, 4, 9.0]), bins)
    assert found == {
        "rawLow": [1, -3, 9],
        "rawHigh": [5, 4, 9],
        "medianLow": [1, 0, 9],
        "medianHigh": [2, 4, 9],
    }
    metrics = {"gen_iter": np.arange(1.0, 8), "seconds": np.full(7, 0.5)}
    assert axis(metrics, bins) == {
        "bin": 3,
        "rows": 7,
        "first": [1, 4, 7],
        "last": [3, 6, 7],
        "seconds": [1.5, 3.0, 3.5],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_a_gap(value):
    assert series(np.array([1.0, value]), None, Bins(2)) == {"rawLow": [1.0, None]}


def test_seven_digits_are_kept():
    assert series(np.array([0.0641398608808322, -123456789.0]), None, Bins(2)) == {"rawLow": [0.06413986, -123456800.0]}


def test_no_rows():
    assert series(np.empty(0), RunningMedian(101).update(np.empty(0)), Bins(0)) == {"rawLow": [], "medianLow": []}
