"""Mean and covariance of features in a file, as pytorch-fid writes them with --save-stats."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.utils.numpy_files import read_arrays
from gluon_wgan.utils.untrusted import open_regular

Gaussian = tuple[np.ndarray, np.ndarray]
"""Mean (width,) and covariance (width, width), float64."""
_NAMES = ("mu", "sigma")


def holds_statistics(path: Path) -> bool:
    """Return whether a file is an ``.npz`` with ``mu`` and ``sigma``."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return {f"{name}.npy" for name in _NAMES} <= set(archive.namelist())
    except (OSError, ValueError, NotImplementedError, struct.error, IndexError, EOFError, zipfile.BadZipFile):
        return False


def read_statistics(path: Path) -> Gaussian:
    """Read mean and covariance.

    Raises
    ------
    UserError
        If the file is damaged, or they are no mean and covariance.
    """
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
    """Write mean and covariance into a new file.

    Raises
    ------
    UserError
        If something is there already, or it cannot be written.
    """
    if path.suffix != ".npz":
        raise UserError(f"--save-stats {path} would not be found again by other tools: end its name in .npz.")
    try:
        with path.open("xb") as file:
            np.savez_compressed(file, mu=gaussian[0], sigma=gaussian[1])
    except FileExistsError:
        raise UserError(f"{path} exists already: choose another name for --save-stats.") from None
    except OSError as error:
        raise UserError(f"Cannot write {path} ({error.strerror or error}): choose another place.") from error
