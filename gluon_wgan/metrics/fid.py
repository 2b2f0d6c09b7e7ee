"""The Frechet distance between two sets of features, each taken for a Gaussian (Heusel et al. 2017, equation 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Statistics:
    """Sums over features, from which a Gaussian follows; those of several parts can be added and taken away.

    Attributes
    ----------
    count
        Images.
    total
        float64 (width,), the sum of the features.
    outer
        float64 (width, width), the sum of each image's outer product with itself.
    """

    count: int
    total: np.ndarray
    outer: np.ndarray

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: Statistics) -> Statistics:
        return Statistics(self.count - other.count, self.total - other.total, self.outer - other.outer)

    def gaussian(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (width,) and unbiased covariance (width, width); 2 images at least."""
        mean = self.total / self.count
        return mean, (self.outer - self.count * np.outer(mean, mean)) / (self.count - 1)


def statistics(chunks: Iterable[np.ndarray]) -> Statistics:
    """Return the statistics of features that come in chunks, float (images, width), summed in float64."""
    found: list[Statistics] = []
    for chunk in chunks:
        wide = chunk.astype(np.float64)
        part = Statistics(len(wide), wide.sum(axis=0), wide.T @ wide)
        found = [found[0] + part] if found else [part]
    return found[0]


def distance(one: Statistics, other: Statistics) -> float:
    """Return ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``, in squared units of the features.

    The trace of the root of ``C1 C2`` is the sum of the roots of the eigenvalues of ``R C2 R``, where R is
    the symmetric root of ``C1``; unlike a general matrix root this is exact for covariances without full
    rank, which fewer images than features always have.
    """
    return distance_of_gaussians(one.gaussian(), other.gaussian())


def distance_of_gaussians(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the distance of two Gaussians, each its mean (width,) and covariance (width, width)."""
    mean_1, covariance_1 = one
    mean_2, covariance_2 = other
    root = _root(covariance_1)
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_2 @ root), 0)).sum()
    apart = np.square(mean_1 - mean_2).sum() + np.trace(covariance_1) + np.trace(covariance_2) - 2 * overlap
    return max(0.0, float(apart))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
