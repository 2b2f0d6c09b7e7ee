"""Evaluate the checkpoints of a plan's runs against images that no run was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mxnet import cpu
from tqdm import tqdm

from gluon_wgan import compat
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.store import open_store
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.load import open_generator
from gluon_wgan.generators.sampler import Sampler
from gluon_wgan.metrics import fid
from gluon_wgan.metrics.features import RANDOM, FeatureNetwork, load_features
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.metrics.network_resize import RULES
from gluon_wgan.metrics.swd import sliced_wasserstein
from gluon_wgan.runs.curves import median_filtered
from gluon_wgan.runs.metrics_csv import read_metrics
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.progress_bars import redraw_seconds
from gluon_wgan.utils.untrusted import read_json_object
from tools.reproduction.plan import Plan
from tools.reproduction.results import Row
from tools.reproduction.split import HELD_OUT, TRAIN, store_path
from tools.reproduction.training import Task
from tools.reproduction.weights import critic_weights

BASELINE_RESIZE = TrainConfig.resize
"""The backend of the held-out images by which every run is evaluated: Pillow's bilinear, as the authors'."""
NOISE_SEED = 0
"""Of the latents of the evaluated samples, the same for all runs."""
FORMAT = 1
"""Of the kept measurements; another number makes them anew."""


@dataclass
class Evaluator:
    """Compares samples with held-out images.

    Attributes
    ----------
    plan, out
        What is evaluated, and where its images and measurements are.
    network
        What the Frechet distance takes its features from.
    """

    plan: Plan
    out: Path
    network: FeatureNetwork

    @classmethod
    def of(cls, plan: Plan, out: Path) -> Evaluator:
        """Return an evaluator with the random feature network, which needs no download."""
        return cls(plan, out, load_features(RANDOM, weights=None, rule=RULES[0], context=cpu()))

    def distances(self, images: np.ndarray, resize: str) -> dict[str, float]:
        """Return the distances of images, uint8 (n, 3, size, size), to held-out images of one backend."""
        held_out = open_store(store_path(self.out, HELD_OUT, resize)).images
        count = min(len(held_out), len(images))
        real, fake = (
            ChosenImages(some, np.arange(count), label) for some, label in ((held_out, "real"), (images, "fake"))
        )
        found = sliced_wasserstein(real, fake, seed=NOISE_SEED, threads=compat.usable_cores())
        one, other = (fid.statistics(values for values, _ in self.network.extract(some)) for some in (real, fake))
        levels = {f"swd_{side}": level.value for side, level in zip(found.sides, found.levels)}
        return {**levels, "swd": found.mean.value, "frechet": fid.distance(one, other)}


def evaluate_all(evaluator: Evaluator, tasks: Sequence[Task], resizes: Sequence[str]) -> list[Row]:
    """Evaluate every checkpoint of every task, and the real images of every backend; what was evaluated before is read.

    Returns
    -------
    list of Row
        For each iteration ``swd``, ``swd_32`` and so on, ``frechet``, the same against held-out images of the run's
        own backend as ``swd_own`` and ``frechet_own``, ``detail`` (mean absolute 3x3 Laplacian in levels),
        for a run that draws its samples with running statistics the same of such samples as ``swd_running`` and so on,
        ``w_estimate`` and what `critic_weights` gives.
    """
    rows = evaluate_images(evaluator, resizes)
    moments = [(task, iteration) for task in tasks for iteration in task.run.moments]
    for task, iteration in tqdm(
        moments, desc="Evaluating", unit=" checkpoints", dynamic_ncols=True, mininterval=redraw_seconds()
    ):
        rows += _evaluate_iteration(evaluator, task, iteration)
    return rows


def evaluate_images(evaluator: Evaluator, resizes: Sequence[str]) -> list[Row]:
    """Evaluate the real training images of every backend."""
    return [row for resize in resizes for row in _evaluate_real_images(evaluator, resize)]


def evaluate_task(evaluator: Evaluator, task: Task) -> list[Row]:
    """Evaluate every checkpoint of one task; what was evaluated before is read."""
    return [row for iteration in task.run.moments for row in _evaluate_iteration(evaluator, task, iteration)]


def detail(images: np.ndarray) -> float:
    """Return the mean absolute response of the 3x3 Laplacian, in levels, over uint8 (n, channels, height, width)."""
    planes = images.reshape(-1, *images.shape[2:]).astype(np.float32)
    return float(np.mean([np.abs(cv2.Laplacian(plane, cv2.CV_32F)).mean() for plane in planes]))


def shifts(samples: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Return how far two sets of images differ in mean color and in contrast, which a normalised distance does not see.

    Parameters
    ----------
    samples, held_out
        uint8 (n, channels, height, width).

    Returns
    -------
    dict
        ``color_shift``: Euclidean norm of the difference of the channels' means, in levels; ``contrast_shift``: the
        standard deviation over all pixels of a channel, samples over held-out images, minus 1, mean over the channels.
    """
    axes = (0, 2, 3)
    ours, theirs = (images.astype(np.float64) for images in (samples, held_out))
    apart = ours.mean(axis=axes) - theirs.mean(axis=axes)
    contrast = ours.std(axis=axes) / theirs.std(axis=axes)
    return {"color_shift": float(np.linalg.norm(apart)), "contrast_shift": float(contrast.mean() - 1)}


