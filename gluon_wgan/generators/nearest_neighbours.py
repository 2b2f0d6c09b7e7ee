"""Which training images are nearest to given images: to see whether a generator has memorized them."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.utils.progress_bars import progress_bar

_CHUNK_VALUES = 1 << 22


def nearest(
    queries: np.ndarray,
    images: Any,
    count: int,
    *,
    own: Optional[np.ndarray] = None,
    chunk_values: int = _CHUNK_VALUES,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the images with the smallest Euclidean distance over all pixels, exactly.

    Parameters
    ----------
    queries
        uint8 (n, C, H, W).
    images
        uint8 (m, C, H, W), in memory or mapped; only slices of it are read.
    count
        Neighbours for each query, from 1 to m (m - 1 with ``own``).
    own
        For queries taken out of ``images``: the number of each, which is no neighbour of itself.
    chunk_values
        Pixel values to hold at a time, as float64.

    Returns
    -------
    tuple of numpy.ndarray
        Numbers of the images and squared distances, int64 (n, count), nearest first and of equal ones the lower
        number first. Distances are exact: sums of products of bytes are whole numbers far below 2^53.

    Raises
    ------
    UserError
        When there are fewer images than neighbours asked for.
    """
    refuse_too_many(count, len(images) - (own is not None))
    flat = queries.reshape(len(queries), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    numbers = np.zeros((len(flat), 0), np.int64)
    distances = np.zeros((len(flat), 0), np.int64)
    each = max(1, chunk_values // flat.shape[1])
    starts = range(0, len(images), each)
    for start in progress_bar("Neighbours", len(starts), shown=progress, unit="it", iterable=starts, leave=False):
        chunk = np.asarray(images[start : start + each]).reshape(-1, flat.shape[1]).astype(np.float64)
        found = squares[:, None] + (chunk**2).sum(axis=1)[None] - 2.0 * (flat @ chunk.T)
        numbered = np.broadcast_to(np.arange(start, start + len(chunk)), found.shape)
        if own is not None:
            found = np.where(numbered == own[:, None], np.iinfo(np.int64).max // 2, found)
        numbers = np.concatenate([numbers, numbered], axis=1)
        distances = np.concatenate([distances, found.astype(np.int64)], axis=1)
        # Stable, and the lower numbers come first already.
        order = np.argsort(distances, axis=1, kind="stable")[:, :count]
        numbers = np.take_along_axis(numbers, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    return numbers, distances


def refuse_too_many(count: int, available: int) -> None:
    """Refuse to look for more neighbours than there are images: UserError saying how many there are."""
    if not 1 <= count <= available:
        raise UserError(f"{count} neighbours of {available} images cannot be found: ask for 1 to {available}.")


def root_mean_square(squared: np.ndarray, values: int) -> np.ndarray:
    """Turn squared distances over so many pixel values into levels (0 to 255) by which one value differs."""
    return np.sqrt(squared / values)


def baseline_distances(images: Any, count: int, seed: int, *, progress: bool = False) -> np.ndarray:
    """Return the squared distance from each of some training images to the nearest other one: int64 (n,).

    What a sample's distance has to be compared with: much smaller ones say that samples are copies.

    Parameters
    ----------
    images
        uint8 (m, C, H, W), m at least 2.
    count
        Training images to draw, without repetition; all of them where there are fewer.
    seed
        Which ones.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(images))[:count])
    queries = np.stack([np.asarray(images[number : number + 1])[0] for number in drawn.tolist()])
    _, distances = nearest(queries, images, 1, own=drawn, progress=progress)
    return distances[:, 0]
