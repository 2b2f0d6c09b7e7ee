"""Arrays in files that somebody sent: NumPy's, and MXNet's ``.params``, every length checked before it is used.

MXNet 1.9.1's own reader (``nd.load``, ``load_parameters``) trusts the numbers in a file: a dimension count of -1
overwrites its stack. Its writer takes only paths that are UTF-8, and does not notice that a full disk refused the last
block. Layouts, from ``src/ndarray/ndarray.cc`` and ``include/mxnet/tuple.h``; all numbers are
little-endian::

    file      uint64 0x112, uint64 reserved, uint64 count, arrays, uint64 count, names
    name      uint64 length, bytes in UTF-8
    array     uint32 magic, [V2 and V3: int32 storage type,] shape, int32 device type, int32 device number,
              int32 data type, values
    shape     V1, V2, V3: int32 number of dimensions, int64 each; older: uint32 each, the magic is their number
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from math import prod
from typing import BinaryIO

import numpy as np

from gluon_wgan.utils.untrusted import AnyPath, open_regular

_FILE_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_CPU = (1, 0)  # device type, device number
_DENSE, _SPARSE = 0, {1: "row-sparse", 2: "compressed sparse row"}
_DTYPES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?")
_KINDS = {np.dtype(kind): number for number, kind in enumerate(_DTYPES)}
_OTHER_DTYPES = {8: "int16", 9: "uint16", 10: "uint32", 11: "uint64", 12: "bfloat16"}
# Most of NumPy, and more arrays or longer names than any network has.
MAX_DIMENSIONS, MAX_ARRAYS, MAX_NAME = 32, 100_000, 4096


def read_params(path: AnyPath) -> dict[str, np.ndarray]:
    """Read a ``.params`` file, as ``nd.save`` and ``save_parameters`` write it.

    No more memory is taken than the file is long, besides a few hundred bytes for each array. The arrays are writable
    and in the file's order; a file without arrays gives an empty dict.

    Raises OSError when it cannot be read, and ValueError when it is damaged, no such file, or holds what no network
    here has: sparse arrays, bfloat16, arrays without names or without a shape. The message says which, not where.
    """
    with open_regular(path) as file:
        reader = _Reader(file, os.fstat(file.fileno()).st_size)
        magic, _, count = reader.unpack("<QQQ")
        if magic != _FILE_MAGIC:
            raise ValueError("it is not a .params file of MXNet")
        arrays = [_read_array(reader, number) for number in range(_at_most(count, MAX_ARRAYS, "arrays"))]
        (count,) = reader.unpack("<Q")
        names = [_read_name(reader) for _ in range(_at_most(count, MAX_ARRAYS, "names"))]
        if reader.left:
            raise ValueError(f"{reader.left} bytes follow its end")
    if arrays and not names:
        raise ValueError("it holds arrays without names")
    if len(names) != len(arrays) or len(set(names)) != len(names):
        raise ValueError(f"it holds {len(arrays)} arrays but {len(set(names))} names")
    return dict(zip(names, arrays))


def write_params(path: AnyPath, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a ``.params`` file, byte for byte as ``nd.save`` does for arrays on the CPU.

    Raises OSError when it cannot be written, ValueError when an array is of a type that MXNet has not, or has no
    dimensions.
    """
    with open(path, "wb") as file:
        file.write(struct.pack("<QQQ", _FILE_MAGIC, 0, len(arrays)))
        for name, array in arrays.items():
            kind = array.dtype.newbyteorder("<")
            if array.ndim == 0 or kind not in _KINDS:
                raise ValueError(f"{name} is of shape {array.shape} and type {array.dtype}, which is not written")
            head = (_V2, _DENSE, array.ndim, *array.shape, *_CPU, _KINDS[kind])
            file.write(struct.pack(f"<Iii{array.ndim}qiii", *head))
            file.write(np.ascontiguousarray(array, kind).tobytes())
        file.write(struct.pack("<Q", len(arrays)))
        for name in arrays:
            file.write(struct.pack("<Q", len(name.encode())) + name.encode())


class _Reader:
    """A file of known length, of which no more is asked for than is there."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.left = file, size

    def take(self, size: int) -> None:
        """Account for bytes that are about to be read."""
        if size > self.left:
            raise ValueError("it is cut off or damaged")
        self.left -= size

    def read(self, size: int) -> bytes:
        self.take(size)
        content = self._file.read(size)
        if len(content) != size:
            raise ValueError("it became shorter while it was read")
        return content

    def unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def values(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        self.take(prod(shape) * dtype.itemsize)
        array = np.empty(shape, dtype)
        if array.size and self._file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:  # type: ignore[attr-defined]
            raise ValueError("it became shorter while it was read")
        return array


def _at_most(count: int, limit: int, what: str) -> int:
    if count > limit:
        raise ValueError(f"it claims to hold {count} {what}, and at most {limit} are read")
    return count


def _read_name(reader: _Reader) -> str:
    (length,) = reader.unpack("<Q")
    name = reader.read(_at_most(length, MAX_NAME, "bytes of one name"))
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the name {name!r} is not UTF-8") from None


def _read_array(reader: _Reader, number: int) -> np.ndarray:
    (magic,) = reader.unpack("<I")
    if magic in (_V2, _V3):
        (storage,) = reader.unpack("<i")
        if storage != _DENSE:
            raise ValueError(f"array {number} is {_SPARSE.get(storage, f'of the unknown storage type {storage}')}")
    shape = _read_shape(reader, magic, number)
    _, _, kind = reader.unpack("<iii")  # the device it lay on says nothing of its values
    if not 0 <= kind < len(_DTYPES):
        raise ValueError(f"array {number} is of the type {_OTHER_DTYPES.get(kind, kind)}, which is not read")
    return reader.values(np.dtype(_DTYPES[kind]), shape)


def _read_shape(reader: _Reader, magic: int, number: int) -> tuple[int, ...]:
    if magic in (_V1, _V2, _V3):
        (dimensions,), length = reader.unpack("<i"), "q"
    else:  # before MXNet 0.11
        dimensions, length = magic, "I"
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise ValueError(f"array {number} claims {dimensions} dimensions")
    # Only since V3 is a number without dimensions a value; before, it stood for an array that holds nothing.
    if dimensions == 0 and magic != _V3:
        raise ValueError(f"array {number} has no shape")
    shape = reader.unpack(f"<{dimensions}{length}")
    if min(shape, default=0) < 0:
        raise ValueError(f"array {number} has the impossible shape {shape}")
    return shape
