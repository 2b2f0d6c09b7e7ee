"""Distances between data sets, against other libraries' formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from gluon_wgan.resize_parity import critic_frechet, detail_swd
from gluon_wgan.resize_parity.real_vs_real import GROUPS, group_of, halves_frechet, halves_sliced


def samples(seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1, (400, critic_frechet.FEATURES)) @ rng.normal(0, 0.3, (critic_frechet.FEATURES,) * 2)


def moments_of(*sets: np.ndarray) -> critic_frechet.Moments:
    moments = critic_frechet.Moments.none(len(sets))
    for place, values in enumerate(sets):
        moments.add(place, values)
    return moments


def test_frechet_distance_is_that_of_the_textbook():
    one, other = samples(1), samples(2, 0.5)
    cov_1, cov_2 = (np.cov(values.T, bias=True) for values in (one, other))
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(cov_1 + cov_2 - 2 * sqrtm(cov_1 @ cov_2).real)
    assert moments_of(one, other).distance(0, 1) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_a_shift_is_its_square():
    one = samples(1)
    assert moments_of(one, one + 0.25).distance(0, 1) == pytest.approx(critic_frechet.FEATURES * 0.25**2)
    assert moments_of(one, one).distance(0, 1) == pytest.approx(0, abs=1e-6)


def test_moments_of_parts_add_up():
    one, other = samples(1), samples(2)
    whole, part = moments_of(one, other), moments_of(one[:150], other[:30])
    part.merge(moments_of(one[150:], other[30:]))
    assert part.distance(0, 1) == pytest.approx(whole.distance(0, 1))


def test_nothing_is_known_of_an_empty_data_set():
    assert np.isnan(critic_frechet.Moments.none(2).distance(0, 1))
    assert np.isnan(detail_swd.sliced_distance(np.empty((0, 64)), np.empty((0, 64))))


def test_features_are_strided_convolutions(require_torch):
    torch = require_torch()
    picture = np.random.default_rng(0).integers(256, size=(32, 24, 3), dtype=np.uint8)
    values = torch.from_numpy((picture.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None].copy())
    for weights in critic_frechet._WEIGHTS:
        kernels = weights.reshape(4, 4, -1, critic_frechet.FEATURES).transpose(3, 2, 0, 1)
        values = torch.nn.functional.conv2d(values, torch.from_numpy(kernels.copy()), stride=2, padding=1)
        values = torch.nn.functional.leaky_relu(values, 0.2)
    expected = values[0].numpy().transpose(1, 2, 0).reshape(-1, critic_frechet.FEATURES)
    np.testing.assert_allclose(critic_frechet.critic_features(picture), expected, atol=1e-4)


def test_sliced_distance_is_the_mean_of_scipys():
    rng = np.random.default_rng(5)
    one, other = rng.normal(0, 1, (50, 8)), rng.normal(0.5, 2, (50, 8))
    expected = np.mean([wasserstein_distance(a, b) for a, b in zip(one.T, other.T)])
    assert detail_swd.sliced_distance(one, other) == pytest.approx(expected)


def test_projections_see_detail_but_no_brightness():
    noise = np.random.default_rng(0).integers(100, size=(64, 64, 3), dtype=np.uint8)
    usual, brighter, stronger = (detail_swd.project(one, 3, 64) for one in (noise, noise + 50, noise * 2))
    np.testing.assert_allclose(usual, brighter, atol=1e-3)
    np.testing.assert_allclose(usual * 2, stronger, atol=1e-3)


def test_patches_lie_at_the_same_places_for_every_backend_and_elsewhere_in_every_image():
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    assert (detail_swd.project(noise, 3, 8) == detail_swd.project(noise, 3, 8)).all()
    assert not (detail_swd.project(noise, 3, 8) == detail_swd.project(noise, 4, 8)).all()


@pytest.mark.parametrize("count", [1, 65, 4096, 4097, 5000, 100_000])
def test_patches_are_bounded_however_many_images(count):
    total = sum(detail_swd.patches_of(index, count) for index in range(count))
    assert 0 < total <= detail_swd.PATCHES_IN_ALL


def test_halves_of_alike_images_lie_close_and_of_unlike_ones_far():
    alike, unlike = critic_frechet.Moments.none(3 + GROUPS), critic_frechet.Moments.none(3 + GROUPS)
    for place in range(24):
        alike.add(3 + group_of(place), samples(place))
        unlike.add(3 + group_of(place), samples(place, shift=float(group_of(place))))
    assert halves_frechet(alike, 3) < halves_frechet(unlike, 3)
    flat = np.zeros((24, 5))
    assert halves_sliced(flat, [group_of(place) for place in range(24)]) == 0
    assert halves_sliced(np.repeat(np.arange(8.0), 5).reshape(8, 5), range(8)) > 0.5


def test_halves_of_pooled_groups_are_halves_of_the_images():
    parts = [samples(seed) for seed in range(4)]
    pooled = moments_of(*parts).pooled([(0, 2), (1, 3)])
    whole = moments_of(np.concatenate([parts[0], parts[2]]), np.concatenate([parts[1], parts[3]]))
    assert pooled.distance(0, 1) == pytest.approx(whole.distance(0, 1))


def test_neighbours_are_dealt_to_different_groups():
    assert [group_of(place) for place in range(16)] == [*range(8), *range(8)]


def test_one_image_has_no_halves():
    moments = critic_frechet.Moments.none(GROUPS)
    moments.add(0, samples(0))
    assert np.isnan(halves_frechet(moments, 0))
    assert np.isnan(halves_sliced(np.ones((4, 5)), [0, 0, 0, 0]))
