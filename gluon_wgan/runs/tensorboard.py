"""TensorBoard events of a run, written through tensorboardX."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from gluon_wgan.errors import UserError
from gluon_wgan.runs.metrics_csv import Row


def check_tensorboard() -> None:
    """Refuse, before a run begins, events that could not be written.

    Raises
    ------
    UserError
        When tensorboardX is not installed.
    """
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        raise UserError("--tensorboard needs tensorboardX: pip install tensorboardX.") from None


class TensorBoard:
    """Writes every metrics row as scalars.

    Parameters
    ----------
    directory
        Where the event files go.
    gen_iter
        The iteration that training continues from: TensorBoard hides older events after it.

    Raises
    ------
    UserError
        When tensorboardX is not installed.
    """

    def __init__(self, directory: Path, gen_iter: int) -> None:
        check_tensorboard()
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(directory), purge_step=gen_iter + 1)

    def append(self, row: Row) -> None:
        """Add a row's columns as scalars at its generator iteration."""
        for name, value in asdict(row).items():
            if name != "gen_iter":
                self._writer.add_scalar(name, value, row.gen_iter)

    def close(self) -> None:
        """Write what is still buffered."""
        self._writer.close()
