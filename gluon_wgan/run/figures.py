"""The pictures of a run: grids of samples and the loss curve."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter

from gluon_wgan.run import atomic
from gluon_wgan.run.metrics import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 2


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


def save_grid(path: Path, images: np.ndarray, columns: int = 8) -> None:
    """Write a grid of uint8 images (n, C, H, W) as PNG, in one step."""
    grid = make_grid(images, columns)
    content = io.BytesIO()
    Image.fromarray(grid[:, :, 0] if grid.shape[2] == 1 else grid).save(content, "png")
    atomic.write_bytes(path, content.getvalue())


def median_filtered(curve: np.ndarray, width: int) -> np.ndarray:
    """Filter a curve as the paper's figures are, repeating its ends so that they do not bend to zero."""
    return median_filter(curve, size=width, mode="nearest")


def save_curves(path: Path, metrics_file: Path, filter_width: int) -> None:
    """Draw the losses over the generator iterations, raw and median-filtered, and write it in one step.

    Parameters
    ----------
    path, metrics_file
        The picture, and the ``metrics.csv`` that it shows.
    filter_width
        Width of the median filter in iterations, odd; 1 leaves the filtered curve out.

    Notes
    -----
    -Loss_D where it estimates a distance, as the paper's figures show it; both losses otherwise.
    """
    # Imported here because it takes a second that a start of training need not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = {name: np.array(values) for name, values in read_metrics(metrics_file).items()}
    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    iterations, estimate = metrics["gen_iter"], metrics["w_estimate"]
    if np.isnan(estimate).all() and len(estimate):
        _draw(axes, iterations, metrics["loss_d"], filter_width, "loss_d", "tab:blue")
        _draw(axes, iterations, metrics["loss_g"], filter_width, "loss_g", "tab:orange")
        axes.set_ylabel("loss")
        axes.set_title("Cross-entropy of critic and generator")
    else:
        _draw(axes, iterations, estimate, filter_width, "mean over the critic steps", "tab:blue")
        axes.set_ylabel("\N{MINUS SIGN}Loss_D  =  mean D(fake) \N{MINUS SIGN} mean D(real)")
        axes.set_title("Wasserstein estimate")
    axes.set_xlabel("generator iterations")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    atomic.write_bytes(path, content.getvalue())


def _draw(axes: Axes, iterations: np.ndarray, curve: np.ndarray, filter_width: int, label: str, colour: str) -> None:
    filtered = filter_width > 1 and len(curve) > 0
    alpha = 0.35 if filtered else 1.0
    axes.plot(iterations, curve, color=colour, alpha=alpha, linewidth=0.8, label=f"{label}, raw")
    if filtered:
        values = median_filtered(curve, filter_width)
        axes.plot(iterations, values, color=colour, linewidth=1.8, label=f"{label}, median of {filter_width}")
