"""Evaluate a generator's images, or any images, against real ones, or against the statistics of some for FID."""

from __future__ import annotations

import glob
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from mxnet import Context, cpu

from gluon_wgan import compat
from gluon_wgan.errors import UserError
from gluon_wgan.generators.image_folder import training_images
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.load import LoadedGenerator, open_generator
from gluon_wgan.generators.sampler import Sampler
from gluon_wgan.metrics import all_metrics, fid, given_images, image_sets
from gluon_wgan.metrics.all_metrics import METRICS, MIN_IMAGES, NEEDS_FEATURES, MetricValue
from gluon_wgan.metrics.confidence_intervals import Estimate
from gluon_wgan.metrics.evaluation_options import MAX_SEED, EvaluationOptions
from gluon_wgan.metrics.face_rate import FaceFinder
from gluon_wgan.metrics.features import INCEPTION, RANDOM, FeatureNetwork, fetch_inception, load_features
from gluon_wgan.metrics.image_sets import ChosenImages, ImageArray, StoredImages, image_array
from gluon_wgan.runs.checkpoints import DESCRIPTION

Images = Union[str, os.PathLike[str], np.ndarray]


def evaluate(
    samples: Images, real: Optional[Images] = None, *, ctx: Optional[Context] = None, **options: Any
) -> dict[str, MetricValue]:
    """Evaluate samples against real images.

    Parameters
    ----------
    samples
        A run directory, a checkpoint, or images: a prepared store, a ``.npy`` or ``.npz`` array, a folder, list,
        archive or database of images, or an array in memory, uint8 or float (n, 3, size, size) or (n, size, size, 3).
    real
        Real images, in the same forms; default: those that the run was trained on.
    ctx
        The device of the generator and the feature network; default: the CPU.
    options
        ``metrics`` (names among swd, fid, kid, prdc, is, faces; default: all that the features allow), ``num`` (images
        of each kind, at most), ``seed``, ``batch_norm`` (``"batch"`` or ``"running"``), ``ema``, ``features``
        (``"random"``, ``"inception"``, or a classifier of gluoncv's zoo), ``weights``, ``download``, ``resize_rule``
        (``"clean"``, ``"legacy"``, ``"pytorch"``), ``cascade``, ``exclude``, ``bit_depth``, ``progress``: as the
        flags of ``gluon-wgan evaluate``, with its defaults.

    Returns
    -------
    dict of str to MetricValue
        Each metric by its name, such as ``"swd"`` or ``"precision"``, with ``value``, 95 % interval and baseline.
        Nothing is written into the run directory.

    Raises
    ------
    UserError
        For bad input.
    """
    wanted = {"metrics": None, **options}
    if wanted["metrics"] is not None and not isinstance(wanted["metrics"], str):
        wanted["metrics"] = ",".join(wanted["metrics"])
    try:
        chosen = EvaluationOptions(**wanted)
    except TypeError as error:
        raise UserError(f"evaluate() has no such option ({error}).") from None
    evaluation = Evaluation.of(samples, real, chosen, cpu() if ctx is None else ctx)
    return {value.metric: value for value in evaluation.values()}


def check_options(options: EvaluationOptions) -> tuple[str, ...]:
    """Return the metrics that the options ask for; UserError when they ask for what cannot be computed."""
    if options.num < MIN_IMAGES:
        raise UserError(f"--num {options.num} images are too few: use {MIN_IMAGES} or more.")
    if not 0 <= options.seed <= MAX_SEED:
        raise UserError(f"--seed {options.seed} is out of range: use 0 to {MAX_SEED}.")
    if options.metrics is None:
        names = [name for name in METRICS if name != "is" or options.features != RANDOM]
    else:
        names = [name for name in options.metrics.split(",") if name]
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise UserError(f"--metrics {options.metrics!r} is none of {', '.join(METRICS)}: name some, with commas.")
    if options.features == RANDOM and "is" in names:
        raise UserError("The random network has no classes: give --features inception for the Inception score.")
    if options.weights is not None and options.features == RANDOM:
        raise UserError("--weights are for --features inception or a classifier's name: give that, too.")
    return tuple(names)


