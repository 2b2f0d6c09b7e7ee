"""``metrics.csv`` as arrays, read on from where the last look ended."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Optional

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.run.metrics import COLUMNS, read_metrics


class MetricsReader:
    """Reads a growing ``metrics.csv``, each row once.

    A run of 400,000 iterations takes two seconds to parse, which a page that is written again at every sample
    cannot spend.

    Parameters
    ----------
    path
        The file. A last row without a line end is left for the next look.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._head: Optional[bytes] = None
        self._blocks: list[np.ndarray] = []

    def read(self) -> dict[str, np.ndarray]:
        """Return every whole row so far: one float64 array (rows,) for each column of the file.

        Raises
        ------
        UserError
            When the file is missing, is no ``metrics.csv``, or is damaged; the sentence names the line.
        """
        try:
            self._read_on()
        except OSError as error:
            raise UserError(
                f"Cannot read {self.path} ({error.strerror or error}): name a run directory that training wrote."
            ) from None
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        rows = self._blocks[0] if self._blocks else np.empty((0, len(COLUMNS)))
        return {name: rows[:, place] for place, name in enumerate(COLUMNS)}

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            head = file.readline()
            if head != self._head or file.seek(0, io.SEEK_END) < self._offset:
                self._begin(head)
            file.seek(self._offset)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        if text.strip():
            self._blocks.append(self._parse(text))
        self._offset += len(text)

    def _begin(self, head: bytes) -> None:
        names = head.decode("utf-8", "replace").rstrip("\r\n").split(",")
        if not set(COLUMNS) <= set(names) or not head.endswith(b"\n"):
            raise UserError(
                f"{self.path} is not a metrics.csv of this project (its first line lacks "
                f"{next((name for name in COLUMNS if name not in names), 'its end')}): name a run directory that "
                "training wrote."
            )
        self._head, self._offset, self._blocks = head, len(head), []
        self._places = [names.index(name) for name in COLUMNS]

    def _parse(self, text: bytes) -> np.ndarray:
        try:
            return np.loadtxt(
                io.BytesIO(text), delimiter=",", usecols=self._places, ndmin=2, comments=None, encoding="utf-8"
            )
        except ValueError:
            read_metrics(self.path)  # slower, but it names the line
            raise UserError(f"{self.path} is damaged: put the file back as the run wrote it.") from None
