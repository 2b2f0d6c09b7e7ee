"""Several runs beside one another: what is the same, what differs, and how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.config.checks import flag_of, without_effect
from gluon_wgan.config.train_config import MACHINE, TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.runs.curves import ELAPSED, RAW, RunCurves
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.evaluations import MetricText, differing, newest
from gluon_wgan.runs.run_record import RunRecord
from gluon_wgan.utils.formatting import UNKNOWN, duration, exact, number, plain

# Where a run lies says nothing of what it did.
_PLACES = ("out", "cache_dir")
BINS = 1000
"""Most points along a run's curve."""
MACHINE_FLAGS = {flag_of(field.name) for field in fields(TrainConfig) if field.metadata["kind"] == MACHINE}
"""Options of the machine, which change no result."""


@dataclass(frozen=True)
class Side:
    """One of the runs compared; its name is as much of its path as tells it from the others."""

    name: str
    record: RunRecord
    curves: RunCurves

    @property
    def iterations(self) -> int:
        """Generator iterations so far."""
        return int(self.curves.recent[-1, RAW.index("gen_iter")]) if self.curves.rows else 0

    @property
    def seconds(self) -> float:
        """Training time so far."""
        return float(self.curves.recent[-1, RAW.index(ELAPSED)]) if self.curves.rows else 0.0


def open_sides(paths: Sequence[Path]) -> list[Side]:
    """Read the runs; UserError when one is named twice or cannot be read, naming it."""
    whole = [path.resolve() for path in paths]
    for place, path in enumerate(whole):
        if path in whole[:place]:
            raise UserError(f"{paths[place]} is named twice: name each run once.")
    records = [RunRecord(RunDirectory(path)) for path in paths]
    width = max((record.filter_width for record in records), default=TrainConfig.curve_filter)
    return [
        Side(name, record, RunCurves(record.run.metrics_file, width, BINS).update())
        for name, record in zip(short_names(whole), records)
    ]


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return the last parts of each path, as many as tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=0)
    for count in range(1, longest + 1):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def differing_options(sides: Sequence[Side]) -> list[tuple[str, list[str]]]:
    """Return the options in which the runs differ: flag, and each run's value as text.

    A dash stands for a value that had no effect in its run.
    """
    idle = [without_effect(side.record.config) if side.record.config is not None else set() for side in sides]
    found = []
    for name, values in differing_values(sides).items():
        used = [UNKNOWN if name in unused else value for unused, value in zip(idle, values)]
        if len(set(map(exact, used))) > 1:
            found.append((flag_of(name), list(map(plain, used))))
    return found


def differing_values(sides: Sequence[Side]) -> dict[str, list[Any]]:
    """Return the options in which the runs differ: name, and each run's value."""
    names = dict.fromkeys(name for side in sides for name in side.record.values if name not in _PLACES)
    table = {name: [side.record.values.get(name, UNKNOWN) for side in sides] for name in names}
    return {name: values for name, values in table.items() if len(set(map(exact, values))) > 1}


def results(sides: Sequence[Side], width: int) -> list[tuple[str, list[str]]]:
    """Return how the runs did: name, and each run's value as text; losses: medians of the last `width` iterations."""
    last = [last_values(side, width) for side in sides]
    return [
        ("generator iterations", [f"{side.iterations:,}{_goal(side.record.values)}" for side in sides]),
        ("training time", [duration(side.seconds) for side in sides]),
        ("images a second", [number(values["images_per_second"]) for values in last]),
        ("Wasserstein estimate", [number(values["w_estimate"]) for values in last]),
        ("generator's loss", [number(values["loss_g"]) for values in last]),
    ]


def evaluations(sides: Sequence[Side]) -> list[tuple[str, list[Optional[MetricText]], list[str]]]:
    """Return the newest value of each metric: its name, each run's, and where the protocols differ."""
    tables = [newest(side.record.evaluations()[0]) for side in sides]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = []
    for name in names:
        values = [table.get(name) for table in tables]
        rows.append((name, values, sorted(differing([value for value in values if value is not None]))))
    return rows


def same_noise(sides: Sequence[Side]) -> Optional[str]:
    """Return None if the runs' samples come from the same latents, else a sentence that says why not."""
    for name, words in (("seed", "seeds"), ("nz", "lengths of the latents")):
        values = [side.record.values.get(name) for side in sides]
        if len({exact(value) for value in values}) > 1:
            listed = ", ".join(map(plain, values))
            return f"The samples of these runs come from different latents, since their {words} differ ({listed})."
    return None


def filter_width(sides: Sequence[Side]) -> int:
    """Return the width of the median filter for all curves: the widest of the runs' own."""
    return max((side.curves.width for side in sides), default=TrainConfig.curve_filter)


def _goal(values: dict[str, Any]) -> str:
    until = values.get("gen_iters")
    return f" of {until:,}" if isinstance(until, int) else ""


def last_values(side: Side, width: int) -> dict[str, Optional[float]]:
    """Return the medians of a run's last iterations: images a second, the estimate and the generator's loss."""
    found = {}
    for name in ("images_per_second", "w_estimate", "loss_g"):
        values = side.curves.recent[-width:, RAW.index(name)]
        values = values[np.isfinite(values)]
        found[name] = float(np.median(values)) if len(values) else None
    return found