@dataclass
class Evaluation:
    """Two sets of images, and how they are compared.

    Attributes
    ----------
    network, finder
        What the metrics need; None where none of them does.
    about
        What every line of ``evaluation.jsonl`` says of the protocol.
    evaluated
        What it says of the images that are evaluated.
    """

    options: EvaluationOptions
    metrics: tuple[str, ...]
    real: ChosenImages
    fake: ChosenImages
    store: StoredImages
    network: Optional[FeatureNetwork]
    finder: Optional[FaceFinder]
    about: dict[str, Any] = field(default_factory=dict)
    evaluated: dict[str, Any] = field(default_factory=dict)
    run: Optional[Path] = None

    @classmethod
    def of(cls, samples: Images, real: Optional[Images], options: EvaluationOptions, context: Context) -> Evaluation:
        """Open both sides, and draw the images that a generator has to draw."""
        metrics = check_options(options)
        ours, theirs = _as_input(samples), None if real is None else _as_input(real)
        trained = None if isinstance(ours, ImageArray) else open_if_generator(ours, options)
        given, store = _open_images(ours, theirs, trained, options)
        network, finder = load_network(metrics, options, context), None
        if "faces" in metrics:
            finder = FaceFinder(options.cascade)
        if trained is not None:
            size = trained.config.image_size
            all_metrics.check_shapes(store.images.shape[1:], (trained.config.nc, size, size))
        chosen = image_sets.some_of(store, options.num, options.seed, "real")
        about = {"real": image_sets.description(store), "seed": options.seed}
        evaluated: dict[str, Any] = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        if trained is None:
            assert given is not None
            fake = image_sets.some_of(given, options.num, options.seed, "other")
            evaluated["store"] = image_sets.description(given)
        else:
            fake, about["batch_norm"] = draw_images(trained, options, context)
            evaluated["checkpoint"] = None if trained.folder is None else trained.folder.name
            evaluated["weights"] = trained.weights.name
            evaluated["weights_sha256"] = trained.sha256
            if options.ema:
                about["ema"] = trained.config.ema
        all_metrics.check_counts(chosen, fake)
        run = None if trained is None else trained.run
        return cls(options, metrics, chosen, fake, store, network, finder, about, evaluated, run)

    def values(self) -> Iterator[MetricValue]:
        """Yield each metric's value as soon as it is computed."""
        real, fake, seed, progress = self.real, self.fake, self.options.seed, self.options.progress
        if "swd" in self.metrics:
            yield from all_metrics.sliced(real, fake, seed=seed, threads=compat.usable_cores(), progress=progress)
        if self.network is not None:
            ones, others = (all_metrics.features_of(self.network, images, progress) for images in (real, fake))
            about = self.network.protocol
            if "fid" in self.metrics:
                yield from all_metrics.frechet_distance(ones.values, others.values, about)
            if "kid" in self.metrics:
                yield from all_metrics.kernel_distance(ones.values, others.values, seed, about)
            if "prdc" in self.metrics:
                yield from all_metrics.neighbourhoods(ones.values, others.values, about)
            if "is" in self.metrics:
                yield from all_metrics.classifier_score(ones, others, about)
        if self.finder is not None:
            yield from all_metrics.face_rate(real, fake, self.finder, progress)


def load_network(metrics: tuple[str, ...], options: EvaluationOptions, context: Context) -> Optional[FeatureNetwork]:
    """Return the feature network, or None where no metric needs features."""
    if not set(metrics) & set(NEEDS_FEATURES):
        return None
    weights = options.weights
    if options.download and options.features == INCEPTION and weights is None:
        weights = str(fetch_inception())
    return load_features(options.features, weights=weights, rule=options.resize_rule, context=context)


def draw_images(trained: LoadedGenerator, options: EvaluationOptions, context: Context) -> tuple[ChosenImages, str]:
    """Return images that a generator draws, and which statistics its batch norm used."""
    sampler = Sampler(trained.generator, options.batch_norm, context)
    latents = draw_groups(options.seed, trained.config.nz, trained.config.latent)
    return image_sets.draw(sampler, latents, options.num, options.progress), sampler.batch_norm


