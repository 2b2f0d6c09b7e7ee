"""The Python interface: what ``import gluon_wgan`` offers beside its classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mxnet import Context

from gluon_wgan import compat
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.data import aliasing_options
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.reports.compare_runs import RunSummary, summarise, write_comparison
from gluon_wgan.reports.comparison import open_sides
from gluon_wgan.reports.resize_page import write_report
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.resize_parity.comparison_report import compare_backends
from gluon_wgan.resize_parity.output import as_finite_json
from gluon_wgan.resize_parity.plan import make_plan
from gluon_wgan.training import trainer
from gluon_wgan.utils.new_folder import new_folder
from gluon_wgan.utils.untrusted import AnyPath


def train(
    config: Union[TrainConfig, str, None] = None,
    *,
    resume: str | os.PathLike[str] | None = None,
    branch: str | os.PathLike[str] | None = None,
    contexts: Optional[Sequence[Context]] = None,
    progress: bool = True,
    **options: Any,
) -> Path:
    """Train a WGAN and return its run directory.

    Parameters
    ----------
    config
        Everything that decides the run: a TrainConfig, or the name of a preset (default: ``"gluon"``).
    resume
        A run directory to continue, bit for bit; ``config`` may then differ from that run's own in how
        long to train and how often to save and draw, and in the machine's options, but in nothing else.
    branch
        A run directory or a checkpoint in one, whose weights, optimizers, random numbers and data order the new run
        continues from as far as ``config`` lets them; the same as ``branch`` in ``config``.
    contexts
        Devices to use instead of those that ``config.gpus`` names.
    progress
        Whether to show progress bars on stderr.
    options
        Single options in place of those of ``config``: ``train("demo", gen_iters=100)``.

    Raises
    ------
    UserError
        For bad input, a full disk, a run directory in use.
    Diverged
        When a loss is not finite; the state is saved under ``checkpoints/nonfinite_*``.
    Interrupted
        After Ctrl-C, SIGTERM or SIGHUP, once everything is saved.
    """
    if isinstance(config, TrainConfig):
        config = config.replace(**options) if options else config
    else:
        config = preset_config(config or options.pop("preset", TrainConfig.preset), **options)
    return trainer.train(config, resume=resume, branch=branch, contexts=contexts, progress=progress, page=RunPage)


def compare(
    runs: Sequence[AnyPath], *, out: Optional[AnyPath] = None, redraw: bool = False, noise_seed: Optional[int] = None
) -> list[RunSummary]:
    """Compare runs, which may still be training and differ in length.

    Parameters
    ----------
    runs
        Run directories.
    out
        Where to write the page with curves, samples, metrics and differing options; None writes none.
    redraw
        Draw the page's samples anew from the checkpoints, from one set of latents.
    noise_seed
        Which latents that is; implies ``redraw``.

    Returns
    -------
    list of RunSummary
        One for each run, in the order given.

    Raises
    ------
    UserError
        When a run is named twice or cannot be read, or ``out`` holds something else than such a page.
    """
    sides = open_sides([Path(run) for run in runs])
    if out is not None:
        write_comparison(sides, Path(out), redraw=redraw, noise_seed=noise_seed)
    return summarise(sides)


def compare_resizes(
    images: Union[AnyPath, Sequence[AnyPath]],
    *,
    sizes: Sequence[int] = aliasing_options.SIZES,
    backends: Sequence[str] = tuple(BACKENDS),
    against: str = aliasing_options.AGAINST,
    crop: Optional[tuple[int, int, int, int]] = None,
    fit: str = TrainConfig.fit,
    exclude: Sequence[str] = (),
    bit_depth: Optional[int] = None,
    enlarge: bool = False,
    jobs: Optional[int] = None,
    out: Optional[AnyPath] = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Compare how resize backends treat images, and whether it matters to a GAN.

    Parameters
    ----------
    images
        What training reads: a folder, list, archive, database or image file, or several of them.
    sizes
        Heights and widths to resize to, in pixels.
    backends
        Names as in ``--resize``.
    against
        The backend that the others are compared with.
    crop, fit, exclude, bit_depth
        As the options of training of the same names.
    enlarge
        Whether to compare them also when they enlarge.
    jobs
        Processes; default: one a core.
    out
        A new folder for the report (``parity.html``, ``parity.csv``, ``parity.json``); None writes none.
    progress
        Whether to show a progress bar on stderr.

    Returns
    -------
    dict
        What ``parity.json`` holds: the verdict, and under ``cases``, for each size and backend, whether it aliases and
        how far its pixels are from those of ``against``. None stands for infinite and for unknown.

    Raises
    ------
    UserError
        For bad input.
    """
    named = [images] if isinstance(images, (str, os.PathLike)) else images
    plan = make_plan(
        [os.fspath(path) for path in named],
        sizes=sizes,
        backends=backends,
        against=against,
        crop=crop,
        fit=fit,
        exclude=exclude,
        bit_depth=bit_depth,
        enlarge=enlarge,
    )
    findings, report = compare_backends(
        plan, jobs=jobs or compat.usable_cores(), progress=progress, command="gluon_wgan.compare_resizes"
    )
    if out is not None:
        with new_folder(Path(out)) as folder:
            write_report(folder, findings, report, figures=False)
    return as_finite_json(report)
