"""Several sources as one."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Optional

from PIL import Image

from gluon_wgan.data.sources.base import Source
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
