"""Images in several files, as if they were one array."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np


class ShardedImages:
    """Read-only images in files that are mapped when they are first used.

    Behaves like a uint8 array of shape (images, channels, size, size), as far as images are taken out of it.

    Parameters
    ----------
    count
        How many images there are in all, 1 or more.
    each
        How many each file holds, but for the last, which may hold fewer.
    row
        Shape of one image: (channels, size, size).

    Raises
    ------
    ValueError
        If so many images make another number of files.
    """

    def __init__(self, paths: Sequence[Path], count: int, each: int, row: Sequence[int]) -> None:
        if count < 1 or each < 1 or len(paths) != -(-count // each):
            raise ValueError(f"{count} images in {len(paths)} shards of {each}")
        self.shape = (count, *row)
        self.dtype, self.ndim = np.dtype(np.uint8), len(self.shape)
        self._paths, self._each = list(paths), each
        self._maps: list[Optional[np.ndarray]] = [None] * len(paths)

    def __len__(self) -> int:
        return self.shape[0]

    def joined(self) -> Union[np.ndarray, ShardedImages]:
        """Return the plain memory map if there is only one file, and else these images."""
        return self.shard(0) if len(self._paths) == 1 else self

    def shard(self, number: int) -> np.ndarray:
        """Return the images of one file."""
        found = self._maps[number]
        if found is None:
            shape = (min(self._each, len(self) - number * self._each), *self.shape[1:])
            found = self._maps[number] = _mapped(self._paths[number]).reshape(shape)
        return found

    def take(self, numbers: Any, axis: int = 0) -> np.ndarray:
        """Return copies of the images with these numbers, as `numpy.ndarray.take` does along axis 0."""
        assert axis == 0
        wanted = np.asarray(numbers)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"one of the numbers {wanted.min()} to {wanted.max()} is none of {len(self)} images'")
        shards, places = np.divmod(wanted, self._each)
        taken = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for number in np.unique(shards):
            here = np.flatnonzero(shards == number)
            taken[here] = self.shard(int(number)).take(places[here], 0)
        return taken

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, (int, np.integer)):
            shard, place = divmod(range(len(self))[key], self._each)
            return self.shard(shard)[place]
        if isinstance(key, slice):
            return self.take(np.arange(*key.indices(len(self))))
        return self.take(np.arange(len(self))[key])

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        whole = np.concatenate([self.shard(number) for number in range(len(self._paths))])
        return whole if dtype is None else whole.astype(dtype)


def _mapped(path: Path) -> np.ndarray:
    """Return the bytes of a file that is read here and there: uint8 (bytes,), read-only."""
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mapped, "madvise"):
        # Reading ahead fetches the neighbours of a shuffled image, which are not next: 1,300 images of 12 kB a
        # second from a disk, instead of 7,400.
        mapped.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(mapped, np.uint8)
