"""Latents against hand-computed values and their distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import geometric_slerp

from gluon_wgan.errors import UserError
from gluon_wgan.generators.latents import BATCH, closed_walk, draw_groups, slerp

X, Y = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def test_slerp_between_orthogonal_unit_vectors():
    assert slerp(X, Y, 1 / 3) == pytest.approx([np.sqrt(3) / 2, 0.5])
    assert slerp(X, Y, 0.5) == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
    for share in np.linspace(0, 1, 11):
        assert np.linalg.norm(slerp(X, Y, share)) == pytest.approx(1.0, abs=1e-12)


VECTORS = st.lists(st.floats(-3, 3), min_size=5, max_size=5).map(np.array)


@settings(deadline=None)
@given(VECTORS, VECTORS, st.floats(0, 1))
def test_slerp_is_scipys_on_the_sphere_and_exact_at_its_ends(start, end, share):
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) < 1e-3:
        return
    assert np.array_equal(slerp(start, end, 0.0), start)
    assert np.array_equal(slerp(start, end, 1.0), end)
    start, end = start / lengths[0], end / lengths[1]
    if abs(start @ end) < 0.999:
        assert slerp(start, end, share) == pytest.approx(geometric_slerp(start, end, share), abs=1e-9)


def test_slerp_of_parallel_and_opposite_vectors_is_straight():
    assert slerp(X, 3 * X, 0.5).tolist() == [2.0, 0.0]
    assert slerp(X, -X, 0.25).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_a_closed_walk_passes_its_keyframes_and_returns(kind):
    keyframes = next(draw_groups(1, 4, kind))[:3]
    walk = closed_walk(keyframes, 5, kind)
    assert walk.shape == (15, 4, 1, 1) and walk.dtype == np.float32
    assert np.array_equal(walk[::5], keyframes)
    last = slerp(keyframes[2], keyframes[0], 0.8) if kind == "normal" else 0.2 * keyframes[2] + 0.8 * keyframes[0]
    assert walk[14] == pytest.approx(last, abs=1e-6)


def test_the_seed_decides_the_latents_and_the_run_shows_the_same():
    wanted = np.random.default_rng([7, 3]).standard_normal((BATCH, 5, 1, 1), dtype=np.float32)
    assert np.array_equal(next(draw_groups(7, 5, "normal")), wanted)
    assert not np.array_equal(next(draw_groups(8, 5, "normal")), wanted)


def test_truncation_redraws_and_does_not_clip():
    free, cut = (next(draw_groups(0, 500, "normal", limit)) for limit in (None, 1.0))
    inside = np.abs(free) <= 1.0
    assert np.abs(cut).max() <= 1.0
    assert np.array_equal(cut[inside], free[inside])
    # Of a normal distribution cut at 1: deviation sqrt(1 - 2 phi(1) / (2 Phi(1) - 1)) = 0.5396.
    assert cut.std() == pytest.approx(0.5396, abs=0.01)
    assert (np.abs(cut) == 1.0).mean() < 0.001


@pytest.mark.parametrize("limit", [0.0, -1.0, 0.049, float("nan"), float("inf")])
def test_odd_truncations_are_refused(limit):
    with pytest.raises(UserError, match=r"--truncate .* is out of range"):
        next(draw_groups(0, 5, "normal", limit))
