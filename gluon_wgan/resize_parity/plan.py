"""What is to be compared, fixed before the first image is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from gluon_wgan.data.aliasing_options import ENLARGED_IMAGES
from gluon_wgan.data.geometry import CROP, Box
from gluon_wgan.data.sources import Source


@dataclass(frozen=True)
class Case:
    """One size to compare at.

    Attributes
    ----------
    size
        Height and width of the compared images, in pixels.
    enlarged_from
        None, or the size that every image is first shrunk to, with the backend compared against.
    """

    size: int
    enlarged_from: Optional[int] = None

    @property
    def label(self) -> str:
        """What the case is called on the page and in ``parity.json``."""
        return f"{self.size} px" if self.enlarged_from is None else f"{self.enlarged_from} to {self.size} px"


@dataclass(frozen=True)
class Plan:
    """The images, and what is done with each of them.

    Attributes
    ----------
    images
        Where pixels come from.
    cases
        The sizes.
    backends
        Full names, the one compared against among them.
    against
        That one.
    crop
        Box to cut out of each image first, or None.
    decoders
        Names of the decoders to compare, the first with all others; none to leave that out.
    fit
        How an image becomes a square: one of `gluon_wgan.data.geometry.FITS`.
    """

    images: Source
    cases: tuple[Case, ...]
    backends: tuple[str, ...]
    against: str
    crop: Optional[Box]
    decoders: tuple[str, ...]
    fit: str = CROP

    @property
    def reference(self) -> int:
        """The place of the backend compared against."""
        return self.backends.index(self.against)

    def step(self, case: Case) -> int:
        """Return how far apart the images that take part in a case are."""
        return 1 if case.enlarged_from is None else -(-len(self.images) // ENLARGED_IMAGES)
