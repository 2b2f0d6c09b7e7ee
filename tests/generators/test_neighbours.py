"""Nearest neighbours against scipy's distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from gluon_wgan.errors import UserError
from gluon_wgan.generators.nearest_neighbours import baseline_distances, nearest, root_mean_square


def pixels(seed: int, count: int, levels: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, (count, 3, 4, 4), dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(1, 30), st.integers(1, 5), st.integers(1, 700), st.data())
def test_numbers_and_distances_are_scipys_whatever_the_chunks(seed, images, queries, chunk, data):
    # With two levels there are ties.
    count, levels = data.draw(st.integers(1, images)), data.draw(st.sampled_from([2, 256]))
    pool, asked = pixels(seed, images, levels), pixels(seed + 1, queries, levels)
    numbers, squared = nearest(asked, pool, count, chunk_values=chunk)
    wanted = cdist(asked.reshape(queries, -1).astype(float), pool.reshape(images, -1).astype(float), "sqeuclidean")
    order = np.argsort(wanted, axis=1, kind="stable")[:, :count]
    assert np.array_equal(numbers, order)
    assert np.array_equal(squared, np.take_along_axis(wanted, order, 1))


def test_large_distances_are_exact():
    black, white = np.zeros((1, 3, 256, 256), np.uint8), np.full((2, 3, 256, 256), 255, np.uint8)
    white[1, 0, 0, 0] = 254
    numbers, squared = nearest(black, white, 2)
    assert numbers.tolist() == [[1, 0]]
    assert squared.tolist() == [[196608 * 65025 - 509, 196608 * 65025]]
    assert root_mean_square(squared, 196608)[0, 1] == 255.0


def test_the_baseline_leaves_each_image_itself_out():
    images = pixels(5, 20)
    distances = cdist(images.reshape(20, -1).astype(float), images.reshape(20, -1).astype(float), "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    assert sorted(baseline_distances(images, 50, 0)) == sorted(distances.min(axis=1))
    twice = np.concatenate([images, images[:1]])
    assert (baseline_distances(twice, 50, 0) == 0).sum() == 2


@pytest.mark.parametrize("count", [0, 6, -1])
def test_more_neighbours_than_images_are_refused(count):
    with pytest.raises(UserError, match="ask for 1 to 5"):
        nearest(pixels(0, 1), pixels(1, 5), count)
