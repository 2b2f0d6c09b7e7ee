"""What a backend does with images that have known answers, whatever the data: probes, its kernel, and every ratio.

The probes are shrunk by 4.5, so that every target pixel falls on another place between the source's pixels. The kernel
is read off from the response to single bright lines so far apart that each target pixel sees one of them at most: moved
along pixel by pixel, they give the weight of every source pixel in every target pixel. Which backend is safe at which
ratio is measured on one drawn texture, whose amplitude falls as one by the frequency, as in photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gluon_wgan.data.aliasing import fold, to_spectrum
from gluon_wgan.data.aliasing_options import ALIASING_SHARE
from gluon_wgan.data.resize import BACKENDS

SOURCE, TARGET = 288, 64
RATIO = SOURCE / TARGET
_LEVEL = 100
_SPACING = 36  # between lines, and between dots
# An antialiased checkerboard keeps at most the pixel by which a filter's window is not balanced; the Hann
# of Hamming's and the box's windows leave 2 to 5 per cent, picking single pixels 50 and more.
_MAX_CONTRAST_LEFT = 0.1
_MAX_RINGS_LEFT = 0.25


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
    images
        uint8 (TARGET, TARGET) of each probe by name.
    """

    constant_error: float
    ramp_steps_back: float
    checkerboard_contrast: float
    zone_plate_rings: float
    images: dict[str, np.ndarray]

    @property
    def antialiases(self) -> bool:
        """Whether the checkerboard and the rings faded as they must."""
        faded = self.checkerboard_contrast <= _MAX_CONTRAST_LEFT
        return faded and self.zone_plate_rings <= _MAX_RINGS_LEFT


def draw_probes(side: int) -> dict[str, np.ndarray]:
    """Return every probe by name, uint8 (side, side)."""
    rows, columns = np.indices((side, side))
    impulses = np.zeros((side, side), np.uint8)
    impulses[_SPACING // 2 :: _SPACING, _SPACING // 2 :: _SPACING] = 255
    return {
        # Rings that get finer outwards, up to half a cycle a pixel at mid-edge.
        "zone plate": np.rint(127.5 + 127.5 * np.cos(np.pi * _radius(side) ** 2 / side)).astype(np.uint8),
        "checkerboard": (255 * ((rows + columns) % 2)).astype(np.uint8),
        "ramp": np.tile(np.rint(np.linspace(0, 255, side)).astype(np.uint8), (side, 1)),
        "impulse grid": impulses,
        "constant": np.full((side, side), _LEVEL, np.uint8),
    }


def probe(backends: Sequence[str]) -> dict[str, ProbeResult]:
    """Shrink every probe with every backend and compare with what must come out."""
    sources = {name: Image.fromarray(drawn) for name, drawn in draw_probes(SOURCE).items()}
    return {backend: _probe_one(backend, sources) for backend in backends}


def resize_gray(image: Image.Image, size: tuple[int, int], backend: str) -> np.ndarray:
    """Resize an image in mode L to uint8 of the size (height, width)."""
    return BACKENDS[backend].function(image, size).reshape(size)


def _probe_one(backend: str, sources: dict[str, Image.Image]) -> ProbeResult:
    images = {name: resize_gray(source, (TARGET, TARGET), backend) for name, source in sources.items()}
    rings = images["zone plate"][_radius(TARGET) > 1.5 * TARGET / 2 / RATIO]
    return ProbeResult(
        constant_error=float(np.abs(images["constant"].astype(int) - _LEVEL).max()),
        ramp_steps_back=float(max(0, -np.diff(images["ramp"].astype(int), axis=1).min())),
        checkerboard_contrast=float(images["checkerboard"].std() / 127.5),
        zone_plate_rings=float(rings.std() / (127.5 / np.sqrt(2))),
        images=images,
    )


def _radius(side: int) -> np.ndarray:
    """Return every pixel's distance from the middle, in pixels."""
    offsets = np.arange(side) - (side - 1) / 2
    return np.hypot(*np.meshgrid(offsets, offsets))


# Room below the background shows negative weights.
_BACKGROUND, _LINE = 64, 255
_ACROSS = 18
_INSIDE = slice(8, TARGET - 8)


@dataclass(frozen=True)
class Kernel:
    """How a backend weighs source pixels when it shrinks by 4.5.

    Attributes
    ----------
    offsets
        Where source pixels lie, in target pixels from the target pixel's centre, rising.
    weights
        Their weight, as a density: a box as wide as a target pixel has weight 1.
    width
        How many source pixels in a row have a say (at least one level of 191), the median over target pixels.
    shift_x, shift_y
        How far the image moves right and down, in target pixels.
    """

    offsets: np.ndarray
    weights: np.ndarray
    width: float
    shift_x: float
    shift_y: float


def measure_kernel(backend: str) -> Kernel:
    """Measure the kernel of a backend along rows, and its shift along columns too."""
    along_rows, along_columns = _weights(backend, across_rows=False), _weights(backend, across_rows=True)
    # Multiplied by 18 every offset is a whole number, so that equal ones meet.
    steps = np.rint(_offsets()[_INSIDE] * 4 * RATIO).astype(int)
    distinct, place = np.unique(steps, return_inverse=True)
    total = np.bincount(place.ravel(), along_rows[_INSIDE].ravel())
    return Kernel(
        offsets=distinct / (4 * RATIO),
        weights=total / np.bincount(place.ravel()) * RATIO,
        width=float(np.median((np.abs(along_rows[_INSIDE]) * (_LINE - _BACKGROUND) >= 1).sum(axis=1))),
        shift_x=_shift(along_rows),
        shift_y=_shift(along_columns),
    )


def _offsets() -> np.ndarray:
    """Return where each source pixel lies from each target pixel, in target pixels: (TARGET, SOURCE)."""
    return (np.arange(SOURCE) + 0.5) / RATIO - (np.arange(TARGET)[:, None] + 0.5)


def _weights(backend: str, across_rows: bool) -> np.ndarray:
    """Return the weight of each source pixel in each target pixel along one axis: float (TARGET, SOURCE)."""
    weights, size = np.zeros((TARGET, SOURCE)), (int(_ACROSS / RATIO), TARGET)
    offsets = np.abs(_offsets())
    for first in range(_SPACING):
        lines = np.full((_ACROSS, SOURCE), _BACKGROUND, np.uint8)
        lines[:, first::_SPACING] = _LINE
        if across_rows:
            shrunk = resize_gray(Image.fromarray(np.ascontiguousarray(lines.T)), size[::-1], backend).T
        else:
            shrunk = resize_gray(Image.fromarray(lines), size, backend)
        response = (shrunk[1].astype(float) - _BACKGROUND) / (_LINE - _BACKGROUND)
        places = np.arange(first, SOURCE, _SPACING)
        nearest = places[offsets[:, places].argmin(axis=1)]
        weights[np.arange(TARGET), nearest] = response
    return weights


def _shift(weights: np.ndarray) -> float:
    """Return how far the image moves along an axis, in target pixels: against where the backend looks."""
    inside = weights[_INSIDE]
    looks = (inside * _offsets()[_INSIDE]).sum() / inside.sum()
    return float(-looks)


# Every ratio divides the side, so that coincidences at whole ratios show, such as cv2-bilinear's at 2.
SIDE = 240
SHRINKING = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0)
ENLARGING = (4.0, 2.0, 1.5)
_SMALL = 60


