"""Measures of a run's end beside the distances: color and contrast, other sampling noises, curve instability.

docs/preregistration.md defines them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gluon_wgan.data.store import open_store
from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.runs.metrics_csv import read_metrics
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import read_json_object
from tools.reproduction.evaluation import BASELINE_RESIZE, Evaluator, draw_samples, shifts
from tools.reproduction.results import Row
from tools.reproduction.split import HELD_OUT, store_path
from tools.reproduction.training import Task

FORMAT = 1
"""Of the kept measurements; another number makes them anew."""
OTHER_NOISES = (1, 2)
WARMED_UP = 25
"""Generator iterations that are left out of the curve's instability, for they may have more critic steps."""
EARLY_END, EARLY_FILTER = 225, 25
CURVE_FILTER = 101


def end_measures(evaluator: Evaluator, task: Task) -> Iterator[Row]:
    """Measure a trained run at its last generator iteration; what was measured before is read.

    Yields
    ------
    Row
        ``color_shift``, ``contrast_shift``, ``swd_noise1`` and ``swd_noise2``, and of -Loss_D ``curve_noise``,
        ``curve_variation`` and ``early_noise``.
    """
    iteration = task.run.moments[-1]
    found = {**_of_samples(evaluator, task, iteration), **_of_curve(task)}
    for quantity, value in found.items():
        yield Row(task.run.name, task.seed, iteration, quantity, value)


def instability(curve: np.ndarray, width: int) -> tuple[float, float]:
    """Return a curve's noise and total variation.

    Parameters
    ----------
    curve
        float (iterations,).
    width
        Of the median filter.

    Returns
    -------
    noise
        Median distance of the curve from the filtered one, over the filtered one's median size.
    variation
        Sum of the filtered curve's absolute changes, over its range; 1 for a curve that only rises or falls.
    """
    filtered = median_filtered(curve, width)
    span = float(np.ptp(filtered))
    noise = float(np.median(np.abs(curve - filtered)) / np.median(np.abs(filtered)))
    return noise, float(np.abs(np.diff(filtered)).sum()) / span if span else 1.0


def _of_curve(task: Task) -> dict[str, float]:
    if task.config.objective == "dcgan":
        return {}
    metrics = read_metrics(task.path / "metrics.csv")
    end = min(1000, task.run.moments[-1])
    if end <= WARMED_UP:
        return {}
    estimate, steps = (np.array(metrics[name][:end]) for name in ("w_estimate", "critic_steps"))
    plain = (np.arange(end) >= WARMED_UP) & (steps <= task.config.n_critic)
    if not plain.any():
        return {}
    noise, variation = instability(estimate[plain], CURVE_FILTER)
    early, _ = instability(estimate[:EARLY_END][plain[:EARLY_END]], EARLY_FILTER)
    return {"curve_noise": noise, "curve_variation": variation, "early_noise": early}


def _of_samples(evaluator: Evaluator, task: Task, iteration: int) -> dict[str, float]:
    path = evaluator.out / "measured" / f"{task.path.name}-end.json"
    store = open_store(store_path(evaluator.out, HELD_OUT, BASELINE_RESIZE))
    key = {
        "format": FORMAT,
        "held_out": store.content_sha256,
        "judged": evaluator.plan.judged,
        "generator": atomic_files.sha256_of(task.checkpoint(iteration) / "generator.params"),
    }
    try:
        kept = read_json_object(path, non_finite=True)
        if kept["key"] == key:
            return kept["found"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    held_out = np.asarray(store.images.take(np.arange(len(store)), 0))
    found = shifts(draw_samples(task, iteration, evaluator.plan.judged), held_out)
    for noise in OTHER_NOISES:
        images = draw_samples(task, iteration, evaluator.plan.judged, noise=noise)
        found[f"swd_noise{noise}"] = evaluator.distances(images, BASELINE_RESIZE)["swd"]
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {"key": key, "found": found})
    return found
