"""FID where one side is a file of statistics, and writing such a file."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Optional

from mxnet import Context

from gluon_wgan.errors import UserError
from gluon_wgan.metrics import fid, given_images, image_sets
from gluon_wgan.metrics.all_metrics import MetricValue, as_line
from gluon_wgan.metrics.confidence_intervals import Estimate
from gluon_wgan.metrics.evaluation import check_options, draw_images, load_network, open_if_generator
from gluon_wgan.metrics.evaluation_options import EvaluationOptions
from gluon_wgan.metrics.fid import Gaussian, holds_statistics, read_statistics, write_statistics


def concerns_statistics(samples: Path, real: Optional[Path]) -> bool:
    """Return whether one side is a file of FID statistics."""
    return any(holds_statistics(path) for path in (samples, real) if path is not None)


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
    write_statistics(out, found)
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
    return as_line(value, {}, {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _refuse_other_metrics(options: EvaluationOptions) -> None:
    if options.metrics not in (None, "fid"):
        raise UserError(f"--metrics {options.metrics} needs images: of FID statistics only fid can be computed.")
    check_options(options)


def _gaussian(path: Path, options: EvaluationOptions, context: Context) -> tuple[Gaussian, str]:
    """Return mean and covariance of what a path names, and what they are."""
    if holds_statistics(path):
        return read_statistics(path), f"statistics in {path}"
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
