"""NumPy's .npz and .npy files, which somebody else may have written."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

import numpy as np

from gluon_wgan.utils.untrusted import open_regular


def read_arrays(path: Path, names: Optional[Iterable[str]] = None) -> dict[str, np.ndarray]:
    """Read the arrays in a file, without unpickling anything.

    Raises ValueError saying on one line why the file cannot be read, or which array it lacks.

    Parameters
    ----------
    path
        The .npz file, or a .npy file, whose array is called ``""``.
    names
        Which arrays of an .npz file; None takes all.
    """
    try:
        with open_regular(path) as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"": found}
            with found:
                wanted = found.files if names is None else list(names)
                _refuse_expansion(found.zip, wanted)
                members = {name: found[name] for name in wanted}
    except Exception as error:  # NumPy, zipfile and zlib have a dozen kinds for a damaged file
        reason = getattr(error, "strerror", None) or str(error) or "cut off"
        raise ValueError(" ".join(reason.split())) from error
    return {name: member for name, member in members.items() if isinstance(member, np.ndarray)}


def _refuse_expansion(archive: zipfile.ZipFile, names: list[str]) -> None:
    """Refuse arrays that would not fit into memory, which a small file can claim to hold."""
    size = sum(member.file_size for member in archive.infolist() if member.filename.removesuffix(".npy") in names)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise ValueError(f"its arrays take {size / 1e9:.1f} GB, and this machine has {memory / 1e9:.1f} GB of memory")
