"""The Frechet distance between data sets, as an untrained critic sees them.

The features need no download: two 4x4 convolutions of stride 2 with fixed random weights and leaky ReLUs
of slope 0.2, the beginning of a DCGAN critic before its first step. Every place of the second layer's
output is one sample, so that a few images are enough for the covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FEATURES = 32
_KERNEL, _STRIDE, _SLOPE = 4, 2, 0.2
_WEIGHTS = tuple(
    np.random.default_rng([2017, layer]).standard_normal((_KERNEL * _KERNEL * channels, FEATURES)).astype(np.float32)
    / np.sqrt(_KERNEL * _KERNEL * channels, dtype=np.float32)
    for layer, channels in enumerate((3, FEATURES))
)


@dataclass
class Moments:
    """Sums over samples, from which mean and covariance follow; sums of several can be added.

    Attributes
    ----------
    count
        int (sets,): samples seen in each data set.
    total
        float64 (sets, features).
    outer
        float64 (sets, features, features): sum of each sample's outer product with itself.
    """

    count: np.ndarray
    total: np.ndarray
    outer: np.ndarray

    @classmethod
    def none(cls, sets: int) -> Moments:
        """Return the moments of data sets without samples."""
        return cls(np.zeros(sets), np.zeros((sets, FEATURES)), np.zeros((sets, FEATURES, FEATURES)))

    def add(self, which: int, samples: np.ndarray) -> None:
        """Count samples, float (n, features), into data set number `which`."""
        self.count[which] += len(samples)
        self.total[which] += samples.sum(axis=0, dtype=np.float64)
        self.outer[which] += samples.T.astype(np.float64) @ samples

    def merge(self, other: Moments) -> None:
        """Count what another has seen."""
        self.count += other.count
        self.total += other.total
        self.outer += other.outer

    def pooled(self, groups: Sequence[Sequence[int]]) -> Moments:
        """Return the moments of data sets that are each made of several of these."""
        count = np.array([self.count[list(group)].sum() for group in groups])
        total = np.stack([self.total[list(group)].sum(axis=0) for group in groups])
        outer = np.stack([self.outer[list(group)].sum(axis=0) for group in groups])
        return Moments(count, total, outer)

    def distance(self, one: int, other: int) -> float:
        """Return the Frechet distance between two of the data sets, NaN if either is empty.

        It is ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``, in squared activations.
        """
        if not self.count[one] or not self.count[other]:
            return float("nan")
        mean_1, cov_1 = self._gaussian(one)
        mean_2, cov_2 = self._gaussian(other)
        root = _square_root(cov_1)
        cross = np.linalg.eigvalsh(root @ cov_2 @ root)
        overlap = np.sqrt(np.maximum(cross, 0)).sum()
        distance = np.square(mean_1 - mean_2).sum() + np.trace(cov_1) + np.trace(cov_2) - 2 * overlap
        return max(0.0, float(distance))

    def _gaussian(self, which: int) -> tuple[np.ndarray, np.ndarray]:
        mean = self.total[which] / self.count[which]
        return mean, self.outer[which] / self.count[which] - np.outer(mean, mean)


def critic_features(picture: np.ndarray) -> np.ndarray:
    """Return what an untrained critic makes of an image.

    Parameters
    ----------
    picture
        uint8 (height, width, 3).

    Returns
    -------
    float32 (places, features)
    """
    activations = picture.astype(np.float32) / 127.5 - 1
    for weights in _WEIGHTS:
        padded = np.pad(activations, ((1, 1), (1, 1), (0, 0)))
        windows = sliding_window_view(padded, (_KERNEL, _KERNEL, padded.shape[2]))[::_STRIDE, ::_STRIDE, 0]
        products = windows.reshape(*windows.shape[:2], -1) @ weights
        activations = np.where(products > 0, products, _SLOPE * products)
    return activations.reshape(-1, FEATURES)


def _square_root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