def draw_samples(
    task: Task, iteration: int, count: int, batch_norm: str = "batch", noise: int = NOISE_SEED
) -> np.ndarray:
    """Draw from a checkpoint, from the noise that all runs share or another.

    Parameters
    ----------
    batch_norm
        ``batch``: with the statistics of each batch; ``running``: with those gathered in training.
    noise
        The noise's seed.

    Returns
    -------
    numpy.ndarray
        uint8 (count, 3, size, size).
    """
    trained = open_generator(task.checkpoint(iteration))
    groups = draw_groups(noise, trained.config.nz, trained.config.latent)
    return np.concatenate(list(Sampler(trained.generator, batch_norm, cpu()).draw_first(groups, count)))


def _evaluate_real_images(evaluator: Evaluator, resize: str) -> Iterator[Row]:
    """Evaluate the real training images of a backend as if a generator had drawn them."""
    path = evaluator.out / "measured" / f"data-{resize}.json"
    store = open_store(store_path(evaluator.out, TRAIN, resize))

    def measure() -> dict[str, float]:
        chosen = np.sort(np.random.default_rng(NOISE_SEED).permutation(len(store))[: evaluator.plan.judged])
        images = store.images.take(chosen, 0)
        own = {f"{name}_own": value for name, value in evaluator.distances(images, resize).items()}
        held_out = open_store(store_path(evaluator.out, HELD_OUT, BASELINE_RESIZE)).images
        moved = shifts(images, np.asarray(held_out.take(np.arange(len(held_out)), 0)))
        return {**evaluator.distances(images, BASELINE_RESIZE), **own, "detail": detail(images), **moved}

    # "with" tells these measurements from earlier ones, which lack the shifts.
    key = {"content_sha256": store.content_sha256, "with": "shifts"}
    for quantity, value in _kept(evaluator, path, key, measure).items():
        yield Row(f"data-{resize}", 0, 0, quantity, value)


def _evaluate_iteration(evaluator: Evaluator, task: Task, iteration: int) -> Iterator[Row]:
    path = evaluator.out / "measured" / f"{task.path.name}-{iteration:06d}.json"
    checkpoint = task.checkpoint(iteration)

    def measure() -> dict[str, float]:
        images = draw_samples(task, iteration, evaluator.plan.judged)
        found = {**evaluator.distances(images, BASELINE_RESIZE), "detail": detail(images)}
        if task.run.resize != BASELINE_RESIZE:
            own = evaluator.distances(images, task.run.resize)
            found |= {f"{name}_own": value for name, value in own.items()}
        if task.config.sample_bn == "running":  # as the run itself draws its samples
            images = draw_samples(task, iteration, evaluator.plan.judged, "running")
            running = {**evaluator.distances(images, BASELINE_RESIZE), "detail": detail(images)}
            found |= {f"{name}_running": value for name, value in running.items()}
        return {**found, **critic_weights(task.config, checkpoint)}

    key = {
        "weights_sha256": [atomic_files.sha256_of(checkpoint / name) for name in ("generator.params", "critic.params")]
    }
    found = {**_kept(evaluator, path, key, measure), **_losses(task, iteration)}
    for quantity, value in found.items():
        # The whole histogram only of the end: a row for each of its bins.
        if iteration == task.run.moments[-1] or not quantity.startswith("weights_"):
            yield Row(task.run.name, task.seed, iteration, quantity, value)


def _losses(task: Task, iteration: int) -> dict[str, float]:
    """Return the estimate of the distance at an iteration, filtered as in the paper; empty without one."""
    if task.config.objective == "dcgan":
        return {}
    # A run may have gone on beyond the plan's end, whose rows would reach back through the filter.
    curve = np.array(read_metrics(task.path / "metrics.csv")["w_estimate"][: task.run.moments[-1]])
    return {"w_estimate": float(median_filtered(curve, TrainConfig.curve_filter)[iteration - 1])}


def _kept(evaluator: Evaluator, path: Path, key: dict[str, Any], measure: Any) -> dict[str, float]:
    """Return what was measured before on the same weights and images in the same way, or measure and keep it."""
    held_out = open_store(store_path(evaluator.out, HELD_OUT, BASELINE_RESIZE)).content_sha256
    key = {**key, "format": FORMAT, "held_out": held_out, "judged": evaluator.plan.judged, "noise": NOISE_SEED}
    try:
        kept = read_json_object(path, non_finite=True)
        if kept["key"] == key:
            return kept["found"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(path, {"key": key, "found": found})
    return found
