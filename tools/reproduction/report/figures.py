"""The report's figures of distances and detail, from rows alone, and its samples, from checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from gluon_wgan.data.store import open_store
from tools.reproduction.confirmation import END, MARGIN_SWD, Evidence, backend_of
from tools.reproduction.drawing import COLOURS, new_figure, save_panels, save_svg
from tools.reproduction.evaluation import draw_samples
from tools.reproduction.inference import Contrast
from tools.reproduction.plan import BASE
from tools.reproduction.results import Results
from tools.reproduction.training import Task

EFFECTS, RESIZE, TRACKING, SAMPLES = "effects.svg", "resize.svg", "tracking.svg", "samples.png"
RESIZED = (BASE, "pil-bicubic", "cv2-area", "cv2-bilinear", "cv2-bicubic")
SAMPLED = (BASE, "cv2-area", "cv2-bilinear", "cv2-bicubic")
_COMPARED = (
    ("2a", "cv2-bilinear", BASE),
    ("3a", "cv2-bicubic", "cv2-bilinear"),
    ("3c", "cv2-area", "cv2-bilinear"),
    ("4a", "no-warmup", BASE),
    ("4b", "init-mxnet", BASE),
    ("4c", "clip-after", BASE),
    ("4d", "clip-0005", BASE),
    ("4e", "clip-002", BASE),
    ("4f", "bn-unclipped", BASE),
    ("4g", "warmup-only", "no-warmup"),
    ("4h", "boost-only", "no-warmup"),
    ("6", "port2018", "reference"),
)
"""Rows of the preregistration that are differences of SWD between two runs on portraits."""
_ON_PHOTOGRAPHS = (
    ("2p", "cv2-bilinear", BASE),
    ("3p", "cv2-bicubic", "cv2-bilinear"),
    ("3q", "cv2-area", "cv2-bilinear"),
)
_AT_EQUAL_ITERATIONS = ("4g", "4h")
_WITH_MARGIN = ("3a", "3p", "4c", "6")


class Effect(NamedTuple):
    """A difference of SWD, as the figure shows it: its label, one difference for each seed, and the model's."""

    label: str
    seeds: list[float]
    model: Contrast


def effects(portraits: Results, photographs: Results) -> list[Effect]:
    """Return the differences of SWD that have been measured, in the order of the preregistration."""
    on_portraits = _measured(Evidence(portraits), _COMPARED)
    return [*on_portraits, *_measured(Evidence(photographs), _ON_PHOTOGRAPHS, ", photographs")]


def _measured(evidence: Evidence, compared: Sequence[tuple[str, str, str]], where: str = "") -> Iterator[Effect]:
    for name, run, base in compared:
        equal_steps = name not in _AT_EQUAL_ITERATIONS
        ours, theirs = (evidence.values(one, "swd", equal_steps=equal_steps) for one in (run, base))
        try:
            model, _ = evidence.difference(run, base, "swd", equal_steps=equal_steps)
        except (KeyError, ValueError):
            continue
        seeds = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
        yield Effect(f"{name}  {run} - {base}{where}", seeds, model)


def draw_effects(found: Sequence[Effect], path: Path) -> None:
    """Draw every difference on a line of its own: the seeds as dots, the model's mean and 95 % interval over them."""
    figure, (axis,) = new_figure(height=1 + 0.42 * len(found))
    axis.axvline(0, color="black", linewidth=0.8)
    for place, effect in enumerate(found):
        mean = effect.model.estimate
        if effect.label.split()[0] in _WITH_MARGIN:
            axis.fill_between([-MARGIN_SWD, MARGIN_SWD], place - 0.5, place + 0.5, color="gray", alpha=0.2, linewidth=0)
        axis.plot([mean.low, mean.high], [place + 0.15] * 2, color=COLOURS[1], linewidth=3)
        axis.plot([mean.value], [place + 0.15], "D", color=COLOURS[1], markersize=6)
        axis.plot(effect.seeds, [place - 0.15] * len(effect.seeds), "o", color=COLOURS[0], alpha=0.5, markersize=5)
    axis.set_yticks(range(len(found)), [effect.label for effect in found])
    axis.set_ylim(len(found) - 0.5, -0.5)
    axis.set_xlabel("difference of SWD (left of 0: the first is closer to the held-out images)")
    save_svg(figure, path)


