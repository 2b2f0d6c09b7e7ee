"""The yardstick for distances between data sets: how far two halves of one lie apart.

Images are dealt out to eight groups, and every way to put four of them against the other four is one way to
halve the data set. One way alone would depend too much on the order of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from gluon_wgan.resize_parity.critic_frechet import Moments
from gluon_wgan.resize_parity.detail_swd import sliced_distance

GROUPS = 8
# With the first group always on the left, no way to halve is counted twice.
_LEFT_HALVES = [(0, *others) for others in combinations(range(1, GROUPS), GROUPS // 2 - 1)]


def group_of(place: int) -> int:
    """Return the group of the image at a place in the order."""
    return place % GROUPS


def halves_frechet(moments: Moments, first: int) -> float:
    """Return the median Frechet distance between two halves.

    Parameters
    ----------
    moments
        Hold those of the groups from set number `first` on.
    first
        Where the groups begin.
    """
    distances = []
    for left in _LEFT_HALVES:
        right = [group for group in range(GROUPS) if group not in left]
        sides = [[first + group for group in side] for side in (left, right)]
        distances.append(moments.pooled(sides).distance(0, 1))
    return _median(distances)


def halves_sliced(projections: np.ndarray, groups: Sequence[int]) -> float:
    """Return the median sliced Wasserstein distance between two halves.

    Parameters
    ----------
    projections
        float (patches, directions).
    groups
        The group of each patch's image.
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
