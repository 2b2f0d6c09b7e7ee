"""Images without files, as many as a test wants."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import to_channels
from gluon_wgan.data.sources import Source
from gluon_wgan.data.sources.packed_names import LazyNames


class SyntheticSource(Source):
    """Smooth coloured images of 178x218 pixels, each of which depends on seed and number alone, and takes its time."""

    label = "synthetic"

    def __init__(self, count: int, seed: int = 0, seconds: float = 0) -> None:
        super().__init__(LazyNames(count, "image-{:06d}".format), self.label)
        self.seed, self.seconds = seed, seconds

    def identity(self) -> dict[str, Any]:
        return {"kind": self.label, "count": len(self), "seed": self.seed}

    def open(self, index: int, nc: int) -> Image.Image:
        time.sleep(self.seconds)
        few = np.random.default_rng([self.seed, index]).integers(256, size=(11, 9, 3), dtype=np.uint8)
        return to_channels(Image.fromarray(few).resize((178, 218), Image.Resampling.BICUBIC), nc)
