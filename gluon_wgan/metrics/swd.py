"""The sliced Wasserstein distance between two sets of images (Karras et al. 2018, progressive GAN, section 5).

From each level of each image's Laplacian pyramid (Burt and Adelson 1983) come 128 patches of 7x7 pixels. The patches of
a level, normalised by each channel's mean and deviation in the set, are projected on random directions; along one
direction the Wasserstein-1 distance is the mean difference of two sorted lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from tqdm import tqdm

from gluon_wgan.metrics.confidence_intervals import PARTS, Estimate, batch_means, non_negative
from gluon_wgan.metrics.image_sets import ImageSet
from gluon_wgan.utils.progress_bars import progress_bar

PATCH = 7
PATCHES = 128
"""Of each level of each image."""
REPEATS, DIRECTIONS = 4, 128
SCALE = 1000
"""Published values are distances times 1000."""
_BATCH = 250
_TOGETHER = 64  # directions: fewer make slower matrix products, more need more memory
_TINY = 1e-16
_STEPS = 1 << 16


@dataclass(frozen=True)
class Distances:
    """The distance at each level, times 1000.

    Attributes
    ----------
    sides
        Side of each level in pixels, the finest first.
    levels
        The distance at each, with the interval that eight equal parts of the images give.
    """

    sides: list[int]
    levels: list[Estimate]
    mean: Estimate


def sliced_wasserstein(
    real: ImageSet, fake: ImageSet, *, seed: int, threads: int = 1, progress: bool = False
) -> Distances:
    """Compare two equally large sets of square images of one size.

    Parameters
    ----------
    real, fake
        The images; 7 pixels wide at least.
    seed
        Of the places of the patches and of the directions.
    threads
        How many sort at once; the result does not depend on it.
    """
    levels = sides(next(real.batches(1)).shape[-1])
    values, parts = np.empty(len(levels)), np.empty((len(levels), PARTS))
    total = len(levels) * REPEATS * DIRECTIONS
    bar = progress_bar(f"Sliced distance to {fake.label} images", total, shown=progress, unit=" directions")
    for level, side in enumerate(levels):
        # One level after the other: the patches of one are all in memory.
        with ThreadPoolExecutor(threads) as pool:
            one, other = pool.map(partial(_patches, level=level, levels=len(levels), seed=seed), (real, fake))
        rng = np.random.default_rng([seed, side])
        directions = np.concatenate([_directions(rng, one.shape[1]) for _ in range(REPEATS)])
        values[level], parts[level] = _distances(one, other, directions, threads, bar)
    bar.close()
    each = [non_negative(batch_means(value, some)) for value, some in zip(SCALE * values, SCALE * parts)]
    return Distances(levels, each, non_negative(batch_means(SCALE * values.mean(), SCALE * parts.mean(axis=0))))


def _patches(images: ImageSet, level: int, levels: int, seed: int) -> np.ndarray:
    """Return the normalised patches of a level of all images: float32 (images * 128, channels * 49)."""
    channels = next(images.batches(1)).shape[1]
    found = np.empty((len(images) * PATCHES, channels, PATCH * PATCH), np.float32)
    total, squares, filled = np.zeros(channels), np.zeros(channels), 0
    for cut in _cut(images, level, levels, seed):
        found[filled : filled + len(cut)] = cut
        filled += len(cut)
        total += cut.sum(axis=(0, 2), dtype=np.float64)
        squares += np.square(cut, dtype=np.float64).sum(axis=(0, 2))
    mean = total / (filled * PATCH * PATCH)
    deviation = np.sqrt(np.maximum(squares / (filled * PATCH * PATCH) - np.square(mean), _TINY))
    found -= mean[:, None].astype(np.float32)
    found /= deviation[:, None].astype(np.float32)
    return found.reshape(filled, -1)


def _cut(images: ImageSet, level: int, levels: int, seed: int) -> Iterator[np.ndarray]:
    """Yield patches as they are, float32 (patches, channels, 49)."""
    # The same places in both sets, so that a set is no distance away from itself.
    rng = np.random.default_rng([seed, level, PATCHES])
    for batch in images.batches(_BATCH):
        planes = laplacian_level(batch, level, levels).transpose(0, 3, 1, 2)
        count, channels, _, side = planes.shape
        rows, columns = (rng.integers(0, side - PATCH + 1, (count, PATCHES, 1)) for _ in range(2))
        inside = np.add.outer(side * np.arange(PATCH), np.arange(PATCH)).ravel()
        places = rows * side + columns + inside
        cut = np.empty((count, channels, PATCHES, PATCH * PATCH), np.float32)
        for plane, place, patches in zip(planes.reshape(count, channels, -1), places, cut):
            plane.take(place, axis=1, out=patches, mode="clip")  # other modes copy once more
        yield cut.transpose(0, 2, 1, 3).reshape(-1, channels, PATCH * PATCH)


def _directions(rng: np.random.Generator, width: int) -> np.ndarray:
    drawn = rng.standard_normal((DIRECTIONS, width))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def _distances(
    one: np.ndarray, other: np.ndarray, directions: np.ndarray, threads: int, bar: tqdm
) -> tuple[float, np.ndarray]:
    """Return the mean distance along all directions, and that of each eighth of the patches along the first."""
    whole: list[float] = []
    parts: list[float] = []
    cuts = [len(one) * part // PARTS for part in range(PARTS + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(directions), _TOGETHER):
            pairs = list(zip(*(directions[start : start + _TOGETHER] @ patches.T for patches in (one, other))))
            whole += pool.map(_distance_on_a_line, pairs)
            if start < DIRECTIONS:
                for low, high in zip(cuts, cuts[1:]):
                    cut = [(x[low:high], y[low:high]) for x, y in pairs]
                    parts.append(float(np.mean(list(pool.map(_distance_on_a_line, cut)))))
            bar.update(len(pairs))
    return float(np.mean(whole)), np.reshape(parts, (-1, PARTS)).mean(axis=0)


def _distance_on_a_line(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the Wasserstein-1 distance of two equally long lists of numbers.

    They are counted in 65,536 steps from the lowest to the highest: the area between two distribution functions is
    the mean difference of the sorted lists. That is some fifteen times as fast as sorting the numbers as they are, and
    rounds the distance by some millionths of the spread.
    """
    low = min(float(x.min()) for x in pair)
    step = (max(float(x.max()) for x in pair) - low) / (_STEPS - 1) or 1.0
    one, other = (np.bincount(((x - low) / step + 0.5).astype(np.uint16), minlength=_STEPS) for x in pair)
    return float(np.abs(np.cumsum(one - other)).sum() / len(pair[0]) * step)


