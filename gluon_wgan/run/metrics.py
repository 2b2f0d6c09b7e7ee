"""``metrics.csv``: one row for each generator iteration."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from gluon_wgan.errors import UserError
from gluon_wgan.results import CriticScores
from gluon_wgan.run import atomic


@dataclass(frozen=True)
class Row:
    """What happened in one generator iteration.

    Attributes
    ----------
    gen_iter
        Generator steps taken so far, this one included: the first row has 1.
    epoch
        Epoch of the last data batch, from 0.
    critic_steps
        Critic steps in this iteration.
    loss_d, loss_d_last
        What the critic minimised, without the penalty, over this iteration's critic steps and in the last of
        them: for the Wasserstein objectives mean D(real) - mean D(fake).
    loss_g
        What the generator minimised in its step: for the Wasserstein objectives mean D(G(z)).
    d_real, d_fake
        The critic's mean scores, over this iteration's critic steps.
    w_estimate
        -loss_d: the estimate of the Wasserstein distance, up to the critic's Lipschitz constant; NaN for
        the objective dcgan, which gives none.
    seconds
        Wall-clock time of the iteration.
    images_per_second
        Real images that the critic saw, per second.
    penalty
        mean (||gradient|| - 1)^2 over this iteration's critic steps; 0 without gradient penalty.
    """

    gen_iter: int
    epoch: int
    critic_steps: int
    loss_d: float
    loss_d_last: float
    loss_g: float
    d_real: float
    d_fake: float
    w_estimate: float
    seconds: float
    images_per_second: float
    penalty: float


COLUMNS = tuple(field.name for field in fields(Row))
WALL_CLOCK_COLUMNS = ("seconds", "images_per_second")


def make_row(
    gen_iter: int,
    epoch: int,
    scores: Sequence[CriticScores],
    loss_g: float,
    seconds: float,
    images: int,
    wasserstein: bool,
) -> Row:
    """Sum up one generator iteration.

    Parameters
    ----------
    scores
        Of each critic step, at least one.
    images
        Real images that the critic saw.
    wasserstein
        Whether the critic's loss estimates a distance.
    """
    mean = CriticScores(*(sum(values) / len(scores) for values in zip(*scores)))
    return Row(
        gen_iter=gen_iter,
        epoch=epoch,
        critic_steps=len(scores),
        loss_d=mean.loss_d,
        loss_d_last=scores[-1].loss_d,
        loss_g=loss_g,
        d_real=mean.d_real,
        d_fake=mean.d_fake,
        w_estimate=-mean.loss_d if wasserstein else float("nan"),
        penalty=mean.penalty,
        seconds=seconds,
        images_per_second=images / max(seconds, 1e-9),
    )


class MetricsFile:
    """``metrics.csv``, open for appending.

    Parameters
    ----------
    path
        The file; it is made when it does not exist.
    gen_iter
        Rows after this generator iteration are cut off, since they are about to be made again.

    Raises
    ------
    UserError
        When the file lacks rows up to ``gen_iter``.
    """

    def __init__(self, path: Path, gen_iter: int) -> None:
        rows = [row for row in _whole_rows(path) if int(row["gen_iter"]) <= gen_iter]
        if len(rows) != gen_iter:
            raise UserError(
                f"{path} holds {len(rows)} rows up to iteration {gen_iter}, where the checkpoint stands: put "
                "the file back as the run wrote it."
            )
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        atomic.write_bytes(path, text.getvalue().encode())
        self._file: TextIO = path.open("a", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS, lineterminator="\n")

    def append(self, row: Row) -> None:
        """Add a row; it is in the operating system's hands when this returns."""
        self._writer.writerow(asdict(row))
        self._file.flush()

    def sync(self) -> None:
        """Wait until every row is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> dict[str, list[float]]:
    """Read a ``metrics.csv`` as one list for each column.

    A last row that a kill left unfinished is ignored.
    """
    rows = _whole_rows(path)
    return {name: [float(row[name]) for row in rows] for name in COLUMNS}


def _whole_rows(path: Path) -> list[dict[str, Any]]:
    """Return the complete rows of the file, none when it does not exist."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.DictReader(io.StringIO(whole)))
    good = []
    for number, row in enumerate(rows, 2):
        try:
            [float(row[name]) for name in COLUMNS]
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path} is damaged at line {number}: put the file back as the run wrote it.") from None
        good.append(row)
    return good
