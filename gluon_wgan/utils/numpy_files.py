"""Arrays in .npy and .npz files that somebody sent."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Optional

import numpy as np


def read_arrays(path: Path, names: Optional[Iterable[str]] = None) -> dict[str, np.ndarray]:
    """Read the arrays in a file, without unpickling anything.

    Parameters
    ----------
    path
        The .npz file, or a .npy file, whose array is called ``""``.
    names
        Which arrays of an .npz file; None takes all.

    Raises
    ------
    ValueError
        Saying on one line why the file cannot be read, or which array it lacks.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            members = {name: found[name] for name in (found.files if names is None else names)}
    except Exception as error:  # NumPy, zipfile and zlib have a dozen kinds for a damaged file
        reason = getattr(error, "strerror", None) or str(error) or "cut off"
        raise ValueError(" ".join(reason.split())) from error
    return {name: member for name, member in members.items() if isinstance(member, np.ndarray)}
