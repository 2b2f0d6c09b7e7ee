"""State dicts in PyTorch's files: read without PyTorch, and written with it.

Both layouts are read: the zip archive of PyTorch 1.6 and later, and the row of pickles before it. A pickle can
name any function and claim any size; this reader gives it three harmless functions and refuses every other, and takes
no more memory than a few times the file's size.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import open_regular
from gluon_wgan.utils.untrusted_pickle import DataUnpickler, Refused

# A state dict of a thousand tensors has 100 KB of pickle, and the largest network here 2 GiB of weights.
MAX_PICKLE, MAX_FILE, MAX_MEMBERS = 2 << 20, 4 << 30, 100_000
# A file may hold views of one storage, each of which becomes an array of its own.
MAX_EXPANSION = 4
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


class _Limited:
    """The part of a file that may be a pickle."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._left = file, MAX_PICKLE

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left + 1))

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"more than {MAX_PICKLE} bytes of pickle")
        return content


class _Unpickler(DataUnpickler):
    """Makes ordered dicts, and descriptions of tensors whose numbers stand elsewhere."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(_Limited(file))

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return lambda: OrderedDict()
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name.endswith("Storage"):
            return name
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        word, kind, key, _, count = pid[:5]
        if word != "storage" or not isinstance(kind, str) or any(part is not None for part in pid[5:]):
            raise ValueError("no storage of a state dict")
        return _Storage(key, kind, count)


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: names to float32, float64 or int64 arrays, in the file's order.

    Raises UserError when the file cannot be read, is damaged, or holds anything but named tensors of these types.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE:
                raise UserError(f"{path} has more than {MAX_FILE:,} bytes: name the file of one network.")
            whole = file.read(2) == b"PK"
            file.seek(0)
            found, storages = (_archive if whole else _row)(file, size)
        return _arrays(path, found, storages, size)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"Cannot read {path} ({error.strerror or error}): check the path.") from None
    except Refused as error:
        raise UserError(
            f"{path} is not a file of tensors alone: it names {str(error)[:80]!r}, which could be code, so it was not "
            "opened: save the network's state dict alone, and name that."
        ) from None
    except Exception:
        # A damaged pickle can fail in any way at all.
        raise UserError(f"{path} is not a whole PyTorch file of tensors: fetch it again, or name another.") from None


def _archive(file: BinaryIO, size: int) -> tuple[Any, dict[str, bytes]]:
    """Return what a zip archive holds, and the bytes of each storage; checksums are checked on the way."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        # PyTorch compresses nothing, so that what is in the file is all there is.
        stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
        if len(members) > MAX_MEMBERS or not stored or sum(member.file_size for member in members) > size:
            raise ValueError("members that hold more than the file")
        (main,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        root = main[: -len("data.pkl")]
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("written by a machine of the other byte order")
        if archive.getinfo(main).file_size > MAX_PICKLE:
            raise ValueError(f"more than {MAX_PICKLE} bytes of pickle")
        data = f"{root}data/"
        storages = {name[len(data) :]: archive.read(name) for name in archive.namelist() if name.startswith(data)}
        return _Unpickler(io.BytesIO(archive.read(main))).load(), storages


def _row(file: BinaryIO, size: int) -> tuple[Any, dict[str, bytes]]:
    """Return what a file of before PyTorch 1.6 holds, and the bytes of each storage."""
    magic = _Unpickler(file).load()
    if magic != _MAGIC:
        raise ValueError("another kind of file")
    protocol, system, found, keys = (_Unpickler(file).load() for _ in range(4))
    if (protocol, system["little_endian"]) != (_PROTOCOL, True):
        raise ValueError("another kind of file")
    sizes = {
        tensor.storage.key: np.dtype(_STORAGES[tensor.storage.kind]).itemsize
        for tensor in (found.values() if isinstance(found, Mapping) else ())
        if isinstance(tensor, _Tensor) and tensor.storage.kind in _STORAGES
    }
    storages = {}
    for key in keys if len(sizes) == len(keys) else ():
        (count,) = _COUNT.unpack(file.read(_COUNT.size))
        if not 0 <= count <= size // sizes[key]:
            raise ValueError("cut off")
        storages[key] = file.read(count * sizes[key])
    return found, storages


def _arrays(path: Path, found: object, storages: Mapping[str, bytes], size: int) -> dict[str, np.ndarray]:
    if not isinstance(found, Mapping):
        kind = "tensor" if isinstance(found, _Tensor) else type(found).__name__
        raise UserError(f"{path} holds a {kind} and no state dict: name the file of a network's state_dict().")
    arrays: dict[str, np.ndarray] = {}
    left = MAX_EXPANSION * size
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor) or tensor.storage.kind not in _STORAGES:
            raise UserError(
                f"{path} holds {str(name)[:80]!r}, which is no tensor of float32, float64 or int64: name the state "
                "dict of one network alone."
            )
        left -= prod(tensor.shape) * np.dtype(_STORAGES[tensor.storage.kind]).itemsize
        if left < 0:
            raise ValueError("views that hold more than the file")
        arrays[name] = _array(tensor, storages)
    return arrays


def _array(tensor: _Tensor, storages: Mapping[str, bytes]) -> np.ndarray:
    """Return a tensor's numbers as an array of its own, or ValueError if they do not lie within its storage."""
    (key, kind, count), offset, shape, strides = tensor
    numbers = np.frombuffer(storages[key], _STORAGES[kind])
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise ValueError("no tensor")
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides)) if prod(shape) else offset - 1
    if len(numbers) != count or len(strides) != len(shape) or last >= count:
        raise ValueError("no whole tensor")
    if not prod(shape):
        return np.empty(shape, numbers.dtype)
    steps = tuple(step * numbers.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps).copy()


# Before it, a crafted file could break out of the reader that refuses code (CVE-2026-24747, CVE-2025-32434).
OLDEST_SAFE = (2, 10)


def import_torch() -> ModuleType:
    """Return PyTorch; UserError when it is missing, or older than its own safe reader."""
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
