"""Faces drawn by this project's own code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import pixels_of, to_channels
from gluon_wgan.data.sources.packed_names import NumberedNames
from gluon_wgan.errors import UserError


class DrawnFacesSource:
    """Faces drawn by code, which need no files.

    Parameters
    ----------
    count
        How many, 1 or more.
    seed
        Which series, 0 or more.

    Raises
    ------
    UserError
        If either is out of range.
    """

    label = "drawn-faces"

    def __init__(self, count: int, seed: int) -> None:
        if count < 1 or seed < 0:
            raise UserError(f"Cannot draw {count} faces with seed {seed}: draw at least 1, seed from 0 up.")
        self.count, self.seed = count, seed

    @property
    def names(self) -> Sequence[str]:
        """One name for each face."""
        return NumberedNames("face-{:06d}", self.count)

    def __len__(self) -> int:
        return self.count

    def identity(self) -> dict[str, Any]:
        """Return count and seed, and the versions of what draws: our code, NumPy and OpenCV."""
        import cv2

        from gluon_wgan.data.drawn_faces import DRAWING_VERSION

        versions = {"drawing": DRAWING_VERSION, "numpy": np.__version__, "cv2": cv2.__version__}
        return {"kind": self.label, "count": self.count, "seed": self.seed, "versions": versions}

    def open(self, index: int, nc: int) -> Image.Image:
        """Return face number `index`, 178 pixels wide and 218 high, in mode RGB (`nc` 3) or L (`nc` 1)."""
        from gluon_wgan.data.drawn_faces import draw_face

        return to_channels(Image.fromarray(draw_face(self.seed, index)), nc)

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return face number `index` as uint8 (218, 178, nc)."""
        return pixels_of(self.open(index, nc))
