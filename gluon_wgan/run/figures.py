"""The pictures of a run: grids of samples and the loss curve."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter

from gluon_wgan.run import atomic
from gluon_wgan.run.metrics import read_metrics

# Width of the median filter of the reference's published curves.
MEDIAN_WIDTH = 101
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


def median_filtered(curve: np.ndarray) -> np.ndarray:
    """Filter a curve as the paper's figures are, repeating its ends so that they do not bend to zero."""
    return median_filter(curve, size=MEDIAN_WIDTH, mode="nearest")


def save_curves(path: Path, metrics_file: Path) -> None:
    """Draw -Loss_D over the generator iterations, raw and median-filtered, and write it in one step."""
    # Imported here because it takes a second that a start of training need not wait for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = read_metrics(metrics_file)
    iterations, estimate = np.array(metrics["gen_iter"]), np.array(metrics["w_estimate"])
    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(iterations, estimate, color="0.7", linewidth=0.8, label="raw, mean over the critic steps")
    if len(estimate):
        axes.plot(
            iterations,
            median_filtered(estimate),
            color="tab:blue",
            linewidth=1.8,
            label=f"median filter, width {MEDIAN_WIDTH}",
        )
    axes.set_xlabel("generator iterations")
    axes.set_ylabel("\N{MINUS SIGN}Loss_D  =  mean D(fake) \N{MINUS SIGN} mean D(real)")
    axes.set_title("Wasserstein estimate")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    atomic.write_bytes(path, content.getvalue())
