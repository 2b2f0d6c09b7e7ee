"""Names of millions of images: packed into bytes, handed to helper processes without a copy."""

from __future__ import annotations

import mmap
import os
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Union, overload

# Below this a pickle may as well hold the bytes themselves.
_SHARE_FROM = 1 << 20

Bytes = Union[bytes, mmap.mmap, memoryview]


class LazyNames(Sequence[str]):
    """A sequence of names that are made when asked for."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Return the name of image number `index`, from 0 up."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[str, list[str]]:
        places = range(len(self))[index]
        return self.name(places) if isinstance(places, int) else [self.name(place) for place in places]


class NumberedNames(LazyNames):
    """Names that are their number put into a pattern, as in ``image-{:06d}``."""

    def __init__(self, pattern: str, count: int) -> None:
        self._pattern, self._length = pattern, count

    def __len__(self) -> int:
        return self._length

    def name(self, index: int) -> str:
        """Return the pattern with the number in it."""
        return self._pattern.format(index)


class PackedNames(LazyNames):
    """Names in one run of bytes, and where each of them ends.

    Pickling many names costs nothing: the other process maps the same memory, which must still
    be there when it does, so such a pickle is for helper processes and not for a file.
    """

    def __init__(self, text: Bytes, ends: Union[array[int], memoryview]) -> None:
        self._text, self._ends = text, ends
        self._shared = -1

    def __len__(self) -> int:
        return len(self._ends)

    def name(self, index: int) -> str:
        """Return a name as file names are decoded."""
        start = self._ends[index - 1] if index else 0
        return os.fsdecode(bytes(self._text[start : self._ends[index]]))

    def __reduce__(self) -> tuple[Any, ...]:
        # Only Linux has these files of descriptors, and memory that is a file.
        can_share = os.path.isdir(f"/proc/{os.getpid()}/fd")
        if not can_share or len(self._text) < _SHARE_FROM:
            return _unpack_names, (bytes(self._ends) + bytes(self._text), len(self))
        if self._shared < 0:
            self._shared = os.memfd_create("names", os.MFD_CLOEXEC)
            with open(self._shared, "wb", closefd=False) as file:
                file.write(self._ends)
                file.write(self._text)
        return _map_names, (f"/proc/{os.getpid()}/fd/{self._shared}", len(self))

    def __del__(self) -> None:
        if self._shared >= 0:
            os.close(self._shared)


def pack_names(names: Iterable[str]) -> PackedNames:
    """Pack names, which need not all be in memory at the same time."""
    text, ends = bytearray(), array("q")
    for name in names:
        text += os.fsencode(name)
        ends.append(len(text))
    return PackedNames(bytes(text), ends)


def _map_names(path: str, count: int) -> PackedNames:
    with open(path, "rb") as file:
        return _unpack_names(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), count)


def _unpack_names(whole: Bytes, count: int) -> PackedNames:
    view = memoryview(whole)
    return PackedNames(view[8 * count :], view[: 8 * count].cast("q"))
