"""The kernel distance between two sets of features (Binkowski et al. 2018): an unbiased squared MMD."""

from __future__ import annotations

import numpy as np


def kid(real: np.ndarray, fake: np.ndarray, *, subsets: int, subset_size: int, seed: int) -> np.ndarray:
    """Return the squared MMD of random subsets; their mean is the KID.

    The kernel is ``(x.y / width + 1)^3``, as in the paper.

    Parameters
    ----------
    real, fake
        Features, float (images, width).
    subsets
        How many subsets to draw, each without repetition.
    subset_size
        Images of each set in a subset, 2 or more; fewer are taken if there are not so many.
    seed
        Which subsets; those of `real` are drawn before those of `fake`, subset by subset.

    Returns
    -------
    float64 (subsets,)
    """
    rng = np.random.RandomState(seed)
    size = min(subset_size, len(real), len(fake))
    return np.array([_one(real, fake, size, rng) for _ in range(subsets)])


def _one(real: np.ndarray, fake: np.ndarray, size: int, rng: np.random.RandomState) -> float:
    x = real[rng.choice(len(real), size, replace=False)].astype(np.float64)
    y = fake[rng.choice(len(fake), size, replace=False)].astype(np.float64)
    within = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(x, x), _kernel(y, y)))
    return float(within / (size * (size - 1)) - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
