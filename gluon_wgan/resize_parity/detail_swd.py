"""The sliced Wasserstein distance between data sets, on the finest detail of their images.

As in Karras et al. 2018 (progressive GAN): 7x7 patches of the finest level of a Laplacian pyramid, projected
on random directions, along each of which the Wasserstein-1 distance is that of two sorted lists. Unlike
there, patches are not normalised, so the distance has a unit, levels, and sees contrast.
"""

from __future__ import annotations

import cv2
import numpy as np

PATCH = 7
DIRECTIONS = 64
PATCHES_IN_ALL = 4096
"""So many patches of a data set are kept, evenly spread over its images, however many there are."""
_MOST_OF_ONE_IMAGE = 64
_VALUES = PATCH * PATCH * 3
_drawn = np.random.default_rng(2018).standard_normal((_VALUES, DIRECTIONS))
_AXES = (_drawn / np.linalg.norm(_drawn, axis=0)).astype(np.float32)


def patches_of(index: int, count: int) -> int:
    """Return how many patches image number `index` of `count` gives."""
    if count > PATCHES_IN_ALL:
        return int(index % -(-count // PATCHES_IN_ALL) == 0)
    return min(_MOST_OF_ONE_IMAGE, PATCHES_IN_ALL // count)


def project(picture: np.ndarray, index: int, patches: int) -> np.ndarray:
    """Project patches of an image's finest detail on the random directions.

    Parameters
    ----------
    picture
        uint8 (height, width, 3), 8 pixels or more.
    index
        Decides where the patches lie: the same for every backend.
    patches
        How many.

    Returns
    -------
    float32 (patches, DIRECTIONS), in levels
    """
    values = picture.astype(np.float32)
    height, width = values.shape[:2]
    detail = values - cv2.pyrUp(cv2.pyrDown(values), dstsize=(width, height))
    rng = np.random.default_rng([7, index])
    tops, lefts = (
        rng.integers(height - PATCH + 1, size=patches),
        rng.integers(width - PATCH + 1, size=patches),
    )
    rows = [detail[top : top + PATCH, left : left + PATCH].ravel() for top, left in zip(tops, lefts)]
    return np.stack(rows) @ _AXES if rows else np.empty((0, DIRECTIONS), np.float32)


def sliced_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean Wasserstein-1 distance over the directions.

    Parameters
    ----------
    one, other
        float (patches, DIRECTIONS), equally many patches; NaN is returned for none.
    """
    if not len(one):
        return float("nan")
    return float(np.abs(np.sort(one, axis=0) - np.sort(other, axis=0)).mean())