def draw_resize(results: Results, path: Path) -> None:
    """Draw each backend's distances, and the detail of samples against that of their training images."""
    figure, (left, right) = new_figure(2)
    runs = [run for run in RESIZED if results.by_seed(run, "swd", END)]
    for place, (run, color) in enumerate(zip(runs, COLOURS)):
        backend = backend_of(run)
        _dots(left, place, list(results.by_seed(run, "swd", END).values()), color)
        left.plot([place], [results.value(f"data-{backend}", "swd", 0)], "x", color="black", markersize=8)
        detail = list(results.by_seed(run, "detail", END).values())
        data = results.value(f"data-{backend}", "detail", 0)
        right.plot([data] * len(detail), detail, "o", color=color, alpha=0.6, label=backend)
    left.plot([], [], "x", color="black", label="real training images")
    left.plot([], [], "o", color="gray", label="samples, one seed")
    left.plot([], [], color="gray", linewidth=2, label="samples, mean")
    left.set_xticks(range(len(runs)), [backend_of(run) for run in runs], rotation=20)
    left.set_ylabel("SWD to held-out pil-bilinear images")
    left.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8, loc="upper left")
    ends = right.get_ylim()
    right.plot(ends, ends, color="gray", linewidth=1, linestyle=":", label="as much as the images")
    right.set_xlabel("detail of the training images (mean |Laplacian|, levels)")
    right.set_ylabel("detail of the samples")
    right.legend(frameon=False, fontsize=8, loc="upper left")
    save_svg(figure, path)


def _dots(axis: Axes, place: int, values: Sequence[float], color: str) -> None:
    axis.plot([place] * len(values), values, "o", color=color, alpha=0.6)
    axis.plot([place - 0.25, place + 0.25], [float(np.mean(values))] * 2, color=color, linewidth=2)


def draw_tracking(results: Results, path: Path) -> None:
    """Draw the critic's estimate against SWD over the checkpoints of every seed, and the changes of both."""
    figure, (left, right) = new_figure(2)
    for seed in sorted(results.by_seed(BASE, "swd", END)):
        (iterations, estimate), (_, distance) = (results.curve(BASE, name, seed) for name in ("w_estimate", "swd"))
        left.plot(estimate, distance, "-", color=COLOURS[0], alpha=0.25)
        left.scatter(estimate, distance, c=iterations, cmap="viridis", s=14, zorder=3)
        right.scatter(np.diff(estimate), np.diff(distance), c=iterations[1:], cmap="viridis", s=14)
    left.set_xscale("log")
    left.set_yscale("log")
    for axis, ticks in ((left.xaxis, (0.01, 0.02, 0.04)), (left.yaxis, (20, 30, 40, 60, 80))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
    left.set_xlabel("w_estimate (-Loss_D), filtered, log scale")
    left.set_ylabel("SWD to held-out images, log scale")
    left.set_title("a line for each seed; dark is early")
    right.axhline(0, color="black", linewidth=0.8)
    right.xaxis.set_major_locator(MaxNLocator(5))
    right.set_xlabel("change of w_estimate from the checkpoint before")
    right.set_ylabel("change of SWD")
    right.set_title("changes; dark is early")
    save_svg(figure, path)


def draw_panels(
    tasks: Sequence[Task],
    seed: int,
    path: Path,
    names: Sequence[str] = SAMPLED,
    iteration: int = END,
    grid: tuple[int, int] = (2, 8),
) -> bool:
    """Draw real images and samples of some runs beside each other, if all of them are there.

    Parameters
    ----------
    tasks
        The runs in a folder that tools/reproduce.py was given as ``--out``.
    names, seed, iteration
        Which of them, and after how many generator iterations.
    grid
        Rows and columns of images in each panel.

    Returns
    -------
    bool
        Whether they were.
    """
    wanted = {task.run.name: task for task in tasks if task.seed == seed and task.checkpoint(iteration).is_dir()}
    if not wanted.keys() >= set(names):
        return False
    panels, count = [], grid[0] * grid[1]
    for task in (wanted[name] for name in names):
        images = open_store(task.store).images
        panels.append((f"real, {task.run.resize}", np.asarray(images.take(np.arange(min(count, len(images))), 0))))
        panels.append((f"samples, trained on {task.run.resize}", draw_samples(task, iteration, count)))
    save_panels(path, panels, columns=grid[1])
    return True
