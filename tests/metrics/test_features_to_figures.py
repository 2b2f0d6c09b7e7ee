"""From features to figures: FID, KID, precision and recall, and the Inception score, against the published packages."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_wgan.metrics import fid, inception_score
from gluon_wgan.metrics.kid import kid
from gluon_wgan.metrics.prdc import prdc


@pytest.fixture
def two(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return features of two sets that overlap: float32 (300, 24) and (260, 24)."""
    mix = rng.standard_normal((24, 24))
    one = rng.standard_normal((300, 24)) @ mix
    other = rng.standard_normal((260, 24)) @ (mix + 0.2 * rng.standard_normal((24, 24))) + 0.5
    return one.astype(np.float32), other.astype(np.float32)


def fid_of(one: np.ndarray, other: np.ndarray) -> float:
    return fid.distance(fid.statistics([one]), fid.statistics([other]))


@pytest.mark.slow
def test_fid_as_published(two: tuple[np.ndarray, np.ndarray], published: ModuleType) -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    theirs = fid_statistics_to_metric(
        *(fid_features_to_statistics(published.from_numpy(one)) for one in two), verbose=False
    )["frechet_inception_distance"]
    moments = [(one.astype(np.float64).mean(0), np.cov(one.astype(np.float64), rowvar=False)) for one in two]
    assert fid_of(*two) == pytest.approx(theirs, rel=1e-6)
    assert fid_of(*two) == pytest.approx(calculate_frechet_distance(*moments[0], *moments[1]), rel=1e-6)
    root = scipy.linalg.sqrtm(moments[0][1] @ moments[1][1]).real
    by_hand = ((moments[0][0] - moments[1][0]) ** 2).sum() + np.trace(moments[0][1] + moments[1][1] - 2 * root)
    assert fid_of(*two) == pytest.approx(by_hand, rel=1e-9)


def test_fid_of_two_gaussians_worked_out_by_hand() -> None:
    # Covariances diag(4, 9) and diag(1, 16), means (0, 0) and (3, 4): 25 + (2 - 1)^2 + (3 - 4)^2.
    corners = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * np.sqrt(3 / 4)
    one, other = corners * [2, 3], corners * [1, 4] + [3, 4]
    assert fid_of(one, other) == pytest.approx(27, rel=1e-12)


def test_fid_without_full_rank_is_still_a_distance(rng: np.random.Generator) -> None:
    few = rng.standard_normal((20, 64))
    assert fid_of(few, few) == pytest.approx(0, abs=1e-5)
    assert fid_of(few, few + 1) == pytest.approx(64, rel=1e-6)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=6))
@settings(deadline=None)
def test_statistics_do_not_depend_on_the_chunks(sizes: list[int]) -> None:
    values = np.random.default_rng(sum(sizes)).standard_normal((sum(sizes) + 1, 3)).astype(np.float32)
    whole = fid.statistics([values])
    parts = fid.statistics(np.split(values, np.cumsum(sizes)))
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.outer, whole.outer, rtol=1e-12)
    less = whole - fid.statistics([values[:1]])
    np.testing.assert_allclose(less.gaussian()[0], values[1:].astype(np.float64).mean(0), rtol=1e-9)


def test_kid_as_published(two: tuple[np.ndarray, np.ndarray], published: ModuleType) -> None:
    from torch_fidelity.metric_kid import kid_features_to_metric

    theirs = kid_features_to_metric(
        *(published.from_numpy(one.astype(np.float64)) for one in two),
        kid_subsets=7,
        kid_subset_size=100,
        rng_seed=5,
        verbose=False,
    )
    ours = kid(*two, subsets=7, subset_size=100, seed=5)
    assert ours.mean() == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-6)
    assert ours.std() == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-6)


def test_kid_worked_out_by_hand() -> None:
    # Kernel (xy/1 + 1)^3: within {0, 1} 1, within {1, 2} 27; across 1, 1, 8, 27: 1 + 27 - 2 * 37 / 4.
    one, other = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    assert kid(one, other, subsets=2, subset_size=9, seed=0) == pytest.approx([9.5, 9.5])


@pytest.mark.parametrize("k", [1, 5])
def test_neighbourhoods_exactly_as_published(two: tuple[np.ndarray, np.ndarray], k: int) -> None:
    from prdc import compute_prdc

    one, other = (features.astype(np.float64) for features in two)
    theirs = compute_prdc(one, other, nearest_k=k)
    ours = prdc(*two, k)
    for name, value in theirs.items():
        assert float(np.mean(getattr(ours, name))) == pytest.approx(value, abs=1e-12), name
    assert 0 < theirs["recall"] < 1 and 0 < theirs["precision"] < 1


def test_neighbourhoods_do_not_depend_on_the_blocks(
    two: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prdc(*two, 3)
    monkeypatch.setattr("gluon_wgan.metrics.prdc._ROWS", 7)
    for name in ("precision", "recall", "density", "coverage"):
        np.testing.assert_array_equal(getattr(prdc(*two, 3), name), getattr(whole, name))


def test_inception_score_as_published(rng: np.random.Generator, published: ModuleType) -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = (3 * rng.standard_normal((500, 20))).astype(np.float32)
    theirs = isc_features_to_metric(published.from_numpy(logits), splits=10, shuffle=False)
    ours = inception_score.scores(logits, 10)
    assert ours.mean() == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours.std() == pytest.approx(theirs["inception_score_std"], rel=1e-5)


def test_inception_score_at_its_ends() -> None:
    sure = 100.0 * np.eye(8)[np.arange(80) % 8]
    assert inception_score.scores(sure, 2) == pytest.approx([8, 8])
    assert inception_score.scores(np.zeros((10, 8)), 1) == pytest.approx([1])
