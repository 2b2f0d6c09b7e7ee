"""Names of millions of images, made when asked for."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Callable, Union, overload


class LazyNames(Sequence[str]):
    """A sequence of `count` names; `name` returns that of image number i, from 0 up."""

    def __init__(self, count: int, name: Callable[[int], str]) -> None:
        self._count, self._name = count, name

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[str, list[str]]:
        places = range(self._count)[index]
        return self._name(places) if isinstance(places, int) else [self._name(place) for place in places]


def unpacked_names(text: Union[bytes, memoryview], ends: Union[array[int], memoryview]) -> LazyNames:
    """Return the names that lie in one run of bytes, as file names are encoded; `ends` is where each of them ends."""
    return LazyNames(len(ends), partial(_name_in, text, ends))


def pack_names(names: Iterable[str]) -> LazyNames:
    """Pack names, which need not all be in memory at the same time."""
    text, ends = bytearray(), array("q")
    for name in names:
        text += os.fsencode(name)
        ends.append(len(text))
    return unpacked_names(bytes(text), ends)


def _name_in(text: Union[bytes, memoryview], ends: Union[array[int], memoryview], index: int) -> str:
    return os.fsdecode(bytes(text[ends[index - 1] if index else 0 : ends[index]]))
