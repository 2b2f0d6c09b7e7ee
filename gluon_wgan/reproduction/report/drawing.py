"""How the report's figures look, and how they are written: the same bytes from the same numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from gluon_wgan.run import atomic
from gluon_wgan.run.figures import make_grid

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LARGEST = 300_000
"""Bytes of a picture in the report."""
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "gluon_wgan",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
_LABEL = 18
_ACROSS = 8


def new_figure(columns: int = 1, height: float = 4.0, width: float = 9.0) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes side by side."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = [figure.add_subplot(1, columns, number + 1) for number in range(columns)]
    for axis in axes:
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.set_axisbelow(True)
    return figure, axes


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, without the day on which it was drawn, in one step."""
    content = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(content, format="svg", metadata={"Date": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, content.getvalue())


def save_panels(path: Path, panels: Sequence[tuple[str, np.ndarray]], across: int = 2, columns: int = _ACROSS) -> None:
    """Write labelled grids of images beside each other as one PNG of 256 colours, in one step.

    Parameters
    ----------
    path
        The picture.
    panels
        For each its label and images, uint8 (n, 3, height, width).
    across
        Panels in a row.
    columns
        Images in a row of a panel.
    """
    tiles = [_labelled(label, make_grid(images, columns)) for label, images in panels]
    wide, high = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    rows = -(-len(tiles) // across)
    sheet = Image.new("RGB", (across * (wide + _LABEL) - _LABEL, rows * (high + _LABEL) - _LABEL), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, ((number % across) * (wide + _LABEL), (number // across) * (high + _LABEL)))
    content = io.BytesIO()
    sheet.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(content, "png", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(path, content.getvalue())


def _labelled(label: str, grid: np.ndarray) -> Image.Image:
    tile = Image.new("RGB", (grid.shape[1], grid.shape[0] + _LABEL), "white")
    tile.paste(Image.fromarray(grid), (0, _LABEL))
    ImageDraw.Draw(tile).text((2, 3), label, fill="black", font=ImageFont.load_default(12))
    return tile