MIN_SIDE = 16
"""A level is halved as long as this side, in pixels, is not fallen below."""
# Binomial; borders are mirrored without repeating the outermost pixel.
_TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16


def sides(size: int) -> list[int]:
    """Return the side of each level of the pyramid of square images, the finest first, in pixels."""
    found = [size]
    while found[-1] % 2 == 0 and found[-1] // 2 >= MIN_SIDE:
        found.append(found[-1] // 2)
    return found


def laplacian_level(images: np.ndarray, level: int, levels: int) -> np.ndarray:
    """Return one level of the pyramids of some images: what the next coarser one cannot tell of it.

    The last level is the coarsest image itself.

    Parameters
    ----------
    images
        uint8 (images, channels, size, size), of a size that can be halved `levels` - 1 times.
    level, levels
        Which level, 0 being the finest, of how many.

    Returns
    -------
    float32 (images, side, side, channels), in gray levels of 0 to 255
    """
    return np.stack([_level(image.transpose(1, 2, 0).astype(np.float32), level, levels) for image in images])


def _level(fine: np.ndarray, level: int, levels: int) -> np.ndarray:
    """Return a level of the pyramid of one image, float32 (size, size, channels)."""
    for _ in range(level):
        fine = _halved(fine)
    return fine if level == levels - 1 else fine - _doubled(_halved(fine))


def _halved(image: np.ndarray) -> np.ndarray:
    return _filtered(image, _TAPS)[::2, ::2]


def _doubled(image: np.ndarray) -> np.ndarray:
    height, width, channels = image.shape
    sparse = np.zeros((2 * height, 2 * width, channels), np.float32)
    sparse[::2, ::2] = image
    return _filtered(sparse, 2 * _TAPS)


def _filtered(image: np.ndarray, taps: np.ndarray) -> np.ndarray:
    return cv2.sepFilter2D(image, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101).reshape(image.shape)
