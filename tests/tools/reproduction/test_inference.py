"""The model, against SciPy, against sums written out by hand, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tools.reproduction.inference import (
    Contrast,
    PairedModel,
    contrast_of,
    holm,
    mean_correlation,
    partial_correlation,
    positive_mean,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


OURS, THEIRS = [27.1, 30.4, 25.0, 33.3, 28.8], [24.9, 25.3, 24.1, 27.0, 26.2]


def table(runs: dict[str, list[float]]) -> dict[tuple[str, int], float]:
    return {(run, seed): value for run, values in runs.items() for seed, value in enumerate(values)}


def test_two_runs_are_the_paired_t_test():
    model = PairedModel(table({"a": OURS, "b": THEIRS}))
    wanted = stats.ttest_rel(OURS, THEIRS)
    for found in (model.difference("a", "b"), model.own("a", "b")):
        assert found.value == pytest.approx(np.mean(OURS) - np.mean(THEIRS))
        assert found.p == pytest.approx(wanted.pvalue) and found.freedom == 4
        low, high = wanted.confidence_interval(0.95)
        assert found.estimate == pytest.approx((found.value, low, high))
    reverse = model.difference("b", "a")
    assert (reverse.value, reverse.p) == pytest.approx((-found.value, found.p))


def test_balanced_runs_are_the_two_way_analysis_of_variance():
    # By hand: rows 1 2 3 / 2 4 3 / 6 5 10; grand mean 4, run means 2 3 7, seed means 3 11/3 16/3;
    # residuals 0 1/3 -1/3 / 0 4/3 -4/3 / 0 -5/3 5/3, whose squares sum to 28/3.
    values = np.array([[1.0, 2, 3], [2, 4, 3], [6, 5, 10]])
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    model = PairedModel(table({"a": [1, 2, 3], "b": [2, 4, 3], "c": [6, 5, 10]}))
    assert model.freedom == 4 and model.variance == pytest.approx((rest**2).sum() / 4) == pytest.approx(7 / 3)
    found = model.difference("c", "a")
    assert (found.value, found.error) == pytest.approx((5.0, math.sqrt(7 / 3 * 2 / 3)))


def test_a_missing_seed_is_estimated_from_the_other_runs():
    # Additive without error: what is missing changes nothing, though the means of what is there do.
    full = {(run, seed): effect + 10.0 * seed for run, effect in (("a", 1), ("b", 4), ("c", 2)) for seed in range(3)}
    partly = {key: value for key, value in full.items() if key not in (("a", 2), ("b", 0))}
    assert PairedModel(partly).difference("b", "a").value == pytest.approx(3)
    assert PairedModel(partly).own("b", "c").value == pytest.approx(2)


def test_runs_that_no_seed_joins_are_not_compared():
    apart = {("a", 0): 1.0, ("a", 1): 2.0, ("b", 0): 3.0, ("b", 1): 3.0, ("c", 7): 1.0, ("d", 7): 2.0}
    model = PairedModel(apart)
    assert math.isfinite(model.difference("a", "b").p)
    for run, base in (("a", "c"), ("a", "none")):
        with pytest.raises(KeyError):
            model.difference(run, base)
    with pytest.raises(ValueError, match="leave no variance"):
        PairedModel({("a", 0): 1.0, ("b", 0): 2.0})
    with pytest.raises(ValueError, match="leave no variance"):
        contrast_of([1.0])


def test_equivalence_is_two_one_sided_t_tests():
    apart = np.subtract(OURS, THEIRS)
    for margin in (2.0, 5.0, 9.0):
        above = stats.ttest_1samp(apart, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(apart, margin, alternative="less").pvalue
        assert contrast_of(list(apart)).p_equivalence(margin) == pytest.approx(max(above, below))
    assert Contrast(0.0, 0.0, 3).p_equivalence(1.0) == 0 and Contrast(2.0, 0.0, 3).p_equivalence(1.0) == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []


def test_intervals_stay_inside_what_is_possible():
    found = mean_correlation([0.96, 0.99, 1.0, 0.98])
    assert -1 < found.low < found.value < found.high < 1
    plain = [0.2, 0.5, -0.1, 0.4]
    low, high = stats.t.interval(0.95, 3, np.mean(np.arctanh(plain)), stats.sem(np.arctanh(plain)))
    assert mean_correlation(plain) == pytest.approx((np.tanh(np.mean(np.arctanh(plain))), np.tanh(low), np.tanh(high)))
    ratio = positive_mean([0.0001, 0.002, 0.0004])
    assert 0 < ratio.low < ratio.value < ratio.high
    assert ratio.value == pytest.approx(stats.gmean([0.0001, 0.002, 0.0004]))


def test_partial_correlation_is_the_textbook_formula(rng: np.random.Generator):
    given = rng.normal(size=40)
    one, other = given + rng.normal(size=40), 2 * given + rng.normal(size=40)
    xy, xz, yz = (np.corrcoef(a, b)[0, 1] for a, b in ((one, other), (one, given), (other, given)))
    wanted = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_correlation(one, other, given) == pytest.approx(wanted)
    assert abs(wanted) < 0.5 < xy  # both only follow the third
    assert math.isnan(partial_correlation(3 * given + 1, other, given))


@pytest.mark.slow
def test_intervals_and_tests_err_as_often_as_they_say(rng: np.random.Generator):
    """3,000 experiments of five runs, some seeds missing: each share is within four standard errors of what it says."""
    runs, seeds, times = 5, 6, 3000
    keys = [(f"r{run}", seed) for run in range(runs) for seed in range(seeds - (run > 2) * 2)]
    effects = {f"r{run}": 3.0 * run for run in range(runs)}
    covered = wrong = equal = 0
    for _ in range(times):
        pairing = rng.normal(0, 5, seeds)
        model = PairedModel({key: effects[key[0]] + pairing[key[1]] + rng.normal(0, 2) for key in keys})
        found = model.difference("r4", "r0")
        covered += found.estimate.low <= 12 <= found.estimate.high
        wrong += Contrast(found.value - 12, found.error, found.freedom).p < 0.05
        equal += found.p_equivalence(12) < 0.05  # the true difference is at the margin
    apart = 4 * math.sqrt(0.05 * 0.95 / times)
    assert (
        abs(covered / times - 0.95) < apart and abs(wrong / times - 0.05) < apart and abs(equal / times - 0.05) < apart
    )
