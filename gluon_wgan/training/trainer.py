"""Training with MXNet: from a configuration to a finished run directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mxnet import Context

from gluon_wgan import cuda
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.devices import choose_contexts
from gluon_wgan.driver import describe_gpus
from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import Progress, list_checkpoints
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.step_results import CriticScores, Pending
from gluon_wgan.training.branching import CarriedOver, find_branch_point
from gluon_wgan.training.carry_over import carry_over
from gluon_wgan.training.checkpoint import restore_checkpoint, save_checkpoint
from gluon_wgan.training.distributed.kvstore import KVStoreExchange
from gluon_wgan.training.exchange import Exchange, PartnerLost
from gluon_wgan.training.loop import PageFactory
from gluon_wgan.training.resuming import DEFAULT_PROGRAM, device_class, latest_environment
from gluon_wgan.training.run_training import open_run, train_in
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import seeding


def train(
    config: TrainConfig,
    *,
    resume: str | os.PathLike[str] | None = None,
    branch: str | os.PathLike[str] | None = None,
    contexts: Optional[Sequence[Context]] = None,
    progress: bool = True,
    page: Optional[PageFactory] = None,
) -> Path:
    """Train a WGAN and return its run directory: see :func:`gluon_wgan.train`.

    ``page`` makes the page of the run; None writes none.
    """
    if branch is not None:
        if resume is not None:
            raise UserError("branch starts a new run and resume continues one: give one of them.")
        config = config.replace(branch=os.fspath(branch))
    if config.branch is not None and resume is None:
        # The checkpoint itself, since a run's newest one may soon be another.
        config = config.replace(branch=str(find_branch_point(Path(config.branch)).checkpoint))
    run = open_run(config, None if resume is None else Path(resume), GluonEngine.program)
    built = config
    if config.branch is not None or (run is not None and list_checkpoints(run.checkpoints)):
        # A checkpoint replaces the weights that the run began with, which may have been moved away since.
        built = config.replace(net_g=None, net_d=None)
    devices = list(contexts) if contexts is not None else _choose(config, run)
    return train_in(run, config, lambda: GluonEngine(built, devices), progress=progress, page=page)


def _choose(config: TrainConfig, run: Optional[RunDirectory]) -> list[Context]:
    """Return the devices that a configuration names; a run that was on a GPU does not fall back to the CPU."""
    if config.gpus and cuda.is_installed():
        cuda.set_arithmetic(tf32=config.tf32, fast=config.fast)
    required = config.require_gpu
    if config.gpus and run is not None and not config.accept_other_device:
        required = required or device_class(latest_environment(run)) == "GPU"
    return choose_contexts(config.gpus, required, tf32=config.tf32, fast=config.fast)


class GluonEngine(WGAN):
    """A WGAN on its devices with its checkpoints, as :class:`gluon_wgan.training.engine.Engine` describes it."""

    program, can_branch = DEFAULT_PROGRAM, True

    def __init__(self, config: TrainConfig, contexts: list[Context]) -> None:
        exchange = Exchange(len(contexts))
        if config.kvstore is not None:
            exchange = KVStoreExchange(contexts, config.kvstore, config.worker_timeout, config.start_timeout)
        super().__init__(config, contexts, exchange)
        self.devices = list(map(str, contexts))
        gpus = [context.device_id for context in contexts if context.device_type == "gpu"]
        self.about: dict[str, Any] = {**(describe_gpus(gpus) if gpus else {}), **exchange.about}

    def critic_step(self, real: np.ndarray, count: Optional[int] = None) -> Pending[CriticScores]:
        """Let the critic take one step."""
        with self._undone_if_lost():
            return super().critic_step(real, count)

    def generator_step(self) -> Pending[float]:
        """Let the generator take one step."""
        with self._undone_if_lost():
            return super().generator_step()

    @contextlib.contextmanager
    def _undone_if_lost(self) -> Iterator[None]:
        """Go back to the beginning of a step when another process is lost in it; the weights are still as they were."""
        before = [(rng, seeding.state_of(rng)) for rng in (self.noise, self.alphas)]
        try:
            yield
        except PartnerLost:
            for rng, state in before:
                seeding.restore_state(rng, state)
            self.running.rewind()
            raise

    def save(self, parent: Path, name: str, progress: Progress) -> Path:
        """Write a checkpoint."""
        return save_checkpoint(parent, name, self, progress)

    def restore(self, path: Path) -> Progress:
        """Go on from a checkpoint."""
        return restore_checkpoint(path, self)

    def carry_over(self, path: Path, parent: TrainConfig) -> tuple[Progress, CarriedOver]:
        """Start from a checkpoint of another run."""
        return carry_over(path, self, parent)
