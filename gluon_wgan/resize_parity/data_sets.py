"""How far whole data sets lie apart, once on the features of an untrained critic and once in their finest detail.

The critic needs no download: two 4x4 convolutions of stride 2 with fixed random weights and leaky ReLUs of slope 0.2,
the beginning of a DCGAN critic before its first step. Every place of the second layer's output is one sample of the
Frechet distance, so that a few images are enough for the covariances.

The sliced Wasserstein distance is that of Karras et al. 2018 (progressive GAN) on 7x7 patches of the finest level of a
Laplacian pyramid. Unlike there, and unlike `gluon_wgan.metrics.swd`, patches are not normalised, so the distance has a
unit, levels, and sees contrast.

Both stand beside a baseline, the distance of two halves of one data set. Images are dealt out to eight groups, and
every way to put four of them against the other four is one way to halve the data set. One way alone would depend too
much on the order of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gluon_wgan.metrics import fid

FEATURES = 32
_KERNEL, _STRIDE, _SLOPE = 4, 2, 0.2
_WEIGHTS = tuple(
    np.random.default_rng([2017, layer]).standard_normal((_KERNEL * _KERNEL * channels, FEATURES)).astype(np.float32)
    / np.sqrt(_KERNEL * _KERNEL * channels, dtype=np.float32)
    for layer, channels in enumerate((3, FEATURES))
)
PATCH, DIRECTIONS = 7, 64
PATCHES_IN_ALL = 4096
"""So many patches of a data set are kept, evenly spread over its images, however many there are."""
_MAX_PATCHES_PER_IMAGE = 64
_drawn = np.random.default_rng(2018).standard_normal((PATCH * PATCH * 3, DIRECTIONS))
_AXES = (_drawn / np.linalg.norm(_drawn, axis=0)).astype(np.float32)

GROUPS = 8
# With the first group always on the left, no way to halve is counted twice.
_LEFT_HALVES = [(0, *others) for others in combinations(range(1, GROUPS), GROUPS // 2 - 1)]


def critic_features(image: np.ndarray) -> np.ndarray:
    """Return what an untrained critic makes of uint8 (height, width, 3): float32 (places, FEATURES)."""
    activations = image.astype(np.float32) / 127.5 - 1
    for weights in _WEIGHTS:
        padded = np.pad(activations, ((1, 1), (1, 1), (0, 0)))
        windows = sliding_window_view(padded, (_KERNEL, _KERNEL, padded.shape[2]))[::_STRIDE, ::_STRIDE, 0]
        products = windows.reshape(*windows.shape[:2], -1) @ weights
        activations = np.where(products > 0, products, _SLOPE * products)
    return activations.reshape(-1, FEATURES)


def frechet_distance(one: fid.Statistics, other: fid.Statistics) -> float:
    """Return the Frechet distance of two data sets, in squared activations; NaN if either is empty."""
    return fid.distance(one, other) if one.count and other.count else float("nan")


def patches_of(index: int, count: int) -> int:
    """Return how many patches image number `index` of `count` gives."""
    if count > PATCHES_IN_ALL:
        return int(index % -(-count // PATCHES_IN_ALL) == 0)
    return min(_MAX_PATCHES_PER_IMAGE, PATCHES_IN_ALL // count)


def project(image: np.ndarray, index: int, patches: int) -> np.ndarray:
    """Project patches of an image's finest detail on the random directions.

    Parameters
    ----------
    image
        uint8 (height, width, 3), 8 pixels or more.
    index
        Decides where the patches lie: the same for every backend.
    patches
        How many, 1 or more.

    Returns
    -------
    float32 (patches, DIRECTIONS), in levels
    """
    values = image.astype(np.float32)
    height, width = values.shape[:2]
    detail = values - cv2.pyrUp(cv2.pyrDown(values), dstsize=(width, height))
    rng = np.random.default_rng([7, index])
    tops, lefts = (rng.integers(length - PATCH + 1, size=patches) for length in (height, width))
    rows = [detail[top : top + PATCH, left : left + PATCH].ravel() for top, left in zip(tops, lefts)]
    return np.stack(rows) @ _AXES


def sliced_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean Wasserstein-1 distance over the directions of equally many patches, NaN for none.

    Each is float (patches, DIRECTIONS). Along one direction the distance is that of two sorted lists.
    """
    return float(np.abs(np.sort(one, axis=0) - np.sort(other, axis=0)).mean()) if len(one) else float("nan")


def group_of(place: int) -> int:
    """Return the group of the image at a place in the order."""
    return place % GROUPS


def halves_frechet(groups: Sequence[fid.Statistics]) -> float:
    """Return the median Frechet distance between two halves, from the statistics of each of the eight groups."""
    distances = []
    for left in _LEFT_HALVES:
        right = [place for place in range(GROUPS) if place not in left]
        one, other = (fid.total(groups[place] for place in half) for half in (left, right))
        distances.append(frechet_distance(one, other))
    return _median(distances)


def halves_sliced(projections: np.ndarray, groups: Sequence[int]) -> float:
    """Return the median sliced Wasserstein distance between two halves.

    The projections are float (patches, DIRECTIONS), beside the group of each patch's image.
    """
    distances = []
    for left in _LEFT_HALVES:
        is_left = np.isin(groups, left)
        count = min(is_left.sum(), (~is_left).sum())
        distances.append(sliced_distance(projections[is_left][:count], projections[~is_left][:count]))
    return _median(distances)


def _median(distances: Sequence[float]) -> float:
    """Return the median of what is known: a half without images lies nowhere."""
    known = [distance for distance in distances if not np.isnan(distance)]
    return float(np.median(known)) if known else float("nan")
