"""Provenance of the numbers: hashes of images, options and weights, and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mxnet import cpu

from gluon_wgan.data.store import open_store
from gluon_wgan.runs.environment import describe_environment
from gluon_wgan.runs.metrics_csv import read_metrics
from gluon_wgan.utils import atomic_files
from tools.reproduction.training import Task, flags_of

COLUMNS = (
    "run",
    "seed",
    "gen_iter",
    "critic_steps",
    "wall_clock_s",
    "options_sha256",
    "images_sha256",
    "generator_sha256",
    "flags",
)
_PLACES = ("data", "out", "cache_dir", "threads", "jobs")
_LASTING = ("python", "platform", "cpu", "cores", "libraries")


def trained_runs(tasks: Sequence[Task]) -> list[list[Any]]:
    """Return a line for each run: how long it took, and the hashes by which another can be told to be the same.

    Returns
    -------
    list
        In the order of `COLUMNS`. ``options_sha256`` is of all options but places and threads;
        ``flags`` are those of ``train_wgan.py`` beside ``--data``, ``--seed`` and ``--out``.
    """
    lines = []
    for task in tasks:
        iteration = task.run.moments[-1]
        metrics = {name: values[:iteration] for name, values in read_metrics(task.path / "metrics.csv").items()}
        lines.append(
            [
                task.run.name,
                task.seed,
                iteration,
                int(sum(metrics["critic_steps"])),
                round(sum(metrics["seconds"])),
                options_sha256(task),
                open_store(task.store).content_sha256,
                atomic_files.sha256_of(task.checkpoint(iteration) / "generator.params"),
                " ".join(flags_of(task.run.options)),
            ]
        )
    return sorted(lines)


def options_sha256(task: Task) -> str:
    """Return the hash of everything that decides a run's numbers but the images."""
    options = {name: value for name, value in task.config.to_json().items() if name not in _PLACES}
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def surroundings(plan_file: Path, label: str, images: int) -> dict[str, Any]:
    """Return what must be said beside all numbers: machine, versions, plan and images."""
    about = describe_environment([cpu()])
    return {
        "plan": plan_file.name,
        "plan_sha256": atomic_files.sha256_of(plan_file),
        "images": label,
        "count": images,
        **{name: about[name] for name in _LASTING},
    }
