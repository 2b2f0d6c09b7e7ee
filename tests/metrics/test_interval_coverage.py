"""Whether the intervals of founds on features hold what drawing again would give."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.metrics import all_metrics
from gluon_wgan.metrics.confidence_intervals import Estimate, equal_parts, union, wilson

NAN = float("nan")


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    real, fake = rng.standard_normal((count, 6)), 1.2 * rng.standard_normal((count, 6)) + 0.3
    return real.astype(np.float32), fake.astype(np.float32)


def founds(real: np.ndarray, fake: np.ndarray) -> dict[str, Estimate]:
    found = [*all_metrics.kernel_distance(real, fake, 0, {}), *all_metrics.neighbourhoods(real, fake, {})]
    return {found.metric: found.estimate for found in found}


def test_intervals_hold_what_other_draws_give(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    # Enough of each to see an error that is half of what it should be; all subsets are the whole set here.
    monkeypatch.setattr(all_metrics, "KID_SUBSETS", 2)
    draws = 80
    found = [founds(*drawn(rng, 160)) for _ in range(draws)]
    for name in found[0]:
        centre = np.mean([one[name].value for one in found])
        inside = sum(one[name].low <= centre <= one[name].high for one in found)
        assert scipy.stats.binomtest(inside, draws, 0.95, alternative="less").pvalue > 0.001, name
        width = np.median([one[name].high - one[name].low for one in found])
        spread = float(np.std([one[name].value for one in found]))
        assert 2.5 * spread < width < 7 * spread, name


def test_a_kernel_distance_of_one_subset_has_an_interval(rng: np.random.Generator) -> None:
    real, fake = drawn(rng, 40)
    (found,) = all_metrics.kernel_distance(real, fake, 0, {})
    assert found.estimate.high - found.estimate.low > 0.1 * found.estimate.value
    assert found.baseline is not None and found.baseline.low < found.baseline.value < found.baseline.high
    (few,) = all_metrics.kernel_distance(real[:14], fake[:14], 0, {})
    assert np.isnan(few.estimate.low) and np.isfinite(few.estimate.value)


def test_shares_of_all_and_of_none_are_not_certain(rng: np.random.Generator) -> None:
    real, fake = drawn(rng, 60)
    far = {found.metric: found.estimate for found in all_metrics.neighbourhoods(real, fake + 100, {})}
    expected = scipy.stats.binomtest(0, 60).proportion_ci(method="wilson").high
    for name in ("precision", "recall", "coverage"):
        assert far[name] == pytest.approx((0, 0, expected))
        assert far[name].low == 0
    assert far["density"].value == 0 and np.isnan(far["density"].high)
    near = {found.metric: found.estimate for found in all_metrics.neighbourhoods(real, real, {})}
    for name in ("precision", "recall", "coverage"):
        assert near[name] == pytest.approx((1, 1 - expected, 1))


@pytest.mark.parametrize("seed", range(4))
def test_no_interval_leaves_the_possible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.standard_normal((60, 6)), rng.standard_normal((60, 6)) + 1.5
    for found in all_metrics.neighbourhoods(real, fake, {}):
        assert 0 <= found.estimate.low <= found.estimate.value <= found.estimate.high
        assert found.metric == "density" or found.estimate.high <= 1


@given(st.integers(8, 90), st.integers(8, 90))
def test_parts_are_disjoint_and_equal(one: int, other: int) -> None:
    parts = list(equal_parts(np.arange(one), np.arange(other)))
    assert len(parts) == 8
    for place, count in enumerate((one, other)):
        members = np.concatenate([part[place] for part in parts])
        assert {len(part[place]) for part in parts} == {count // 8}
        np.testing.assert_array_equal(members, np.arange(len(members)))


def test_a_union_holds_both_and_passes_over_what_is_unknown() -> None:
    assert union(Estimate(2, 1, 3), Estimate(9, 0, 2.5)) == (2, 0, 3)
    assert union(Estimate(2, 1, 3), Estimate(9, 1.5, 4)) == (2, 1, 4)
    assert union(Estimate(2, 1, 3), Estimate(2, NAN, NAN)) == (2, 1, 3)


@pytest.mark.parametrize("count", [16, 60, 500, 5000])
def test_no_hit_leaves_nothing_as_possible(count: int) -> None:
    assert wilson(0, count).low == 0 and wilson(count, count).high == 1
