"""Sources that are made of others: several as one, or some of a source's images."""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Optional

import numpy as np
from PIL import Image

from gluon_wgan.data.sources.base import Source
from gluon_wgan.data.sources.left_out import LeftOut, matching
from gluon_wgan.data.sources.packed_names import LazyNames
from gluon_wgan.errors import UserError


class MixedSource(Source):
    """The images of several sources, one source behind the other.

    Each name begins with its source's prefix and a slash.

    Parameters
    ----------
    parts
        The sources, at least one.
    prefixes
        A different one for each; see `unambiguous_prefixes`.
    label
        A short name for people; None joins those of the parts.
    """

    def __init__(self, parts: Sequence[Source], prefixes: Sequence[str], label: Optional[str] = None) -> None:
        self.parts, self.prefixes = list(parts), list(prefixes)
        self.ends = list(accumulate(len(part) for part in parts))
        joined = "-".join(part.label for part in parts) if label is None else label
        super().__init__(LazyNames(self.ends[-1], self._name), joined)

    def identity(self) -> dict[str, Any]:
        """Return the identity of every part, in order."""
        return {"kind": "mixture", "parts": [part.identity() for part in self.parts]}

    def open(self, index: int, nc: int) -> Image.Image:
        """See `Source`."""
        part, number = self.locate(index)
        return self.parts[part].open(number, nc)

    def locate(self, index: int) -> tuple[int, int]:
        """Return which part holds image number `index`, and its number there."""
        part = bisect_right(self.ends, index)
        return part, index - (self.ends[part - 1] if part else 0)

    def _name(self, index: int) -> str:
        part, number = self.locate(index)
        return f"{self.prefixes[part]}/{self.parts[part].names[number]}"


def unambiguous_prefixes(roots: Sequence[str]) -> list[str]:
    """Return for each path its last component, or as many more as tell it from the others.

    UserError is raised if two paths lead to the same place.
    """
    real = [os.path.realpath(root) for root in roots]
    for place, path in enumerate(real):
        if path in real[:place]:
            raise UserError(f"{roots[place]} is given twice: leave one out.")
    parts = [path.strip(os.sep).split(os.sep) for path in real]
    for depth in range(1, max(map(len, parts)) + 1):
        prefixes = ["/".join(part[-depth:]) for part in parts]
        if len(set(prefixes)) == len(prefixes):
            break
    return prefixes


class SubsetSource(Source):
    """Some of the images of another source, in the order given; nothing is read that is not asked for.

    Parameters
    ----------
    numbers
        int (images,), the numbers of the images in it.

    Raises
    ------
    UserError
        If there are none, or a number is out of range.
    """

    def __init__(self, source: Source, numbers: Any) -> None:
        self.source, self.numbers = source, np.asarray(numbers, np.int64).ravel()
        if not len(self.numbers) or self.numbers.min() < 0 or self.numbers.max() >= len(source):
            raise UserError(f"Cannot take these images of {len(source)}: give at least one number below that.")
        super().__init__(LazyNames(len(self.numbers), self._name), source.label)
        self.parts = [source]

    def identity(self) -> dict[str, Any]:
        """Return the identity of the source, or where it can tell of these images alone, and their numbers."""
        identity_of = getattr(self.source, "identity_of", None)
        whole = self.source.identity() if identity_of is None else identity_of(self.numbers.tolist())
        digest = hashlib.sha256(self.numbers.astype("<i8").tobytes()).hexdigest()
        return {"kind": "subset", "of": whole, "images": len(self), "numbers_sha256": digest}

    def open(self, index: int, nc: int) -> Image.Image:
        """See `Source`."""
        return self.source.open(int(self.numbers[index]), nc)

    def _name(self, index: int) -> str:
        return self.source.names[int(self.numbers[index])]


def take(source: Source, numbers: Any) -> SubsetSource:
    """Return the source of those images of another whose numbers are given, in that order."""
    return SubsetSource(source, numbers)


def without(source: Source, patterns: Sequence[str]) -> Source:
    """Return a source without the images whose names some shell patterns match; see `left_out.matching`.

    UserError is raised if none is left.
    """
    left_out = LeftOut()
    kept = []
    for number, name in enumerate(source.names):
        pattern = matching(name, patterns)
        if pattern:
            left_out.excluded[pattern] += 1
        else:
            kept.append(number)
    if not kept:
        raise UserError(f"--exclude {' '.join(patterns)} leaves none of {len(source)} images: give other patterns.")
    if len(kept) == len(source):
        return source
    subset = SubsetSource(source, kept)
    subset.left_out = left_out
    return subset


def sample(source: Source, count: int, seed: int) -> Source:
    """Return `count` images of a source, drawn at random without repetition, in the source's order.

    The same `count` and `seed` draw the same images of a source of the same length. When `count` is not below
    the source's length, the source itself is returned.

    Parameters
    ----------
    count
        How many images, 1 or more.
    seed
        Which images, 0 or more; the draw is ``numpy.random.default_rng(seed).choice``.

    Raises
    ------
    UserError
        If either is out of range.
    """
    if count < 1 or seed < 0:
        raise UserError(f"Cannot draw {count} images with seed {seed}: draw at least 1, seed from 0 up.")
    if count >= len(source):
        return source
    rng = np.random.default_rng(seed)
    return SubsetSource(source, np.sort(rng.choice(len(source), count, replace=False, shuffle=False)))


@dataclass(frozen=True)
class Part:
    """Part `number`, from 1 up, `of` so many: consecutive images, as many as every other part has, or one fewer."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Return the part that a text such as ``3/8`` stands for, or raise UserError if it stands for none."""
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        part = cls(int(match[1]), int(match[2])) if match else None
        if part is None or not 1 <= part.number <= part.of:
            raise UserError(f"--part {text} names no part: give its number, from 1 up, and how many, as in 3/8.")
        return part

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, source: Source) -> Source:
        """Return a source's images that belong to this part, or raise UserError if they are fewer than the parts."""
        if len(source) < self.of:
            raise UserError(f"--part {self}: there are {len(source)} images, so prepare at most as many parts.")
        start, stop = ((self.number - 1 + more) * len(source) // self.of for more in (0, 1))
        return take(source, np.arange(start, stop))
