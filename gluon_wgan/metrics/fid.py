"""The Frechet distance between two sets of features, each taken for a Gaussian (Heusel et al. 2017, equation 6).

Mean and covariance can lie in a file, as pytorch-fid writes them with --save-stats.
"""

from __future__ import annotations

import functools
import operator
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.utils.numpy_files import read_arrays
from gluon_wgan.utils.untrusted import ZIP_ERRORS, open_regular


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
    wide = (chunk.astype(np.float64) for chunk in chunks)
    return total(Statistics(len(one), one.sum(axis=0), one.T @ one) for one in wide)


def total(parts: Iterable[Statistics]) -> Statistics:
    """Return the statistics of several parts together."""
    return functools.reduce(operator.add, parts)


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


Gaussian = tuple[np.ndarray, np.ndarray]
"""Mean (width,) and covariance (width, width), float64."""
_NAMES = ("mu", "sigma")


def holds_statistics(path: Path) -> bool:
    """Return whether a file is an ``.npz`` with ``mu`` and ``sigma``."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return {f"{name}.npy" for name in _NAMES} <= set(archive.namelist())
    except (OSError, *ZIP_ERRORS):
        return False


def read_statistics(path: Path) -> Gaussian:
    """Read mean and covariance; UserError if the file is damaged, or they are no mean and covariance."""
    try:
        found = read_arrays(path, _NAMES)
        mean, covariance = (np.asarray(found[name], np.float64) for name in _NAMES)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"Cannot read the FID statistics {path} ({error}): make them again.") from error
    fits = mean.ndim == 1 and covariance.shape == (len(mean), len(mean)) and len(mean) > 0
    if not fits or not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise UserError(
            f"{path} holds mu {mean.shape} and sigma {covariance.shape}, which are no mean and covariance: make them "
            "again."
        )
    return mean, covariance


def write_statistics(path: Path, gaussian: Gaussian) -> None:
    """Write mean and covariance into a new file; UserError if something is there already, or it cannot be written."""
    if path.suffix != ".npz":
        raise UserError(f"--save-stats {path} would not be found again by other tools: end its name in .npz.")
    try:
        with path.open("xb") as file:
            np.savez_compressed(file, mu=gaussian[0], sigma=gaussian[1])
    except FileExistsError:
        raise UserError(f"{path} exists already: choose another name for --save-stats.") from None
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror or error}): choose another place.") from error