@dataclass(frozen=True)
class Sweep:
    """How every backend fares at every ratio.

    Attributes
    ----------
    aliasing
        By backend: the share of the power above Nyquist that gets through, for each of `SHRINKING`.
    blocky
        By backend: whether the image equals pil-nearest's bit for bit, for each of `ENLARGING`.
    """

    aliasing: dict[str, list[float]]
    blocky: dict[str, list[bool]]

    def safe_ratios(self, backend: str) -> list[float]:
        """Return the shrinking ratios at which a backend does not alias."""
        return [ratio for ratio, share in zip(SHRINKING, self.aliasing[backend]) if share <= ALIASING_SHARE]


def sweep_ratios(backends: Sequence[str]) -> Sweep:
    """Shrink and enlarge the texture with every backend."""
    texture = _texture()
    spectrum = to_spectrum(texture.convert("RGB"))
    shares = []
    for ratio in SHRINKING:
        folded = fold(spectrum, ratio, backends)
        assert folded is not None  # it is shrunk
        shares.append(folded.share)
    small = texture.crop((0, 0, _SMALL, _SMALL))
    blocky: dict[str, list[bool]] = {backend: [] for backend in backends}
    for ratio in ENLARGING:
        size = (int(_SMALL * ratio), int(_SMALL * ratio))
        nearest = resize_gray(small, size, "pil-nearest")
        for backend in backends:
            blocky[backend].append(bool((resize_gray(small, size, backend) == nearest).all()))
    by_backend = np.stack(shares, axis=1)
    return Sweep({name: row.tolist() for name, row in zip(backends, by_backend)}, blocky)


def _texture() -> Image.Image:
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequencies[0, 0] = np.inf
    noise = np.fft.fft2(np.random.default_rng(1987).standard_normal((SIDE, SIDE)))
    waves = np.fft.ifft2(noise / frequencies).real
    levels = 128 + 45 * waves / waves.std()
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