def open_if_generator(path: Path, options: EvaluationOptions) -> Optional[LoadedGenerator]:
    """Return the generator in a run directory, checkpoint or converted folder, or None for images."""
    holds_generator = any((path / name).exists() for name in ("checkpoints", "config.json", DESCRIPTION))
    if options.ema and not holds_generator:
        raise UserError(f"{path} holds no generator, so none that is averaged: leave --ema out.")
    return open_generator(path, ema=options.ema) if holds_generator else None


def _as_input(images: Images) -> Union[Path, ImageArray]:
    return image_array(images, "the array") if isinstance(images, np.ndarray) else Path(images)


def _open_images(
    samples: Union[Path, ImageArray],
    real: Union[Path, ImageArray, None],
    trained: Optional[LoadedGenerator],
    options: EvaluationOptions,
) -> tuple[Optional[StoredImages], StoredImages]:
    """Return the images that are to be evaluated, unless a generator draws them, and the real ones."""
    if trained is not None:
        if real is None:
            return None, training_images(trained, None)
        return None, given_images.like_run(real, trained.config, options)
    if isinstance(samples, Path) and not samples.exists() and not glob.has_magic(str(samples)):
        raise UserError(f"{samples} does not exist: name a run directory, a checkpoint, or images.")
    if real is None:
        name = samples.path if isinstance(samples, ImageArray) else samples
        raise UserError(
            f"{name} holds no generator: name a run directory or a checkpoint, or say with --real IMAGES what images "
            "to compare it with."
        )
    return given_images.pair(samples, real, options)


def concerns_statistics(samples: Path, real: Optional[Path]) -> bool:
    """Return whether one side is a file of FID statistics."""
    return any(fid.holds_statistics(path) for path in (samples, real) if path is not None)


def save_statistics(
    samples: Path, real: Optional[Path], out: Path, options: EvaluationOptions, context: Context
) -> str:
    """Write the FID statistics of images to a new file, and return what was written."""
    if real is not None:
        raise UserError("--save-stats compares nothing: leave --real out, and give the new file to the next command.")
    if out.exists():
        raise UserError(f"{out} exists already: choose another name for --save-stats.")
    _refuse_other_metrics(options)
    found, about = _gaussian(samples, options, context)
    fid.write_statistics(out, found)
    return f"{out}: mean and covariance of {len(found[0])} features; {about}."


def compare_statistics(
    samples: Path, real: Optional[Path], options: EvaluationOptions, context: Context
) -> dict[str, Any]:
    """Return the FID as a line of ``evaluation.jsonl``."""
    _refuse_other_metrics(options)
    if real is None:
        raise UserError(f"{samples} holds FID statistics: say with --real what to compare them with.")
    one, about = _gaussian(samples, options, context)
    other, about_real = _gaussian(real, options, context)
    if len(one[0]) != len(other[0]):
        raise UserError(
            f"{samples} has {len(one[0])} features and {real} {len(other[0])}: FID compares those of one network, "
            "usually --features inception."
        )
    distance = Estimate(fid.distance_of_gaussians(one, other), math.nan, math.nan)
    value = MetricValue("fid", distance, None, {"source": about, "real": about_real})
    return all_metrics.as_line(value, {}, {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _refuse_other_metrics(options: EvaluationOptions) -> None:
    if options.metrics not in (None, "fid"):
        raise UserError(f"--metrics {options.metrics} needs images: of FID statistics only fid can be computed.")
    check_options(options)


def _gaussian(path: Path, options: EvaluationOptions, context: Context) -> tuple[fid.Gaussian, str]:
    """Return mean and covariance of what a path names, and what they are."""
    if fid.holds_statistics(path):
        return fid.read_statistics(path), f"statistics in {path}"
    network = load_network(("fid",), options, context)
    assert network is not None
    trained = open_if_generator(path, options)
    if trained is None:
        store = given_images.own_size(path, options)
        images = image_sets.some_of(store, options.num, options.seed, "given")
    else:
        images, _ = draw_images(trained, options, context)
    if len(images) < 2:
        raise UserError(f"{path} holds {len(images)} image, of which there is no covariance: give 2 or more.")
    about = network.protocol
    found = fid.statistics(values for values, _ in network.extract(images)).gaussian()
    return found, f"{len(images)} images of {path}, {about['features']}, resize {about['resize']}"
