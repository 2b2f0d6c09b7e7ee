"""The sliced Wasserstein distance against an independent version in SciPy, and on images that are known to be worse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gluon_wgan.metrics import swd
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.metrics.swd import DIRECTIONS, PATCHES, REPEATS, laplacian_level, sides, sliced_wasserstein

AsSet = Callable[[np.ndarray], ChosenImages]
KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def blurred(plane: np.ndarray, gain: float = 1) -> np.ndarray:
    return scipy.ndimage.convolve(plane, gain * KERNEL, mode="mirror")


def doubled(plane: np.ndarray) -> np.ndarray:
    sparse = np.zeros((2 * plane.shape[0], 2 * plane.shape[1]))
    sparse[::2, ::2] = plane
    return blurred(sparse, 4)


def reference_pyramid(plane: np.ndarray, levels: int) -> list[np.ndarray]:
    gaussians = [plane.astype(np.float64)]
    for _ in range(levels - 1):
        gaussians.append(blurred(gaussians[-1])[::2, ::2])
    return [fine - doubled(coarse) for fine, coarse in zip(gaussians, gaussians[1:])] + [gaussians[-1]]


def smooth_images(rng: np.random.Generator, count: int, size: int, channels: int = 3) -> np.ndarray:
    """Return images with structure at every scale, as images have."""
    noise = rng.standard_normal((count, channels, size, size))
    layers = [scipy.ndimage.gaussian_filter(noise, (0, 0, s, s), mode="wrap") * s * 25 for s in (0.5, 2, 6)]
    return np.clip(128 + sum(layers), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("size", "channels"), [(64, 3), (32, 1), (16, 3), (20, 3)])
def test_the_pyramid_is_scipys(size: int, channels: int, rng: np.random.Generator) -> None:
    images = smooth_images(rng, 2, size, channels)
    levels = len(sides(size))
    for image, number in ((image, number) for number, image in enumerate(images)):
        expected = [reference_pyramid(plane, levels) for plane in image]
        for level in range(levels):
            found = laplacian_level(images, level, levels)[number]
            for channel in range(channels):
                np.testing.assert_allclose(found[:, :, channel], expected[channel][level], atol=1e-3)


def test_levels_end_at_16_pixels_or_at_an_odd_side() -> None:
    assert [sides(size) for size in (128, 64, 32, 28, 16, 8)] == [
        [128, 64, 32, 16],
        [64, 32, 16],
        [32, 16],
        [28],
        [16],
        [8],
    ]


def reference_distance(one: np.ndarray, other: np.ndarray, seed: int) -> list[float]:
    """Return the distance of each level in float64, sorting the numbers as they are."""
    levels = sides(one.shape[-1])
    found = []
    for level, side in enumerate(levels):
        lists = []
        for images in (one, other):
            rng = np.random.default_rng([seed, level, PATCHES])
            rows, columns = (rng.integers(0, side - 6, (len(images), PATCHES)) for _ in range(2))
            pyramids = [[reference_pyramid(plane, len(levels))[level] for plane in image] for image in images]
            patches = np.array(
                [
                    [band[row : row + 7, column : column + 7] for band in pyramids[number]]
                    for number in range(len(images))
                    for row, column in zip(rows[number], columns[number])
                ]
            )
            patches -= patches.mean(axis=(0, 2, 3), keepdims=True)
            patches /= patches.std(axis=(0, 2, 3), keepdims=True)
            lists.append(patches.reshape(len(patches), -1))
        rng = np.random.default_rng([seed, side])
        distances = []
        for _ in range(REPEATS):
            directions = rng.standard_normal((DIRECTIONS, lists[0].shape[1]))
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            ones, others = (np.sort(patches @ directions.T, axis=0) for patches in lists)
            distances.append(np.abs(ones - others).mean())
        found.append(1000 * float(np.mean(distances)))
    return found


@pytest.mark.slow
def test_the_distance_is_that_of_an_independent_version(rng: np.random.Generator, as_set: AsSet) -> None:
    one, other = smooth_images(rng, 24, 32), np.clip(smooth_images(rng, 24, 32) * 0.8 + 5, 0, 255).astype(np.uint8)
    found = sliced_wasserstein(as_set(one), as_set(other), seed=3, threads=2)
    expected = reference_distance(one, other, 3)
    assert found.sides == [32, 16]
    for ours, theirs in zip(found.levels, expected):
        assert ours.value == pytest.approx(theirs, rel=1e-4)
    assert found.mean.value == pytest.approx(np.mean(expected), rel=1e-4)
    alone = sliced_wasserstein(as_set(one), as_set(other), seed=3, threads=1)
    assert alone == found


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=50), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_along_a_line_it_is_scipys_wasserstein_distance(values: list[float], random) -> None:
    one = np.array(values, np.float32)
    other = np.array([random.choice(values) + random.uniform(-5, 5) for _ in values], np.float32)
    spread = max(np.max(one), np.max(other)) - min(np.min(one), np.min(other))
    expected = scipy.stats.wasserstein_distance(one, other)
    assert swd._distance_on_a_line((one, other)) == pytest.approx(expected, abs=float(spread) / 65535 + 1e-6)


@pytest.fixture
def halves_of_portraits(shared_data: Callable[[str], Path]) -> tuple[np.ndarray, np.ndarray]:
    paths = sorted(shared_data("portraits").glob("*.jpg"))[::10][:320]
    images = np.stack([np.asarray(Image.open(path).resize((32, 32), 2)).transpose(2, 0, 1) for path in paths])
    return images[::2], images[1::2]


def worse_ones(images: np.ndarray) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(0).normal(0, 20, images.shape)
    return {
        "blurred": np.stack([[cv2.GaussianBlur(plane, (0, 0), 1.0) for plane in image] for image in images]),
        "noisy": np.clip(images + noise, 0, 255).astype(np.uint8),
        "ten of them over and over": np.resize(images[:10], images.shape),
    }


@pytest.mark.slow
def test_worse_portraits_are_further_away(halves_of_portraits: tuple[np.ndarray, np.ndarray], as_set: AsSet) -> None:
    one, other = halves_of_portraits
    themselves = sliced_wasserstein(as_set(one), as_set(one), seed=0, threads=2)
    assert themselves.mean == (0, 0, 0)
    least = sliced_wasserstein(as_set(one), as_set(other), seed=0, threads=2).mean.value
    for name, images in worse_ones(other).items():
        assert sliced_wasserstein(as_set(one), as_set(images), seed=0, threads=2).mean.value > 1.5 * least, name
