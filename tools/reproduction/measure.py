"""Everything that is measured on a plan's runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.runs.metrics_csv import read_metrics
from tools.reproduction.early_steps import watch_all
from tools.reproduction.evaluation import BASELINE_RESIZE, Evaluator, evaluate_all, evaluate_images, evaluate_task
from tools.reproduction.measures import end_measures
from tools.reproduction.pace import measure_paces
from tools.reproduction.plan import Plan
from tools.reproduction.results import Row, read_rows, write_rows
from tools.reproduction.training import Task

_POINTS = 250
"""Of a curve in the result files: as many as a figure can show."""


@dataclass(frozen=True)
class Measured:
    """What the report is made of.

    Attributes
    ----------
    rows
        Every number.
    starts
        -loss_d at each critic step of the watched starts, by the name of run and seed.
    losses
        Generator iterations and ``w_estimate`` under the curves' median filter, of each run with such an estimate.
    """

    rows: list[Row]
    starts: dict[str, list[float]]
    losses: dict[str, tuple[list[int], list[float]]]


class RowWriter:
    """Writes the rows of each run to a small file of its own as soon as the run is trained.

    Parameters
    ----------
    plan, out
        What is measured, and the folder in whose ``rows/`` the files go.
    resizes
        The backends whose real images are measured first.
    """

    def __init__(self, plan: Plan, out: Path, resizes: Sequence[str]) -> None:
        self._evaluator, self._folder = Evaluator.of(plan, out), out / "rows"
        for resize in resizes:
            write_rows(self._folder / f"data-{resize}.csv", evaluate_images(self._evaluator, [resize]))

    def write(self, task: Task) -> None:
        """Measure a trained run and write its rows."""
        rows = [*evaluate_task(self._evaluator, task), *end_measures(self._evaluator, task)]
        write_rows(_rows_file(task, self._folder.parent), rows)


def rows_only(task: Task, out: Path) -> bool:
    """Whether a run was trained and measured elsewhere: its rows are here, and its run directory is not."""
    return not task.path.exists() and _rows_file(task, out).is_file()


def rows_of(tasks: Sequence[Task], out: Path) -> list[Row]:
    """Return the rows that were kept of some runs."""
    return [row for task in tasks for row in read_rows(_rows_file(task, out))]


def _rows_file(task: Task, out: Path) -> Path:
    return out / "rows" / f"{task.path.name}.csv"


def measure(plan: Plan, tasks: Sequence[Task], watched: Sequence[Task], out: Path) -> Measured:
    """Evaluate trained runs, watch starts and, for a report, take times; what was measured before is read."""
    starts, curves = watch_all(watched, out)
    resizes = sorted({task.run.resize for task in tasks} | ({BASELINE_RESIZE} if tasks else set()))
    if starts:
        write_rows(out / "rows" / f"starts-{plan.name}.csv", starts)
    rows: list[Row] = []
    if tasks:
        evaluator = Evaluator.of(plan, out)
        rows = [
            *evaluate_all(evaluator, tasks, resizes),
            *(row for task in tasks for row in end_measures(evaluator, task)),
        ]
    timed = list({task.run.name: task for task in reversed(tasks)}.values()) if plan.report else []
    paces = measure_paces(timed, out) if timed else []
    losses = {task.path.name: _losses(task) for task in tasks if task.config.objective != "dcgan"}
    return Measured(sorted([*starts, *rows, *paces]), curves, losses)


def _losses(task: Task) -> tuple[list[int], list[float]]:
    estimate = read_metrics(task.path / "metrics.csv")["w_estimate"][: task.run.moments[-1]]
    filtered = median_filtered(np.array(estimate), TrainConfig.curve_filter)
    every = max(1, len(filtered) // _POINTS)
    places = range(0, len(filtered), every)
    return [place + 1 for place in places], [float(f"{filtered[place]:.5g}") for place in places]
