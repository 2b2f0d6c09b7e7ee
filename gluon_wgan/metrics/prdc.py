"""Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020) of features.

Each set is taken for the union of balls around its members that reach to the k-th nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ROWS = 1024


@dataclass(frozen=True)
class Membership:
    """For each image, what precision and so on are the means of.

    Attributes
    ----------
    precision
        bool (fakes,): inside some real image's ball.
    recall
        bool (reals,): inside some fake's ball.
    density
        float64 (fakes,): in how many real images' balls, over k.
    coverage
        bool (reals,): whether some fake is in its ball.
    """

    precision: np.ndarray
    recall: np.ndarray
    density: np.ndarray
    coverage: np.ndarray


def prdc(real: np.ndarray, fake: np.ndarray, k: int) -> Membership:
    """Compare two sets of features.

    Parameters
    ----------
    real, fake
        float (images, width), more than `k` of each. Distances are taken in float64, in blocks of rows: memory
        grows with the number of images and not with its square.
    k
        Which neighbour a ball reaches to, 1 or more. The papers use 3 (precision and recall) and 5 (density and
        coverage); the authors' package uses one k for all.
    """
    x, y = (features.astype(np.float64) for features in (real, fake))
    real_radius, fake_radius = _radii(x, k), _radii(y, k)
    recall, coverage = np.empty(len(x), bool), np.empty(len(x), bool)
    inside = np.zeros(len(y), np.int64)
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        apart = _squared_distances(x[rows], y)
        in_real_balls = apart < real_radius[rows, None]
        inside += in_real_balls.sum(axis=0)
        recall[rows] = (apart < fake_radius[None]).any(axis=1)
        coverage[rows] = in_real_balls.any(axis=1)
    return Membership(inside > 0, recall, inside / k, coverage)


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of each image to its k-th nearest neighbour among the others."""
    radii = np.empty(len(features))
    for start in range(0, len(features), _ROWS):
        apart = _squared_distances(features[start : start + _ROWS], features)
        own = np.arange(len(apart))
        apart[own, start + own] = 0  # the image itself, which rounding may have moved away
        radii[start : start + _ROWS] = np.partition(apart, k, axis=1)[:, k]
    return radii


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)
    return np.maximum(squares - 2 * (x @ y.T), 0)
