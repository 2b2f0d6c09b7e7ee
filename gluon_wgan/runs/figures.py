"""The images of a run: grids of samples and the loss curve."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gluon_wgan.runs.curves import FILTERED, RunCurves
from gluon_wgan.utils import atomic_files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 2
GRID = 64
"""Images in a grid of a run's samples."""


def make_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay images out in rows with a thin white gap.

    Parameters
    ----------
    images
        uint8 (n, C, H, W) with C 1 or 3.
    columns
        Images in a row.

    Returns
    -------
    numpy.ndarray
        uint8 (height, width, C).
    """
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels)
    grid = np.full(shape, 255, np.uint8)
    for index, image in enumerate(images):
        top = GAP + (index // columns) * (height + GAP)
        left = GAP + (index % columns) * (width + GAP)
        grid[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return grid


def grid_image(images: np.ndarray, columns: int) -> Image.Image:
    """Return :func:`make_grid` as an image, gray for one channel."""
    grid = make_grid(images, columns)
    return Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid)


def save_grid(path: Path, images: np.ndarray, columns: int = 8) -> None:
    """Write a grid of uint8 images (n, C, H, W) as PNG, in one step."""
    content = io.BytesIO()
    grid_image(images, columns).save(content, "png")
    atomic_files.write_bytes(path, content.getvalue())


def save_curves(path: Path, curves: RunCurves) -> None:
    """Draw the losses over the generator iterations, raw and median-filtered, and write it in one step.

    Notes
    -----
    -Loss_D where it estimates a distance, as the paper's figures show it; both losses otherwise. A long run's curve
    goes through the lowest and the highest value of each bin, which at this size looks as the whole curve does.
    """
    # Imported here because it takes a second that a start of training need not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if np.isnan(curves.column("w_estimate")).all() and curves.rows:
        _draw(axes, curves, "loss_d", "loss_d", "tab:blue")
        _draw(axes, curves, "loss_g", "loss_g", "tab:orange")
        axes.set_ylabel("loss")
        axes.set_title("Cross-entropy of critic and generator")
    else:
        _draw(axes, curves, "w_estimate", "mean over the critic steps", "tab:blue")
        axes.set_ylabel("\N{MINUS SIGN}Loss_D  =  mean D(fake) \N{MINUS SIGN} mean D(real)")
        axes.set_title("Wasserstein estimate")
    axes.set_xlabel("generator iterations")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    atomic_files.write_bytes(path, content.getvalue())


def _draw(axes: Axes, curves: RunCurves, name: str, label: str, colour: str) -> None:
    filtered = curves.applied > 1
    alpha = 0.35 if filtered else 1.0
    low, high = curves.column(name, "low"), curves.column(name, "high")
    axes.plot(*_line(curves, low, high), color=colour, alpha=alpha, linewidth=0.8, label=f"{label}, raw")
    if filtered:
        medians, place = curves.filtered(), FILTERED.index(name)
        line = _line(curves, medians.low[:, place], medians.high[:, place])
        axes.plot(*line, color=colour, linewidth=1.8, label=f"{label}, median of {curves.width}")


def _line(curves: RunCurves, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a line through each bin's lowest and highest value; a bin of one row has one point."""
    if curves.raw.size == 1:
        return curves.column("gen_iter"), low
    ends = np.stack([curves.column("gen_iter", "low"), curves.column("gen_iter", "high")], axis=1)
    return ends.ravel(), np.stack([low, high], axis=1).ravel()
