"""TensorBoard events of a run, written through tensorboardX."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.runs.figures import make_grid
from gluon_wgan.runs.metrics_csv import COUNTS, WALL_CLOCK_COLUMNS, Row

# TensorBoard sorts groups by name and opens the first two.
LOSSES, SAMPLES, TRAINING = "losses", "samples", "training"


def check_tensorboard() -> None:
    """Refuse, before a run begins, events that could not be written; UserError when tensorboardX is not installed."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise UserError("--tensorboard needs tensorboardX: pip install tensorboardX.") from None


class TensorBoard:
    """Writes every metrics row as scalars, and the grids of samples as images.

    TensorBoard hides older events after ``gen_iter``, the iteration that training continues from. Raises UserError when
    tensorboardX is not installed.
    """

    def __init__(self, directory: Path, gen_iter: int) -> None:
        check_tensorboard()
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(directory), purge_step=gen_iter + 1)
        self._drawn: set[tuple[str, int]] = set()

    def append(self, row: Row) -> None:
        """Add a row's columns as scalars at its generator iteration, but for those that the objective does not have."""
        for name, value in asdict(row).items():
            if name != "gen_iter" and not math.isnan(value):
                group = TRAINING if name in (*COUNTS, *WALL_CLOCK_COLUMNS) else LOSSES
                self._writer.add_scalar(f"{group}/{name}", value, row.gen_iter)

    def add_grid(self, name: str, images: np.ndarray, gen_iter: int) -> None:
        """Add uint8 images (n, C, H, W) as one grid; the same again at the same iteration adds nothing."""
        if (name, gen_iter) not in self._drawn:
            self._drawn.add((name, gen_iter))
            self._writer.add_image(f"{SAMPLES}/{name}", make_grid(images, 8), gen_iter, dataformats="HWC")

    def close(self) -> None:
        """Write what is still buffered."""
        self._writer.close()
