"""Time of a critic step and of a generator step, so that runs can be compared at equal time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from gluon_wgan.data.prepared_data import open_given
from gluon_wgan.training import schedule
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import read_json_object
from tools.reproduction.results import Row
from tools.reproduction.training import Task

ROUNDS, STEPS = 7, 5


def measure_paces(tasks: Sequence[Task], out: Path) -> list[Row]:
    """Time the runs' steps, taking turns, or read the times that were taken before.

    Returns
    -------
    list of Row
        ``critic_step_ms`` and ``generator_step_ms``, medians of seven rounds of five steps after one round that does
        not count; and for each iteration ``training_s``, what the steps up to it take by these.
    """
    path = out / "measured" / "pace.json"
    key = {task.path.name: task.config.to_json() for task in tasks}
    found = _read(path, key)
    if found is None:
        found = _measure(tasks)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.write_json(path, {"key": key, "found": found})
    rows: list[Row] = []
    for task in tasks:
        critic, generator = found[task.path.name]
        last = task.run.moments[-1]
        rows.append(Row(task.run.name, task.seed, last, "critic_step_ms", 1000 * critic))
        rows.append(Row(task.run.name, task.seed, last, "generator_step_ms", 1000 * generator))
        for iteration in task.run.moments:
            seconds = critic * schedule.critic_steps_until(iteration, task.config) + generator * iteration
            rows.append(Row(task.run.name, task.seed, iteration, "training_s", seconds))
    return rows


def _read(path: Path, key: dict[str, Any]) -> Any:
    try:
        kept = read_json_object(path, non_finite=True)
        return kept["found"] if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _measure(tasks: Sequence[Task]) -> dict[str, list[float]]:
    """Return the seconds of a critic step and of a generator step of each task."""
    nets = {task.path.name: WGAN(task.config, [mx.cpu()]) for task in tasks}
    real = {task.path.name: open_given(task.config).images.take(np.arange(task.config.batch_size), 0) for task in tasks}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in nets}
    for turn in range(-1, ROUNDS):
        for name, net in nets.items():
            critic_step = partial(net.critic_step, real[name])
            taken = (_timed(critic_step, STEPS), _timed(net.generator_step, STEPS))
            if turn >= 0:
                times[name].append(taken)
    return {name: np.median(taken, axis=0).tolist() for name, taken in times.items()}


def _timed(step: Any, count: int) -> float:
    mx.nd.waitall()
    started = time.perf_counter()
    for _ in range(count):
        step().read()
    mx.nd.waitall()
    return (time.perf_counter() - started) / count
