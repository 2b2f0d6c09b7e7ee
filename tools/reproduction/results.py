"""Result files: small CSVs in which every number of the report is a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from gluon_wgan.errors import UserError
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import read_table


@dataclass(frozen=True, order=True)
class Row:
    """One number.

    Attributes
    ----------
    run
        The run's name in the plan, or ``data-...`` for real images.
    seed
        The run's seed; 0 for real images.
    gen_iter
        Generator iterations trained.
    quantity
        What was measured, such as ``swd``.
    value
        The number, rounded to seven digits, so that reading a file again gives the row that was written.
    """

    run: str
    seed: int
    gen_iter: int
    quantity: str
    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(f"{self.value:.7g}"))


COLUMNS = [field.name for field in fields(Row)]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, sorted, in one step."""
    write_table(path, COLUMNS, [[*astuple(row)[:-1], f"{row.value:.7g}"] for row in sorted(rows)])


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write any table as CSV, in one step."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_bytes(path, text.getvalue().encode())


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises
    ------
    UserError
        When it cannot be read.
    """
    try:
        return [
            Row(row["run"], int(row["seed"]), int(row["gen_iter"]), row["quantity"], float(row["value"]))
            for _, row in read_table(path, COLUMNS)
        ]
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read the results {path} ({error}): make them again.") from None


class Results:
    """The rows of a plan, and the questions that a report asks of them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = sorted(rows)
        self._values = {(row.run, row.seed, row.gen_iter, row.quantity): row.value for row in self.rows}

    def value(self, run: str, quantity: str, gen_iter: int, seed: int = 0) -> float:
        """Return one number; a KeyError if there is none."""
        return self._values[run, seed, gen_iter, quantity]

    def by_seed(self, run: str, quantity: str, gen_iter: int) -> dict[int, float]:
        """Return a quantity after so many iterations of each seed that has it."""
        return {
            row.seed: row.value
            for row in self.rows
            if (row.run, row.quantity, row.gen_iter) == (run, quantity, gen_iter)
        }

    def curve(self, run: str, quantity: str, seed: int = 0) -> tuple[list[int], list[float]]:
        """Return the iterations at which a quantity was measured, ascending, and the numbers."""
        rows = [row for row in self.rows if (row.run, row.quantity, row.seed) == (run, quantity, seed)]
        return [row.gen_iter for row in rows], [row.value for row in rows]
