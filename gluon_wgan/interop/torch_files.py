"""State dicts in PyTorch's files: read without running any code in them, and written whole."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.run import atomic

# Before it, a crafted file could break out of the reader that refuses code (CVE-2026-24747, CVE-2025-32434).
OLDEST_SAFE = (2, 10)
_DTYPES = ("float32", "float64", "int64")


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
        raise UserError(f"Reading and writing .pth files needs PyTorch, which is not installed: {install}.") from None
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_SAFE:
        oldest = ".".join(map(str, OLDEST_SAFE))
        raise UserError(
            f"PyTorch {torch.__version__} can be made to run code that a .pth file carries, which {oldest} mends: "
            f"{install}."
        )
    return torch


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: names to float32, float64 or int64 arrays, in the file's order.

    Raises
    ------
    UserError
        When the file cannot be read, is damaged, carries code, or holds anything but named tensors.
    """
    torch = import_torch()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror}): name a netG_epoch_N.pth file.") from None
    damaged = UserError(f"{path} is not a whole PyTorch file: fetch it again, or name another.")
    if content.startswith(b"PK") and not _is_whole_zip(content):
        raise damaged
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        # A damaged pickle can fail in any way at all.
        if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
            raise UserError(
                f"{path} is not a file of tensors alone, and what else it holds could be code, so it was not "
                "opened: save the network's state_dict() and convert that."
            ) from None
        raise damaged from None
    return _arrays(torch, path, found)


def _is_whole_zip(content: bytes) -> bool:
    """Whether every checksum in a zip archive holds; torch.load reads some parts without a check."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.testzip() is None
    except Exception:
        # A damaged header can fail in any way at all, as a compression method that nobody knows.
        return False


def _arrays(torch: ModuleType, path: Path, found: object) -> dict[str, np.ndarray]:
    if not isinstance(found, Mapping):
        raise UserError(f"{path} holds a {type(found).__name__} and no state dict: convert netG_epoch_N.pth files.")
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in found.items():
        plain = isinstance(name, str) and isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        if not plain or str(tensor.dtype).removeprefix("torch.") not in _DTYPES or tensor.device.type != "cpu":
            raise UserError(
                f"{path} holds {name!r}, which is no tensor of float32, float64 or int64: convert the state dict "
                "of one network alone."
            )
        arrays[name] = tensor.detach().contiguous().numpy()
    return arrays


def write_state_dict(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a state dict in the order given; OSError when the disk does not take it."""
    torch = import_torch()
    state = OrderedDict((name, torch.from_numpy(np.array(array))) for name, array in arrays.items())
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic.write_bytes(path, buffer.getvalue())
