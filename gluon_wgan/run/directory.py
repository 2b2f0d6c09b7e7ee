"""The run directory: where everything lies, made once and never overwritten."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from gluon_wgan.config import TrainConfig, read_config
from gluon_wgan.data.atomic import flush_to_disk
from gluon_wgan.errors import UserError
from gluon_wgan.run import atomic
from gluon_wgan.utils.folders import remove_stale_files

RUNS = Path("runs")


class RunDirectory:
    """Paths inside one run directory.

    Parameters
    ----------
    path
        The directory, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.json"
        self.environment_file = path / "environment.json"
        self.data_file = path / "data.json"
        self.metrics_file = path / "metrics.csv"
        self.log_file = path / "log.txt"
        self.curves_file = path / "curves.png"
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"
        self.tensorboard = path / "tensorboard"

    @classmethod
    def create(cls, config: TrainConfig) -> RunDirectory:
        """Make a new run directory and write ``config.json`` into it.

        Raises
        ------
        UserError
            When ``config.out`` exists already with something in it, or cannot be made.
        """
        try:
            path = _claim(Path(config.out)) if config.out is not None else _claim_next_number()
            run = cls(path)
            run.samples.mkdir()
            run.checkpoints.mkdir()
            atomic.write_json(run.config_file, config.to_json())
            flush_to_disk(path.parent)
        except OSError as error:
            raise UserError(f"Cannot make the run directory ({error}): give another with --out.") from None
        return run

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """Open an existing run directory.

        Raises
        ------
        UserError
            When it is not one.
        """
        run = cls(path)
        if not run.config_file.is_file():
            raise UserError(f"{path} is not a run directory (it has no config.json): name one to resume.")
        run.samples.mkdir(exist_ok=True)
        run.checkpoints.mkdir(exist_ok=True)
        return run

    def config(self) -> TrainConfig:
        """Return the configuration that the run was started with."""
        return read_config(self.config_file)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training into the same directory meanwhile.

        Raises
        ------
        UserError
            When another process holds it.
        """
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(
                    f"Another process is training into {self.path}: wait for it, or give another --out."
                ) from None
            for folder in (self.path, self.samples, self.checkpoints):
                remove_stale_files(folder)
            yield


def refuse_taken(out: Optional[str]) -> None:
    """Refuse a new run directory that holds something already.

    Raises
    ------
    UserError
        Naming it.
    """
    if out is None or not os.path.lexists(out) or (os.path.isdir(out) and not os.listdir(out)):
        return
    raise UserError(f"--out {out} exists already: give another name, or continue that run with --resume {out}.")


def _claim(path: Path) -> Path:
    """Make a directory that must not hold anything yet."""
    refuse_taken(str(path))
    path.mkdir(parents=True, exist_ok=True)
    return path


def _claim_next_number(parent: Optional[Path] = None) -> Path:
    """Make the next free numbered directory, also when several runs start at once."""
    parent = RUNS if parent is None else parent
    parent.mkdir(parents=True, exist_ok=True)
    numbers = [int(entry.name) for entry in parent.iterdir() if entry.name.isdigit()]
    number = max(numbers, default=0)
    while True:
        number += 1
        path = parent / f"{number:04d}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
