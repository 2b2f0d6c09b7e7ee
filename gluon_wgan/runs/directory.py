"""The run directory: where everything lies, made once and never overwritten."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError, last_line, remedy, shell_word
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.atomic_folders import flush_to_disk
from gluon_wgan.utils.folders import remove_stale_files
from gluon_wgan.utils.locks import take_lock

RUNS = Path("runs")
# What `create` makes before config.json, which marks a run that can be resumed.
_PARTS = ("samples", "checkpoints")
_HALF_WRITTEN = re.compile(r"\.config\.json\.\d+\.tmp")


class RunDirectory:
    """Paths inside one run directory, which exists."""

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
    def create(cls, config: TrainConfig, data: dict[str, Any]) -> RunDirectory:
        """Make a new run directory and write ``config.json`` and ``data.json`` into it.

        Raises
        ------
        UserError
            When ``config.out`` exists already with something in it, or cannot be made; nothing is left of it then.
        """
        existed = config.out is not None and os.path.isdir(config.out)
        path: Optional[Path] = None
        try:
            path = _claim(Path(config.out)) if config.out is not None else _claim_next_number()
            run = cls(path)
            run.samples.mkdir(exist_ok=True)
            run.checkpoints.mkdir(exist_ok=True)
            atomic_files.write_json(run.config_file, config.to_json())
            atomic_files.write_json(run.data_file, data)
            flush_to_disk(path.parent)
        except OSError as error:
            if path is not None:
                _remove_unstarted(cls(path), existed)
            raise UserError(
                f"Cannot make the run directory ({last_line(error)}): {remedy(error, 'give another with --out')}."
            ) from None
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
        try:
            run.samples.mkdir(exist_ok=True)
            run.checkpoints.mkdir(exist_ok=True)
        except OSError as error:
            otherwise = f"resume a copy of it (cp -r {shell_word(path)} COPY)"
            raise UserError(f"Cannot write into {path} ({last_line(error)}): {remedy(error, otherwise)}.") from None
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
        with open(self.path / ".lock", "a") as file:
            try:
                take_lock(file)
            except BlockingIOError:
                raise UserError(
                    f"Another process is training into {self.path}: wait for it, or give another --out."
                ) from None
            for folder in (self.path, self.samples, self.checkpoints):
                remove_stale_files(folder)
            yield


def refuse_taken(out: Optional[str]) -> None:
    """Refuse a new run directory that holds something already, except what a start left that was killed at once.

    Raises UserError naming it.
    """
    if out is None or not os.path.lexists(out) or (os.path.isdir(out) and _is_unstarted(Path(out))):
        return
    remedies = "give another name"
    if (Path(out) / "config.json").is_file():
        remedies += f", or continue that run with --resume {shell_word(out)}"
    raise UserError(f"--out {out} exists already: {remedies}.")


def _is_unstarted(path: Path) -> bool:
    """Whether a directory holds nothing but what `create` makes before ``config.json``."""
    return all(_HALF_WRITTEN.fullmatch(entry.name) or _is_empty_part(entry) for entry in path.iterdir())


def _is_empty_part(entry: Path) -> bool:
    return entry.name in _PARTS and entry.is_dir() and not entry.is_symlink() and not any(entry.iterdir())


def _remove_unstarted(run: RunDirectory, existed: bool) -> None:
    """Remove what `create` has made of a run directory, and the directory unless it was there before."""
    with contextlib.suppress(OSError):
        run.config_file.unlink(missing_ok=True)
        for name in _PARTS:
            (run.path / name).rmdir()
        if not existed:
            run.path.rmdir()


def _claim(path: Path) -> Path:
    """Make a directory that must not hold anything yet."""
    refuse_taken(str(path))
    path.mkdir(parents=True, exist_ok=True)
    for entry in path.iterdir():
        if _HALF_WRITTEN.fullmatch(entry.name):
            entry.unlink()
    return path


def _claim_next_number() -> Path:
    """Make the next free numbered directory, also when several runs start at once."""
    RUNS.mkdir(parents=True, exist_ok=True)
    numbers = [int(entry.name) for entry in RUNS.iterdir() if entry.name.isdigit()]
    number = max(numbers, default=0)
    while True:
        number += 1
        path = RUNS / f"{number:04d}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
