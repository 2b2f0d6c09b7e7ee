"""Distances between data sets, against other libraries' formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from gluon_wgan.metrics import fid
from gluon_wgan.resize_parity import data_sets
from gluon_wgan.resize_parity.data_sets import (
    FEATURES,
    GROUPS,
    frechet_distance,
    group_of,
    halves_frechet,
    halves_sliced,
)

NOTHING = fid.Statistics(0, np.zeros(FEATURES), np.zeros((FEATURES, FEATURES)))


def samples(seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1, (400, FEATURES)) @ rng.normal(0, 0.3, (FEATURES,) * 2)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return frechet_distance(fid.statistics([one]), fid.statistics([other]))


def test_frechet_distance_is_that_of_the_textbook():
    one, other = samples(1), samples(2, 0.5)
    cov_1, cov_2 = (np.cov(values.T) for values in (one, other))
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(cov_1 + cov_2 - 2 * sqrtm(cov_1 @ cov_2).real)
    assert distance(one, other) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_a_shift_is_its_square():
    one = samples(1)
    assert distance(one, one + 0.25) == pytest.approx(FEATURES * 0.25**2)
    assert distance(one, one) == pytest.approx(0, abs=1e-6)


def test_nothing_is_known_of_an_empty_data_set():
    assert np.isnan(frechet_distance(NOTHING, fid.statistics([samples(1)])))
    assert np.isnan(data_sets.sliced_distance(np.empty((0, 64)), np.empty((0, 64))))


def test_features_are_strided_convolutions(require_torch):
    torch = require_torch()
    image = np.random.default_rng(0).integers(256, size=(32, 24, 3), dtype=np.uint8)
    values = torch.from_numpy((image.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None].copy())
    for weights in data_sets._WEIGHTS:
        kernels = weights.reshape(4, 4, -1, FEATURES).transpose(3, 2, 0, 1)
        values = torch.nn.functional.conv2d(values, torch.from_numpy(kernels.copy()), stride=2, padding=1)
        values = torch.nn.functional.leaky_relu(values, 0.2)
    expected = values[0].numpy().transpose(1, 2, 0).reshape(-1, FEATURES)
    np.testing.assert_allclose(data_sets.critic_features(image), expected, atol=1e-4)


def test_sliced_distance_is_the_mean_of_scipys():
    rng = np.random.default_rng(5)
    one, other = rng.normal(0, 1, (50, 8)), rng.normal(0.5, 2, (50, 8))
    expected = np.mean([wasserstein_distance(a, b) for a, b in zip(one.T, other.T)])
    assert data_sets.sliced_distance(one, other) == pytest.approx(expected)


def test_projections_see_detail_but_no_brightness():
    noise = np.random.default_rng(0).integers(100, size=(64, 64, 3), dtype=np.uint8)
    usual, brighter, stronger = (data_sets.project(one, 3, 64) for one in (noise, noise + 50, noise * 2))
    np.testing.assert_allclose(usual, brighter, atol=1e-3)
    np.testing.assert_allclose(usual * 2, stronger, atol=1e-3)


def test_patches_lie_at_the_same_places_for_every_backend_and_elsewhere_in_every_image():
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    assert (data_sets.project(noise, 3, 8) == data_sets.project(noise, 3, 8)).all()
    assert not (data_sets.project(noise, 3, 8) == data_sets.project(noise, 4, 8)).all()


@pytest.mark.parametrize("count", [1, 65, 4096, 4097, 5000, 100_000])
def test_patches_are_bounded_however_many_images(count):
    total = sum(data_sets.patches_of(index, count) for index in range(count))
    assert 0 < total <= data_sets.PATCHES_IN_ALL


def test_halves_of_alike_images_lie_close_and_of_unlike_ones_far():
    alike = [fid.statistics(samples(place) for place in range(group, 24, GROUPS)) for group in range(GROUPS)]
    unlike = [
        fid.statistics(samples(place, shift=float(group)) for place in range(group, 24, GROUPS))
        for group in range(GROUPS)
    ]
    assert halves_frechet(alike) < halves_frechet(unlike)
    flat = np.zeros((24, 5))
    assert halves_sliced(flat, [group_of(place) for place in range(24)]) == 0
    assert halves_sliced(np.repeat(np.arange(8.0), 5).reshape(8, 5), range(8)) > 0.5


def test_the_median_is_over_every_way_to_halve_the_images():
    parts = [samples(seed, shift=seed / 4) for seed in range(GROUPS)]
    halves = [left for left in itertools.combinations(range(GROUPS), GROUPS // 2) if 0 in left]
    sides = [[[p for i, p in enumerate(parts) if (i in left) is first] for first in (True, False)] for left in halves]
    expected = np.median([distance(*map(np.concatenate, side)) for side in sides])
    assert halves_frechet([fid.statistics([part]) for part in parts]) == pytest.approx(expected)


def test_neighbours_are_dealt_to_different_groups():
    assert [group_of(place) for place in range(16)] == [*range(8), *range(8)]


def test_one_image_has_no_halves():
    assert np.isnan(halves_frechet([fid.statistics([samples(0)]), *[NOTHING] * (GROUPS - 1)]))
    assert np.isnan(halves_sliced(np.ones((4, 5)), [0, 0, 0, 0]))
