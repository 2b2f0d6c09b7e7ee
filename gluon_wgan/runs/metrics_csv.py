"""``metrics.csv``: one row for each generator iteration."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional, TextIO

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.runs.step_results import CriticScores
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import open_regular

log = logging.getLogger("gluon_wgan")

BLOCK = 1 << 20
"""Bytes that are parsed at once, so that a file of any length is read in bounded memory."""


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
_HEADER = (",".join(COLUMNS) + "\n").encode()
COUNTS = ("gen_iter", "epoch", "critic_steps")
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

    Raises UserError when the file lacks rows before ``gen_iter``, or is damaged.

    Parameters
    ----------
    path
        The file; it is made when it does not exist, with a warning if rows should be there.
    gen_iter
        Rows after this generator iteration are cut off, since they are about to be made again.
    """

    def __init__(self, path: Path, gen_iter: int) -> None:
        if path.exists() and path.stat().st_size:
            end = _end_of_iteration(path, gen_iter)
            if end < path.stat().st_size:
                os.truncate(path, end)
        else:
            if gen_iter:
                log.warning("%s is missing: a new one begins after iteration %d.", path, gen_iter)
            atomic_files.write_bytes(path, _HEADER)
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


def copy_rows(source: Path, target: Path, gen_iter: int) -> None:
    """Begin a branch's file with the rows of the run that it starts from, or warn that it begins without them."""
    if not gen_iter:
        return
    try:
        end = _end_of_iteration(source, gen_iter)
        with source.open("rb") as old, target.open("wb") as new:
            for start in range(0, end, BLOCK):
                new.write(old.read(min(BLOCK, end - start)))
    except (OSError, UserError) as error:
        log.warning("%s begins without the rows of the run before it: %s", target, error)


def _end_of_iteration(path: Path, gen_iter: int) -> int:
    """Return where in the file the row of an iteration ends, having checked every row up to it."""
    with path.open("rb") as file:
        if file.readline(BLOCK) != _HEADER:
            raise UserError(f"{path} has another first line than this version of gluon_wgan writes: {_PUT_BACK}.")
    reader = BlockReader(path)
    last: Optional[float] = None
    end = len(_HEADER)
    for rows, text in reader.blocks():
        iterations = rows[:, COLUMNS.index("gen_iter")]
        kept = int((iterations <= gen_iter).sum())
        expected = (iterations[0] if last is None else last + 1) + np.arange(kept)
        if kept and not (float(iterations[0]).is_integer() and np.array_equal(iterations[:kept], expected)):
            raise UserError(f"{path} does not count its iterations one by one: {_PUT_BACK}.")
        last = float(iterations[kept - 1]) if kept else last
        end = reader.offset
        if kept < len(rows):
            lines = text.splitlines(keepends=True)
            filled = [number for number, line in enumerate(lines) if line.strip()]
            end -= sum(map(len, lines[filled[kept] :]))
            break
    if (last or 0) != gen_iter:
        found = "no rows" if last is None else f"rows up to iteration {last:.0f}"
        raise UserError(f"{path} holds {found}, where the checkpoint stands at iteration {gen_iter}: {_PUT_BACK}.")
    return end


class BlockReader:
    """Reads a growing ``metrics.csv`` block by block, each row once.

    Parameters
    ----------
    path
        The file. A last row without a line end is left for the next time.

    Attributes
    ----------
    offset
        Where in the file the rows read so far end.
    restarts
        How often reading began again from the top, since the file had become another.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset, self.restarts = 0, 0
        self._head: Optional[bytes] = None
        self._line = 1

    def blocks(self) -> Iterator[tuple[np.ndarray, bytes]]:
        """Yield the rows that are new: float64 (n, len(COLUMNS)), and the text that they stood in.

        Raises UserError when the file is missing, is no ``metrics.csv``, or is damaged; the sentence names the line.
        """
        try:
            with open_regular(self.path) as file:
                head = file.readline(BLOCK)
                if head != self._head or file.seek(0, io.SEEK_END) < self.offset:
                    self._begin(head)
                file.seek(self.offset)
                rest = b""
                while block := file.read(BLOCK):
                    block = rest + block
                    text, rest = block[: block.rfind(b"\n") + 1], block[block.rfind(b"\n") + 1 :]
                    # NULs are what a file system puts at the end after a power failure.
                    rest = rest if rest.strip(b"\0") else rest[:1]
                    if len(rest) > BLOCK:
                        raise UserError(f"{self.path} is damaged after line {self._line}: {_PUT_BACK}.")
                    rows = self._parse(text) if text.strip() else None
                    self.offset += len(text)
                    self._line += text.count(b"\n")
                    if rows is not None:
                        yield rows, text
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"Cannot read {self.path} ({reason}): name a run directory that training wrote.") from None

    def _begin(self, head: bytes) -> None:
        names = head.decode("utf-8", "replace").rstrip("\r\n").split(",")
        if not set(COLUMNS) <= set(names) or not head.endswith(b"\n"):
            raise UserError(
                f"{self.path} is not a metrics.csv of this project (its first line lacks "
                f"{next((name for name in COLUMNS if name not in names), 'its end')}): name a run directory that "
                "training wrote."
            )
        self.restarts += self._head is not None
        self._head, self.offset, self._line = head, len(head), 1
        self._places = [names.index(name) for name in COLUMNS]
        self._counts, self._width = [names.index(name) for name in COUNTS], len(names)

    def _parse(self, text: bytes) -> np.ndarray:
        try:
            rows = np.loadtxt(io.BytesIO(text), delimiter=",", ndmin=2, comments=None, encoding="utf-8")
            counts = rows[:, self._counts]
            if rows.shape[1] == self._width and (np.isfinite(counts) & (counts == np.floor(counts))).all():
                return rows[:, self._places]
        except ValueError:
            pass  # the line is found below
        for number, line in enumerate(text.split(b"\n"), self._line + 1):
            cells = line.split(b",")
            try:
                numbers = [float(cell) for cell in cells if line.strip()]
                sound = not numbers or all(numbers[place].is_integer() for place in self._counts)
            except (ValueError, IndexError):
                sound = False
            if not sound or (line.strip() and len(cells) != self._width):
                raise UserError(f"{self.path} is damaged at line {number}: {_PUT_BACK}.")
        raise UserError(f"{self.path} is damaged: {_PUT_BACK}.")


_PUT_BACK = "put the file back as the run wrote it, or move it away and continue without its rows"


def read_metrics(path: Path) -> dict[str, list[float]]:
    """Read a ``metrics.csv`` as one list for each column, all empty when it does not exist.

    A last row that a kill left unfinished is ignored.
    """
    blocks = [rows for rows, _ in BlockReader(path).blocks()] if path.exists() else []
    rows = np.concatenate([np.empty((0, len(COLUMNS))), *blocks])
    return {name: rows[:, place].tolist() for place, name in enumerate(COLUMNS)}
