"""What a run directory tells of its run, as far as it can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import numbers_in
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.untrusted import object_or_empty, read_json_lines, read_json_object

EVALUATIONS = "evaluation.jsonl"
REPORT = "report.html"
_SAMPLE = re.compile(r"(?:fake|ema)_(\d+)\.png")


@dataclass(frozen=True)
class RunRecord:
    """A run directory, read anew each time, whether the run has ended or not; UserError when it is no run directory."""

    run: RunDirectory
    values: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        path = self.run.path
        if not path.is_dir():
            raise UserError(f"{path} is not a folder: name a run directory, such as runs/0001.")
        if not any(path.iterdir()):
            raise UserError(f"{path} is an empty folder: name a run directory, such as runs/0001.")
        if not self.run.config_file.is_file():
            raise UserError(f"{path} is not a run directory (it has no config.json): name one, such as runs/0001.")
        try:
            values = read_json_object(self.run.config_file)
        except (OSError, ValueError) as error:
            raise UserError(f"Cannot read {self.run.config_file} ({error}): put it back as the run wrote it.") from None
        object.__setattr__(self, "values", values)

    @property
    def name(self) -> str:
        """What people call the run: the last part of its path."""
        return self.run.path.resolve().name

    @cached_property
    def config(self) -> Optional[TrainConfig]:
        """The configuration, None when this version of the package cannot make it."""
        try:
            return TrainConfig.from_json(self.values)
        except (UserError, TypeError):
            return None

    @property
    def filter_width(self) -> int:
        """Width of the median filter of the run's curves, in iterations."""
        return (self.config or TrainConfig()).curve_filter

    @property
    def data(self) -> dict[str, Any]:
        """``data.json``, empty when it is missing or unreadable."""
        return object_or_empty(self.run.data_file)

    def sessions(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the environment of the run's beginning and of each continuation, oldest first."""
        later = sorted(self.run.path.glob("environment_*.json"), key=lambda path: numbers_in(path.stem))
        found = [("from the beginning", object_or_empty(self.run.environment_file))]
        found += [(f"from {path.stem.replace('environment_', '', 1)}", object_or_empty(path)) for path in later]
        return [(words, values) for words, values in found if values]

    def samples(self, kind: str = "fake") -> list[tuple[int, Path]]:
        """Return iteration and file of each grid of samples, in order; of kind ``"ema"``, the averaged generator's."""
        found = ((_SAMPLE.fullmatch(path.name), path) for path in self.run.samples.glob(f"{kind}_*.png"))
        return sorted((int(match[1]), path) for match, path in found if match)

    def real(self) -> Optional[Path]:
        """Return the grid of real images, None without one."""
        path = self.run.samples / "real.png"
        return path if path.is_file() else None

    def evaluations(self) -> tuple[list[dict[str, Any]], int]:
        """Return the objects in ``evaluation.jsonl``, oldest first, and how many lines could not be read."""
        try:
            return read_json_lines(self.run.path / EVALUATIONS)
        except FileNotFoundError:
            return [], 0
        except (OSError, ValueError):
            return [], 1
