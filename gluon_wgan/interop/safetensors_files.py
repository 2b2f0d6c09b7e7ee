"""Generators as ``.safetensors`` files: arrays under this package's names, and what the network is in the metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.errors import UserError, last_line

SUFFIX = ".safetensors"
SPEC = "gluon_wgan_generator"
"""In the metadata: the JSON of ``generator.json``."""
_INSTALL = "run `pip install 'gluon-wgan[safetensors]'`"


def write_safetensors(path: Path, arrays: dict[str, np.ndarray], spec: dict[str, Any]) -> None:
    """Write arrays by name, with the network's description.

    Raises UserError when the library is not installed, OSError when the file cannot be written.
    """
    try:
        from safetensors import numpy as safetensors
    except ImportError:
        raise UserError(f"Writing .safetensors needs the package safetensors: {_INSTALL}.") from None
    content = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    path.write_bytes(safetensors.save(content, metadata={SPEC: json.dumps(spec)}))


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], Optional[dict[str, Any]]]:
    """Return a file's arrays by name, and the network's description where it has one.

    Raises UserError when the library is not installed, or the file is damaged or holds another kind of numbers.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise UserError(f"Reading {path} needs the package safetensors: {_INSTALL}.") from None
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            text = (file.metadata() or {}).get(SPEC)
        spec = None if text is None else json.loads(text)
        if spec is not None and not isinstance(spec, dict):
            raise ValueError(f"its {SPEC} is no object")
    except (SafetensorError, OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"Cannot read {path} ({last_line(error)}): check the file, or copy it again.") from None
    if any(array.dtype.kind != "f" for array in arrays.values()):
        raise UserError(f"{path} holds values that are no floating-point numbers: give another file.")
    return arrays, spec
