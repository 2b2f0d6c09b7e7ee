"""State dicts written as PyTorch's files; :mod:`gluon_wgan.interop.plain_torch_files` reads them."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.utils import atomic_files

# Before it, a crafted file could break out of the reader that refuses code (CVE-2026-24747, CVE-2025-32434).
OLDEST_SAFE = (2, 10)


def import_torch() -> ModuleType:
    """Return PyTorch.

    Raises
    ------
    UserError
        When it is missing, or older than its own safe reader.
    """
    install = "run `pip install 'gluon-wgan[torch]'` with Python 3.10 or later"
    try:
        import torch
    except (ImportError, OSError):
        raise UserError(f"Writing .pth files needs PyTorch, which is not installed: {install}.") from None
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_SAFE:
        oldest = ".".join(map(str, OLDEST_SAFE))
        raise UserError(
            f"PyTorch {torch.__version__} can be made to run code that a .pth file carries, which {oldest} fixes: "
            f"{install}."
        )
    return torch


def write_state_dict(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a state dict in the order given; OSError when the disk does not take it."""
    torch = import_torch()
    state = OrderedDict((name, torch.from_numpy(np.array(array))) for name, array in arrays.items())
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_files.write_bytes(path, buffer.getvalue())
