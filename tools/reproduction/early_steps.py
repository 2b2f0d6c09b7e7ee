"""Losses, gradients and step sizes of the first iterations of a run, at every critic step.

What `train_wgan.py` does, from the same noise and data, with snapshots between its steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mxnet import cpu
from mxnet.gluon import HybridBlock, Parameter
from tqdm import tqdm

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.batches import BatchStream
from gluon_wgan.data.prepared_data import open_given
from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.training import schedule
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.progress_bars import redraw_seconds
from gluon_wgan.utils.untrusted import read_json_object
from tools.reproduction.results import Row
from tools.reproduction.training import Task

FORMAT = 1
"""Of the kept measurements; another number makes them anew."""
FILTER = TrainConfig.curve_filter
NETS = ("critic", "generator")


def watch_all(tasks: Sequence[Task], out: Path) -> tuple[list[Row], dict[str, list[float]]]:
    """Watch the early steps of runs; what was watched before is read.

    Returns
    -------
    list of Row
        For each start ``loss_sign_changes``, ``loss_travel`` and ``loss_noise`` of `instability`; for each layer of
        either network ``gradient/NET/LAYER`` (the median magnitude of its gradients) and ``step/NET/LAYER`` (the
        mean size of a step of a weight, in learning rates), each the median over the iterations; and
        ``curve_from/OTHER``, the mean distance of its curve from another start's of the same seed, in units of that
        curve's mean size.
    dict
        -loss_d at each critic step, by the name of run and seed.
    """
    rows: list[Row] = []
    curves: dict[str, list[float]] = {}
    for task in tqdm(tasks, desc="Early steps", unit=" runs", dynamic_ncols=True, mininterval=redraw_seconds()):
        kept = _kept(task, out / "measured" / f"start-{task.path.name}.json")
        curves[task.path.name] = kept["curve"]
        found = {**instability(np.array(kept["curve"])), **_medians(kept["looks"])}
        rows += [Row(task.run.name, task.seed, task.run.moments[-1], name, value) for name, value in found.items()]
    return rows + list(_apart(tasks, curves)), curves


def _apart(tasks: Sequence[Task], curves: dict[str, list[float]]) -> Iterator[Row]:
    """Yield how far each curve is from that of every other start with the same seed."""
    for task, other in itertools.permutations(tasks, 2):
        if task.seed == other.seed:
            ours, theirs = (np.array(curves[one.path.name]) for one in (task, other))
            apart = np.abs(ours - theirs).mean() / np.abs(theirs).mean()
            yield Row(task.run.name, task.seed, task.run.moments[-1], f"curve_from/{other.run.name}", float(apart))


def instability(curve: np.ndarray) -> dict[str, float]:
    """Return three numbers for how unsteady a curve of -loss_d is.

    Parameters
    ----------
    curve
        float (critic steps,).

    Returns
    -------
    dict
        Of the curve under the median filter of the paper's figures: ``loss_sign_changes``, how often its slope
        changes its sign per 100 steps, and ``loss_travel``, its total variation in units of its range (1
        for a curve that only rises or falls); and ``loss_noise``, the median distance of the curve from the
        filtered one, in units of the filtered one's median size.
    """
    filtered = median_filtered(curve, FILTER)
    slopes = np.diff(filtered)
    signs = np.sign(slopes[slopes != 0])
    changes = np.count_nonzero(np.diff(signs)) if len(signs) else 0
    span = float(np.ptp(filtered))
    return {
        "loss_sign_changes": 100 * changes / len(curve),
        "loss_travel": float(np.abs(slopes).sum()) / span if span else 1.0,
        "loss_noise": float(np.median(np.abs(curve - filtered)) / np.median(np.abs(filtered))),
    }


def watch(config: TrainConfig, iterations: int) -> dict[str, Any]:
    """Train from the beginning for so many generator iterations, and measure every step.

    Returns
    -------
    dict
        ``curve``: -loss_d at each critic step; ``looks``: for each iteration, from ``gradient/NET/LAYER`` and
        ``step/NET/LAYER`` to what the last step of either network in that iteration gives.
    """
    wgan = WGAN(config, [cpu()])
    curve: list[float] = []
    snapshots: list[dict[str, float]] = []
    start = {"epoch": 0, "position": 0}
    order = (config.batch_size, config.seed, not config.drop_last)
    with BatchStream(open_given(config), *order, start, flip=config.flip) as batches:
        for iteration in range(iterations):
            wanted = schedule.critic_steps(iteration, config)
            for _ in range(wanted - 1):
                curve.append(-wgan.critic_step(next(batches)).read().loss_d)
            before = _clipped(wgan, config)
            curve.append(-wgan.critic_step(next(batches)).read().loss_d)
            snapshot = _snapshot("critic", wgan.critic, before, config.lr_d)
            before = _values(wgan.generator)
            wgan.generator_step().read()
            snapshots.append({**snapshot, **_snapshot("generator", wgan.generator, before, config.lr_g)})
    return {"curve": curve, "looks": snapshots}


def _clipped(wgan: WGAN, config: TrainConfig) -> dict[str, np.ndarray]:
    """Return the critic's weights as its next step starts from them."""
    if config.clip_when == "before":
        wgan.clip_critic()  # what the step does first; a second time it changes nothing
    return _values(wgan.critic)


def _learned(net: HybridBlock) -> Iterator[tuple[str, Parameter]]:
    """Yield the parameters that learn, by the names of the layers that hold them."""
    for name, parameter in net._collect_params_with_prefix().items():
        if parameter.grad_req != "null":
            yield name, parameter


def _values(net: HybridBlock) -> dict[str, np.ndarray]:
    return {name: parameter.data().asnumpy() for name, parameter in _learned(net)}


def _snapshot(kind: str, net: HybridBlock, before: dict[str, np.ndarray], lr: float) -> dict[str, float]:
    found = {}
    for name, parameter in _learned(net):
        steps = np.abs(parameter.data().asnumpy() - before[name]) / lr
        found[f"gradient/{kind}/{name}"] = float(np.median(np.abs(parameter.grad().asnumpy())))
        found[f"step/{kind}/{name}"] = float(steps.mean())
    return found


def _medians(snapshots: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.median([snapshot[name] for snapshot in snapshots])) for name in snapshots[0]}


def _kept(task: Task, path: Path) -> dict[str, Any]:
    """Return what was watched before of the same run, or watch it and keep that."""
    config = task.config
    key = {"format": FORMAT, "pixels": open_given(config).content_sha256, "options": {**config.to_json(), "data": None}}
    try:
        kept = read_json_object(path, non_finite=True)
        if kept["key"] == key:
            return kept["found"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = watch(config, task.run.moments[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {"key": key, "found": found})
    return found
