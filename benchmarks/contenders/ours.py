"""The critic step and generator step of gluon_wgan."""

from __future__ import annotations

from typing import Callable

import mxnet as mx
import numpy as np

from benchmarks.contenders.sizes import BATCH, NC, Problem
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training.wgan import WGAN


def build(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps."""
    size, width = problem.size, problem.width
    wgan = WGAN(TrainConfig(image_size=size, ngf=width, ndf=width), [mx.cpu()])
    real = np.random.default_rng(0).integers(0, 256, (BATCH, NC, size, size), dtype=np.uint8)

    def critic_step() -> None:
        wgan.critic_step(real).read()
        mx.nd.waitall()

    def generator_step() -> None:
        wgan.generator_step().read()
        mx.nd.waitall()

    return critic_step, generator_step
