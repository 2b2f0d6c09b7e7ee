"""Style and writing of the report's figures: the same bytes from the same numbers."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from gluon_wgan.runs.figures import make_grid
from gluon_wgan.utils import atomic_files

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MAX_BYTES = 300_000
"""Bytes of an image in the report."""
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "gluon_wgan",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
ENLARGED = 3
"""Times that samples are enlarged, each pixel a square."""
_LABEL = 40
_FONT = 30
_ACROSS = 8
_LINE = 0.055  # height of a line of a label, as a share of the axes


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
    atomic_files.write_bytes(path, content.getvalue())


def save_panels(path: Path, panels: Sequence[tuple[str, np.ndarray]], across: int = 2, columns: int = _ACROSS) -> None:
    """Write labelled grids of images, enlarged, beside each other as one PNG of 256 colors, in one step.

    Parameters
    ----------
    path
        The image.
    panels
        For each its label and images, uint8 (n, 3, height, width).
    across
        Panels in a row.
    columns
        Images in a row of a panel.
    """
    # One palette for all, and dithered before the enlargement, so that each pixel stays one square of one color.
    grids = [Image.fromarray(make_grid(images, columns)) for _, images in panels]
    wide, high = max(grid.width for grid in grids), max(grid.height for grid in grids)
    together = Image.new("RGB", (wide, high * len(grids)), "white")
    for number, grid in enumerate(grids):
        together.paste(grid, (0, number * high))
    together = together.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
    ink, paper = _nearest_color(together, (0, 0, 0)), _nearest_color(together, (255, 255, 255))
    rows, step = -(-len(grids) // across), (ENLARGED * wide + _LABEL, ENLARGED * high + _LABEL)
    sheet = Image.new("P", (across * step[0] - _LABEL, rows * step[1]), paper)
    sheet.putpalette(together.getpalette() or [])
    for number, (grid, (label, _)) in enumerate(zip(grids, panels)):
        left, top = (number % across) * step[0], (number // across) * step[1]
        tile = together.crop((0, number * high, grid.width, number * high + grid.height))
        sheet.paste(
            tile.resize((ENLARGED * tile.width, ENLARGED * tile.height), Image.Resampling.NEAREST), (left, top + _LABEL)
        )
        _write_label(sheet, label, (left, top), ENLARGED * wide, ink)
    content = io.BytesIO()
    sheet.save(content, "png", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_bytes(path, content.getvalue())


def label_lines(axis: Axes, labels: Sequence[tuple[str, str, float]]) -> None:
    """Write labels to the right of the lines that end at the axes' right side, apart from each other.

    Parameters
    ----------
    labels
        For each line its label, its color and the y at which it ends. Call it when the axes' limits are final.
    """
    axis.get_ylim()  # makes the limits final, which are otherwise set when the figure is drawn
    to_share = axis.transData + axis.transAxes.inverted()
    places = [(float(to_share.transform((1, y))[1]), text, color) for text, color, y in labels]
    found, lowest = [], -math.inf
    for place, text, color in sorted(places):
        half = 0.5 * _LINE * (text.count("\n") + 1)
        found.append((max(place, lowest + half), text, color))
        lowest = found[-1][0] + half
    above = max(0.0, lowest - 1)
    for place, text, color in found:
        axis.annotate(text, (1.01, place - above), xycoords="axes fraction", color=color, fontsize=8, va="center")


def _nearest_color(image: Image.Image, color: tuple[int, int, int]) -> int:
    palette = np.array(image.getpalette(), int).reshape(-1, 3)
    return int(np.abs(palette - color).sum(axis=1).argmin())


def _write_label(sheet: Image.Image, label: str, place: tuple[int, int], width: int, ink: int) -> None:
    """Write a label that is no wider than its panel, in smaller letters if need be."""
    for size in range(_FONT, 5, -1):
        font = ImageFont.load_default(size)
        if font.getlength(label) <= width - 4:
            break
    ImageDraw.Draw(sheet).text((place[0] + 2, place[1] + 2), label, fill=ink, font=font)
