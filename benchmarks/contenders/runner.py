"""The steps of tools/train_reference.py, by its options --precision, --channels-last and --compile."""

from __future__ import annotations

import os
from typing import Callable

import numpy as np
import torch

from benchmarks.contenders.sizes import BATCH, NC, Problem
from gluon_wgan.config.train_config import preset_config
from tools.reference.runner.device import Arithmetic
from tools.reference.runner.engine import ReferenceEngine


def build(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps as they are without options."""
    return _build(problem, Arithmetic("float32", channels_last=False, compiled=False))


def build_channels_last(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps with --channels-last."""
    return _build(problem, Arithmetic("float32", channels_last=True, compiled=False))


def build_compiled(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps with --channels-last --compile."""
    return _build(problem, Arithmetic("float32", channels_last=True, compiled=True))


def build_bfloat16(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps with --channels-last --precision bf16."""
    return _build(problem, Arithmetic("bf16", channels_last=True, compiled=False))


def _build(problem: Problem, arithmetic: Arithmetic) -> tuple[Callable[[], None], Callable[[], None]]:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    size, width = problem.size, problem.width
    config = preset_config("reference", image_size=size, ngf=width, ndf=width, running_var="unbiased")
    engine = ReferenceEngine(config, torch.device("cpu"), arithmetic, {})
    real = np.random.default_rng(0).integers(0, 256, (BATCH, NC, size, size), dtype=np.uint8)

    def critic_step() -> None:
        engine.critic_step(real, BATCH).read()

    def generator_step() -> None:
        engine.generator_step().read()

    return critic_step, generator_step
