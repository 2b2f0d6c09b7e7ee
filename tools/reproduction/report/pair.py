"""The write-up's own comparison, one seed of plans/photographs-64.toml: its table and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.runs.metrics_csv import read_metrics
from tools.reproduction.confirmation import backend_of
from tools.reproduction.drawing import COLOURS, label_lines, new_figure, save_svg
from tools.reproduction.effects import number
from tools.reproduction.markdown import table
from tools.reproduction.plan import BASE
from tools.reproduction.results import Results
from tools.reproduction.training import Task

PAIR = "photographs-64"
SAMPLES, CURVES = "pair.png", "pair-curves.svg"
RUNS = (BASE, "cv2-bilinear")
SEED = 0
_COLUMNS = (("SWD", "swd"), ("Frechet", "frechet"), ("detail", "detail"), ("estimate", "w_estimate"))
_POINTS = 500


def iterations(results: Results) -> list[int]:
    """Return the generator iterations at which both runs were evaluated, ascending."""
    found = [set(results.curve(run, "swd", SEED)[0]) for run in RUNS]
    return sorted(found[0] & found[1])


def pair_table(results: Results) -> str:
    """Return the measures of both runs at each evaluated iteration, those of their training images in the first row."""
    head = ["generator iterations", *(f"{name}, {backend_of(run)}" for name, _ in _COLUMNS for run in RUNS)]
    real = [
        number(results.value(f"data-{backend_of(run)}", quantity, 0)) if quantity != "w_estimate" else ""
        for _, quantity in _COLUMNS
        for run in RUNS
    ]
    rows = [["real training images", *real]]
    for iteration in iterations(results):
        values = [results.value(run, quantity, iteration, SEED) for _, quantity in _COLUMNS for run in RUNS]
        rows.append([f"{iteration:,}", *map(number, values)])
    return table(head, rows)


def draw_curves(results: Results, tasks: Sequence[Task], path: Path) -> None:
    """Draw -Loss_D of both runs over the generator iterations, and the detail of their samples."""
    figure, (left, right) = new_figure(2)
    ends: tuple[list[tuple[str, str, float]], ...] = ([], [])
    for task, color in zip(tasks, COLOURS):
        name = backend_of(task.run.name)
        curve = median_filtered(
            np.array(read_metrics(task.path / "metrics.csv")["w_estimate"]), TrainConfig.curve_filter
        )
        every = max(1, len(curve) // _POINTS)
        left.plot(np.arange(1, len(curve) + 1)[::every], curve[::every], color=color)
        ends[0].append((name, color, float(curve[-1])))
        places, detail = results.curve(task.run.name, "detail", SEED)
        right.plot(places, detail, "o-", color=color)
        images = results.value(f"data-{name}", "detail", 0)
        right.axhline(images, color=color, linestyle=":", linewidth=1.2)
        ends[1].append((name, color, detail[-1]))
    left.set_yscale("log")
    left.set_title(f"-Loss_D, median of {TrainConfig.curve_filter}, log scale")
    right.set_ylim(bottom=0)
    right.set_title("detail of the samples; dotted: of the images")
    for axis, labels in zip((left, right), ends):
        axis.set_xlabel("generator iterations")
        label_lines(axis, labels)
    save_svg(figure, path)
