"""State dicts in PyTorch's files, read without PyTorch: what published weights need and nothing more.

Both layouts are known: the zip archive of PyTorch 1.6 and later, and the row of pickles before it. A pickle can
name any function; this reader gives it four harmless ones and refuses every other.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gluon_wgan.errors import UserError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
_COUNT = struct.Struct("<q")


class _Storage(NamedTuple):
    key: str
    kind: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Makes ordered dicts, and descriptions of tensors whose numbers stand elsewhere."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is refused")

    def persistent_load(self, pid: Any) -> _Storage:
        word, kind, key, _, count = pid[:5]
        if word != "storage" or kind not in _STORAGES.values() or any(part is not None for part in pid[5:]):
            raise ValueError("no storage of a state dict")
        return _Storage(key, kind, count)


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: names to float32, float64 or int64 arrays, in the file's order.

    Raises
    ------
    UserError
        When the file cannot be read, is damaged, or holds anything but named tensors of these types.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror}): check the path.") from None
    try:
        found, storages = (_archive if content.startswith(b"PK") else _row)(content)
        return {str(name): _array(tensor, storages) for name, tensor in found.items()}
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is not a whole PyTorch file of tensors alone, and was not opened ({error}): fetch it again, or "
            "name another."
        ) from None
    except Exception:
        # A damaged pickle can fail in any way at all.
        raise UserError(f"{path} is not a whole PyTorch file of tensors: fetch it again, or name another.") from None


def _archive(content: bytes) -> tuple[Mapping[Any, Any], dict[str, bytes]]:
    """Return what a zip archive holds, and the bytes of each storage; checksums are checked on the way."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (main,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = main[: -len("data.pkl")]
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("written by a machine of the other byte order")
        data = f"{root}data/"
        storages = {name[len(data) :]: archive.read(name) for name in archive.namelist() if name.startswith(data)}
        return _Unpickler(io.BytesIO(archive.read(main))).load(), storages


def _row(content: bytes) -> tuple[Mapping[Any, Any], dict[str, bytes]]:
    """Return what a file of before PyTorch 1.6 holds, and the bytes of each storage."""
    file = io.BytesIO(content)
    magic, protocol, system, found, keys = (_Unpickler(file).load() for _ in range(5))
    if (magic, protocol, system["little_endian"]) != (_MAGIC, _PROTOCOL, True):
        raise ValueError("another kind of file")
    sizes = {tensor.storage.key: np.dtype(tensor.storage.kind).itemsize for tensor in found.values()}
    storages = {}
    for key in keys:
        (count,) = _COUNT.unpack(file.read(_COUNT.size))
        storages[key] = file.read(count * sizes[key])
    return found, storages


def _array(tensor: _Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """Return a tensor's numbers as an array of its own, or ValueError if they do not lie within its storage."""
    (key, kind, count), offset, shape, strides = tensor
    numbers = np.frombuffer(storages[key], kind)
    whole = tuple(int(np.prod(shape[place + 1 :], dtype=np.int64)) for place in range(len(shape)))
    # Weights are saved whole; strides of anything else could point outside.
    plain = all(step == wanted for step, wanted, length in zip(strides, whole, shape) if length > 1)
    size = int(np.prod(shape, dtype=np.int64))
    fits = min(shape, default=0) >= 0 and len(strides) == len(shape) and 0 <= offset <= count - size
    if len(numbers) != count or not plain or not fits:
        raise ValueError("no whole tensor")
    return numbers[offset : offset + size].reshape(shape).copy()
