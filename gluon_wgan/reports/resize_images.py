"""Images for the page: PNG in data URIs, difference heat maps, the piece that differs most."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from PIL import Image

from gluon_wgan.reports.template import image_uri, png_uri
from gluon_wgan.resize_parity.compare_backends import WorstCase
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report

HEAT_FULL = 128
"""Differences of so many levels or more have the map's last colour."""
_HEAT, _HEAT_STEPS = "magma", 64
_ZOOMED_TO = 96
# A quarter of the image shows single pixels and still something to recognise.
_PIECES = 4


@dataclass(frozen=True)
class Card:
    """One backend's version of a worst case, as data URIs of PNG files."""

    title: str
    aliases: bool
    off: float
    image: str
    heat: str
    piece: str


@dataclass(frozen=True)
class WorstCaseImages:
    """A worst case as it is shown: the source, the piece of it that differs most, every backend's."""

    name: str
    disagreement: float
    source: str
    source_piece: str
    reference: Card
    cards: list[Card]


def worst_case_images(report: Report, found: CaseReport, case: WorstCase) -> WorstCaseImages:
    """Prepare a worst case for the page, with the backends that gave different pixels."""
    reference = case.images[report.plan.reference]
    differences = np.abs(case.images.astype(np.int16) - reference).max(axis=-1)
    side = max(4, len(reference) // _PIECES)
    top, left = _busiest(differences.mean(axis=0), side)
    cards = {
        name: Card(
            title=found.title(name),
            aliases=found.aliases[name],
            off=float(np.abs(image.astype(np.int16) - reference).mean()),
            image=png_uri(image),
            heat=image_uri(heat_map(difference)),
            piece=png_uri(image[top : top + side, left : left + side]),
        )
        for name, image, difference in zip(report.plan.backends, case.images, differences)
        if name in found.leaders()
    }
    # The backend compared against, or one before it that gave the same pixels.
    first = next(cards[one] for one in (report.plan.against, *found.twins[report.plan.against]) if one in cards)
    return WorstCaseImages(
        name=report.name_of(case.index),
        disagreement=case.disagreement,
        source=_photo_uri(case.source),
        source_piece=_photo_uri(_same_piece(case, top, left, side)),
        reference=first,
        cards=[cards[name] for name in found.leaders() if cards[name] is not first],
    )


def heat_map(difference: np.ndarray) -> Image.Image:
    """Colour differences in levels: black for none, through red to pale yellow for `HEAT_FULL` and more.

    The scale is that of the square root, so that small differences show. The image has a palette.
    """
    steps = np.arange(_HEAT_STEPS) / (_HEAT_STEPS - 1)
    colours = np.rint(matplotlib.colormaps[_HEAT](steps)[:, :3] * 255).astype(np.uint8)
    shares = np.sqrt(np.clip(difference / HEAT_FULL, 0, 1))
    image = Image.fromarray(np.rint(shares * (_HEAT_STEPS - 1)).astype(np.uint8))
    image.putpalette(colours.tobytes())
    return image


def heat_scale() -> str:
    """Return the map's colours, from 0 to `HEAT_FULL` levels on its scale, as a data URI of a strip."""
    levels = HEAT_FULL * np.linspace(0, 1, 192) ** 2
    return image_uri(heat_map(np.tile(levels, (8, 1))))


def _photo_uri(image: np.ndarray) -> str:
    # What is only looked at, not measured by eye, need not be stored losslessly.
    return image_uri(Image.fromarray(np.ascontiguousarray(image)), "jpeg", quality=88)


def _busiest(difference: np.ndarray, side: int) -> tuple[int, int]:
    """Return (top, left) of the square of that side that holds the largest sum."""
    sums = np.pad(difference.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(squares.argmax(), squares.shape)
    return int(top), int(left)


def _same_piece(case: WorstCase, top: int, left: int, side: int) -> np.ndarray:
    """Return what the source shows where the resized images have a piece."""
    scale = len(case.source) / case.images.shape[1]
    edges = [round(place * scale) for place in (top, top + side, left, left + side)]
    piece = case.source[edges[0] : max(edges[1], edges[0] + 1), edges[2] : max(edges[3], edges[2] + 1)]
    if len(piece) >= _ZOOMED_TO:
        return piece
    return np.asarray(Image.fromarray(np.ascontiguousarray(piece)).resize((_ZOOMED_TO, _ZOOMED_TO)))
