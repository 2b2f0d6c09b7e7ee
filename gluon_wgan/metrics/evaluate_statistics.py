"""FID where one side is a file of statistics, and writing such a file; part of ``tools/evaluate.py``."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from gluon_wgan.errors import UserError
from gluon_wgan.metrics.fid_statistics import Gaussian, holds_statistics, read_statistics, write_statistics

if TYPE_CHECKING:
    from gluon_wgan.metrics.features import FeatureNetwork
    from gluon_wgan.metrics.image_sets import ChosenImages

OpenSide = Callable[[Path], "tuple[ChosenImages, FeatureNetwork]"]


def about_statistics(arguments: argparse.Namespace) -> bool:
    """Return whether a command reads or writes a file of statistics."""
    given = [path for path in (arguments.source, arguments.real) if path is not None]
    return arguments.save_stats is not None or any(map(holds_statistics, given))


def check_statistics(arguments: argparse.Namespace) -> None:
    """Refuse what statistics cannot tell, and make FID the only metric.

    Raises
    ------
    UserError
        With what to do.
    """
    if arguments.metrics not in (None, "fid"):
        raise UserError(f"--metrics {arguments.metrics} needs images: of FID statistics only fid can be computed.")
    if arguments.save_stats is not None and arguments.real is not None:
        raise UserError("--save-stats compares nothing: leave --real out, and give the new file to the next command.")
    if arguments.save_stats is not None and arguments.save_stats.exists():
        raise UserError(f"{arguments.save_stats} exists already: choose another name for --save-stats.")
    if arguments.save_stats is None and arguments.real is None:
        raise UserError(f"{arguments.source} holds FID statistics: say with --real what to compare them with.")
    arguments.metrics = "fid"


def compare_statistics(arguments: argparse.Namespace, open_side: OpenSide) -> None:
    """Print the FID, or write the file that ``--save-stats`` names.

    Parameters
    ----------
    arguments
        The command line, after `check_statistics`.
    open_side
        From a path that holds no statistics to its images and the network.

    Raises
    ------
    UserError
        For bad input.
    """
    from gluon_wgan.metrics import fid
    from gluon_wgan.metrics.all_metrics import Figure
    from gluon_wgan.metrics.confidence_intervals import Estimate
    from gluon_wgan.metrics.result_lines import HEAD, as_line, as_row

    one, about = _gaussian(arguments.source, open_side)
    if arguments.save_stats is not None:
        write_statistics(arguments.save_stats, one)
        print(f"{arguments.save_stats}: mean and covariance of {len(one[0])} features; {about}.")
        return
    other, about_real = _gaussian(arguments.real, open_side)
    if len(one[0]) != len(other[0]):
        raise UserError(
            f"{arguments.source} has {len(one[0])} features and {arguments.real} {len(other[0])}: FID compares those "
            "of one network, usually --features inception."
        )
    value = Estimate(fid.distance_of_gaussians(one, other), math.nan, math.nan)
    figure = Figure("fid", value, None, {"source": about, "real": about_real})
    line = as_line(figure, {}, {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")})
    if not arguments.json:
        print(HEAD)
    print(json.dumps(line) if arguments.json else as_row(line), flush=True)


def _gaussian(path: Path, open_side: OpenSide) -> tuple[Gaussian, str]:
    """Return mean and covariance of what a path names, and what they are."""
    from gluon_wgan.metrics import fid

    if holds_statistics(path):
        return read_statistics(path), f"statistics in {path}"
    images, network = open_side(path)
    if len(images) < 2:
        raise UserError(f"{path} holds {len(images)} image, of which there is no covariance: give 2 or more.")
    about = network.protocol
    found = fid.statistics(values for values, _ in network.extract(images)).gaussian()
    return found, f"{len(images)} images of {path}, {about['features']}, resize {about['resize']}"
