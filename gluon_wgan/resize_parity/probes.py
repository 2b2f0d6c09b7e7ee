"""Images with known answers: what a backend must do with them is certain, whatever the data.

Each is shrunk by 4.5, so that every target pixel falls on another place between the source's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gluon_wgan.data.resize import BACKENDS

SOURCE, TARGET = 288, 64
RATIO = SOURCE / TARGET
_LEVEL = 100
_SPACING = 36
# An antialiased checkerboard keeps at most the pixel by which a filter's window is not balanced; the Hann
# of Hamming's and the box's windows leave 2 to 5 per cent, picking single pixels 50 and more.
_MOST_CONTRAST_LEFT = 0.1
_MOST_RINGS_LEFT = 0.25


@dataclass(frozen=True)
class ProbeResult:
    """What a backend did with the probes.

    Attributes
    ----------
    constant_error
        Largest departure from the constant, in levels; must be 0.
    ramp_steps_back
        Largest step downwards along a rising ramp, in levels; must be 0.
    checkerboard_contrast
        Contrast left of a one-pixel checkerboard: 0 is gray, as it must be, 1 is as before.
    zone_plate_rings
        Contrast left, outside of the target's Nyquist frequency, of a zone plate: 0 is gray, 1 is as before.
    pictures
        uint8 (TARGET, TARGET) of each probe by name.
    """

    constant_error: float
    ramp_steps_back: float
    checkerboard_contrast: float
    zone_plate_rings: float
    pictures: dict[str, np.ndarray]

    @property
    def antialiases(self) -> bool:
        """Whether the checkerboard and the rings faded as they must."""
        faded = self.checkerboard_contrast <= _MOST_CONTRAST_LEFT
        return faded and self.zone_plate_rings <= _MOST_RINGS_LEFT


def zone_plate(side: int) -> np.ndarray:
    """Return rings that get finer outwards, up to half a cycle a pixel at the middle of each edge.

    Returns
    -------
    uint8 (side, side)
    """
    return np.rint(127.5 + 127.5 * np.cos(np.pi * _radius(side) ** 2 / side)).astype(np.uint8)


def checkerboard(side: int) -> np.ndarray:
    """Return black and white pixels in turn, uint8 (side, side)."""
    rows, columns = np.indices((side, side))
    return (255 * ((rows + columns) % 2)).astype(np.uint8)


def ramp(side: int) -> np.ndarray:
    """Return levels that rise from 0 on the left to 255 on the right, uint8 (side, side)."""
    return np.tile(np.rint(np.linspace(0, 255, side)).astype(np.uint8), (side, 1))


def impulse_grid(side: int) -> np.ndarray:
    """Return single white pixels on black, uint8 (side, side)."""
    grid = np.zeros((side, side), np.uint8)
    grid[_SPACING // 2 :: _SPACING, _SPACING // 2 :: _SPACING] = 255
    return grid


def constant(side: int) -> np.ndarray:
    """Return one level everywhere, uint8 (side, side)."""
    return np.full((side, side), _LEVEL, np.uint8)


PROBES = {
    "zone plate": zone_plate,
    "checkerboard": checkerboard,
    "ramp": ramp,
    "impulse grid": impulse_grid,
    "constant": constant,
}


def probe(backends: Sequence[str]) -> dict[str, ProbeResult]:
    """Shrink every probe with every backend and compare with what must come out."""
    sources = {name: Image.fromarray(draw(SOURCE)) for name, draw in PROBES.items()}
    return {backend: _probe_one(backend, sources) for backend in backends}


def resize_gray(picture: Image.Image, size: tuple[int, int], backend: str) -> np.ndarray:
    """Resize an image in mode L to uint8 of the size (height, width)."""
    return BACKENDS[backend].function(picture, size).reshape(size)


def _probe_one(backend: str, sources: dict[str, Image.Image]) -> ProbeResult:
    pictures = {name: resize_gray(source, (TARGET, TARGET), backend) for name, source in sources.items()}
    rings = pictures["zone plate"][_radius(TARGET) > 1.5 * TARGET / 2 / RATIO]
    return ProbeResult(
        constant_error=float(np.abs(pictures["constant"].astype(int) - _LEVEL).max()),
        ramp_steps_back=float(max(0, -np.diff(pictures["ramp"].astype(int), axis=1).min())),
        checkerboard_contrast=float(pictures["checkerboard"].std() / 127.5),
        zone_plate_rings=float(rings.std() / (127.5 / np.sqrt(2))),
        pictures=pictures,
    )


def _radius(side: int) -> np.ndarray:
    """Return every pixel's distance from the middle, in pixels."""
    offsets = np.arange(side) - (side - 1) / 2
    return np.hypot(*np.meshgrid(offsets, offsets))
