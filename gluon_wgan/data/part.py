"""One of several parts of a source's images, which different machines prepare."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from gluon_wgan.data.sources import Source
from gluon_wgan.data.sources.subset import take
from gluon_wgan.errors import UserError


@dataclass(frozen=True)
class Part:
    """Consecutive images of a source, as many as every other part has, or one fewer.

    Attributes
    ----------
    number
        Which part, from 1 up.
    of
        How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """Return the part that ``3/8`` stands for.

        Raises
        ------
        UserError
            If the text is no such thing.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        part = cls(int(match[1]), int(match[2])) if match else None
        if part is None or not 1 <= part.number <= part.of:
            raise UserError(f"--part {text} names no part: give its number, from 1 up, and how many, as in 3/8.")
        return part

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, source: Source) -> Source:
        """Return the images of a source that belong to this part.

        Raises
        ------
        UserError
            If there are fewer images than parts.
        """
        if len(source) < self.of:
            raise UserError(f"--part {self}: there are {len(source)} images, so prepare at most as many parts.")
        start, stop = ((self.number - 1 + more) * len(source) // self.of for more in (0, 1))
        return take(source, np.arange(start, stop))
