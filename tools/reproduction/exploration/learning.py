"""Section on learning: sample quality, and whether the critic's curve tracks it."""

from __future__ import annotations

import numpy as np

from gluon_wgan.data.store import open_store
from tools.reproduction.drawing import COLOURS, new_figure, save_panels, save_svg
from tools.reproduction.effects import rank_correlation
from tools.reproduction.evaluation import draw_samples
from tools.reproduction.exploration.material import BASE, Material
from tools.reproduction.markdown import image, table
from tools.reproduction.plan import Run

LONG = "long"
CURVES, SAMPLES, BEST = "learning-curves.svg", "learning-samples.png", "learning-best.png"
_SHOWN = 32


def tables(material: Material) -> dict[str, str]:
    """Return the tables of this section, and its figures' places."""
    run, best = _longest(material), best_moment(material)
    return {
        "learning-curves": image(
            CURVES, material.address, f"{run.what}: the critic's estimate, filtered, and SWD to held-out images"
        ),
        "learning-table": _table(material, run),
        "learning-correlation": _correlations(material, run),
        "learning-samples": image(SAMPLES, material.address, "Samples from the same noise as training goes on"),
        "learning-best": image(
            BEST,
            material.address,
            f"Real images, and samples of the checkpoint with the least SWD ({best:,} iterations)",
        ),
    }


def draw(material: Material) -> None:
    """Draw the figures of this section."""
    run = _longest(material)
    task = material.task(run.name)
    _draw_curves(material, run)
    some = (
        run.moments
        if len(run.moments) <= 4
        else [run.moments[round(share * (len(run.moments) - 1))] for share in (0, 0.3, 0.6, 1)]
    )
    panels = [(f"{iteration:,} generator iterations", draw_samples(task, iteration, _SHOWN)) for iteration in some]
    save_panels(material.folder / SAMPLES, panels)
    best = best_moment(material)
    images = open_store(task.store).images
    real = np.asarray(images.take(np.arange(min(2 * _SHOWN, len(images))), 0))
    save_panels(
        material.folder / BEST,
        [("real", real), (f"samples, {best:,} iterations", draw_samples(task, best, 2 * _SHOWN))],
    )


def best_moment(material: Material) -> int:
    """Return the iteration of the longest run with the least SWD."""
    moments, values = material.results.curve(_longest(material).name, "swd")
    return moments[int(np.argmin(values))]


def correlation(material: Material, run: Run, seed: int) -> float:
    """Return the rank correlation of the critic's estimate with SWD over a run's moments."""
    estimate, swd = (material.results.curve(run.name, quantity, seed)[1] for quantity in ("w_estimate", "swd"))
    return rank_correlation(estimate, swd)


def correlated(material: Material) -> list[tuple[Run, int]]:
    """Return the runs and seeds that have moments enough for a rank correlation.

    The base run's seeds that the longest run has too are its beginning, and count once.
    """
    longest = _longest(material)
    return [
        (run, seed)
        for run in {run.name: run for run in (longest, *material.runs([BASE]))}.values()
        for seed in run.seeds
        if len(run.moments) > 3 and (run is longest or seed not in longest.seeds)
    ]


def _longest(material: Material) -> Run:
    return material.plan.runs.get(LONG, material.plan.runs[BASE])


def _table(material: Material, run: Run) -> str:
    head = ["generator iterations", "w_estimate", "SWD", "SWD at 32 px", "SWD at 16 px", "Frechet"]
    rows = []
    for iteration in run.moments:
        cells = (
            material.results.value(run.name, name, iteration)
            for name in ("w_estimate", "swd", "swd_32", "swd_16", "frechet")
        )
        rows.append([f"{iteration:,}", *(f"{cell:.3g}" for cell in cells)])
    return table(head, rows)


def _correlations(material: Material, run: Run) -> str:
    found = [
        [one.what, seed, len(one.moments), f"{correlation(material, one, seed):.2f}"]
        for one, seed in correlated(material)
    ]
    return table(["run", "seed", "checkpoints", "rank correlation of w_estimate with SWD"], found)


def _draw_curves(material: Material, run: Run) -> None:
    figure, (axis,) = new_figure(1)
    iterations, estimate = material.losses[f"{run.name}-seed{run.seeds[0]}"]
    axis.plot(iterations, estimate, color=COLOURS[0], linewidth=1.2)
    axis.set_xlabel("generator iterations")
    axis.set_ylabel("w_estimate (-Loss_D), log scale", color=COLOURS[0])
    axis.set_yscale("log")
    other = axis.twinx()
    other.grid(False)
    other.spines["top"].set_visible(False)
    other.plot(*material.results.curve(run.name, "swd"), "o-", color=COLOURS[1])
    other.set_ylabel("SWD to held-out images, log scale", color=COLOURS[1])
    other.set_yscale("log")
    save_svg(figure, material.folder / CURVES)
