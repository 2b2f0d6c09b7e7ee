"""Means, paired differences and their intervals against SciPy's, and numbers in words."""

from __future__ import annotations

import math
import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gluon_wgan.metrics.confidence_intervals import Estimate
from tools.reproduction.effects import (
    difference,
    excludes_zero,
    mean_of,
    of_few,
    rank_correlation,
    words,
)
from tools.reproduction.results import Results, Row

OURS, BASE = {0: 3.0, 1: 5.5, 2: 4.0, 7: 100.0}, {0: 2.5, 1: 3.0, 2: 4.5, 9: -50.0}


@pytest.fixture
def results() -> Results:
    rows = [Row("ours", seed, 10, "swd", value) for seed, value in OURS.items()]
    rows += [Row("base", seed, 20, "swd", value) for seed, value in BASE.items()]
    # What must not be taken in: another iteration, quantity and run.
    rows += [Row("ours", 0, 20, "swd", 1e6), Row("ours", 0, 10, "frechet", 1e6), Row("base", 0, 10, "swd", -1e6)]
    return Results(rows)


@pytest.mark.parametrize("values", [[1.0, 2.0], [3.0, 5.5, 4.0], [-1e-5, 3e-5, 2e-5, 9e-5], [2.0] * 3])
def test_the_interval_of_a_mean_is_student_s(values):
    found = of_few(values)
    mean = sum(values) / len(values)
    assert found.value == pytest.approx(mean)
    if len(set(values)) == 1:
        assert found == (mean, mean, mean)
    else:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values))
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_an_interval_excludes_zero_exactly_when_the_t_test_says_so():
    for shift in (-4.0, -1.0, 0.5, 1.9, 2.1, 5.0):
        values = [shift + part for part in (-0.9, 0.1, 0.8)]
        assert excludes_zero(of_few(values)) == (stats.ttest_1samp(values, 0).pvalue < 0.05)


def test_a_single_value_has_no_interval():
    found = of_few([4.0])
    assert found.value == 4.0 and math.isnan(found.low) and math.isnan(found.high)
    assert not excludes_zero(found)


def test_the_mean_is_over_the_seeds_of_one_moment(results):
    assert mean_of(results, "base", "swd", 20).value == pytest.approx((2.5 + 3 + 4.5 - 50) / 4)


def test_a_difference_is_paired_by_seed_and_taken_over_the_common_seeds(results):
    found = difference(results, "ours", "base", "swd", 10, 20)
    paired = [3.0 - 2.5, 5.5 - 3.0, 4.0 - 4.5]
    expected = stats.ttest_1samp(paired, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(sum(paired) / 3)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    test = stats.ttest_rel([3.0, 5.5, 4.0], [2.5, 3.0, 4.5])
    assert found.low == pytest.approx(test.confidence_interval(0.95).low)


def test_without_another_moment_both_are_taken_at_the_same(results):
    assert difference(results, "ours", "base", "swd", 10).value == pytest.approx(3.0 + 1e6)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [9, 7, 5, 1], -1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),  # 1 - 6 * 4 / (5 * 24)
        # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: Pearson's correlation is 4.5 / sqrt(4.5 * 5).
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / math.sqrt(4.5 * 5)),
    ],
)
def test_rank_correlation_by_hand_and_with_ties(one, other, expected):
    assert rank_correlation(one, other) == pytest.approx(expected)
    ranks = [stats.rankdata(values) for values in (one, other)]
    assert rank_correlation(one, other) == pytest.approx(stats.pearsonr(*ranks)[0])


def test_a_constant_has_no_rank_correlation():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


@pytest.mark.parametrize(
    ("estimate", "options", "expected"),
    [
        (Estimate(1.2345, 1.2, 1.3), {}, "1.23 (1.20 to 1.30)"),
        (Estimate(1.2345, 1.2, 1.3), {"sign": True}, "+1.23 (+1.20 to +1.30)"),
        (Estimate(-0.012345, -0.02, 0.03), {"sign": True}, "-0.0123 (-0.0200 to +0.0300)"),
        (Estimate(123.456, math.nan, math.nan), {}, "123"),
        (Estimate(12.3456, 12, 13), {"digits": 4}, "12.35 (12.00 to 13.00)"),
        (Estimate(123456.0, 1e5, 2e5), {}, "123456 (100000 to 200000)"),
        (Estimate(0.0, 0.0, 0.0), {}, "0"),
        (Estimate(5.0, -250.0, 260.0), {}, "5 (-250 to 260)"),
        (Estimate(math.nan, math.nan, math.nan), {}, "nan"),
    ],
)
def test_an_estimate_in_words(estimate, options, expected):
    assert words(estimate, **options) == expected


NUMBERS = st.floats(1e-12, 1e12).flatmap(lambda size: st.sampled_from([size, -size]))


@settings(max_examples=300)
@given(NUMBERS, st.floats(0, 1e3), st.integers(1, 6), st.booleans())
def test_every_printed_number_is_within_half_a_last_digit_and_has_digits_enough(value, reach, digits, sign):
    estimate = Estimate(value, value - abs(value) * reach, value + abs(value) * reach)
    printed = words(estimate, digits, sign)
    found = re.fullmatch(r"(\S+) \((\S+) to (\S+)\)", printed)
    assert found is not None
    largest = max(map(abs, estimate))
    for text, exact in zip(found.groups(), estimate):
        decimals = len(text.partition(".")[2])
        assert abs(float(text) - exact) <= 0.5 * 10.0**-decimals * (1 + 1e-9)
        assert text.startswith("+") <= sign and (not sign or text[0] in "+-")
    # The largest of the three shows at least so many digits, and no more than it has to.
    assert 10.0**-decimals <= largest * 10.0 ** (1 - digits) * (1 + 1e-9) or decimals == 0
    assert decimals == 0 or 10.0 ** (1 - decimals) > largest * 10.0 ** (1 - digits) * (1 - 1e-9)
