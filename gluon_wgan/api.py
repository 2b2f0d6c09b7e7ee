"""The Python interface: what ``import gluon_wgan`` offers beside its classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mxnet import Context

from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.training import trainer


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
