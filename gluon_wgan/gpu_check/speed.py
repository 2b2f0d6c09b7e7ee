"""Part g: time and memory of a training step."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import mxnet as mx
import numpy as np
from mxnet import Context

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.gpu_check.rows import Row
from gluon_wgan.training.dry_run import seconds_per_call
from gluon_wgan.training.wgan import WGAN


def measure_steps(contexts: list[Context], mode: str) -> Iterator[Row]:
    """Yield milliseconds a step, images a second and memory: the defaults' networks on a GPU, small ones on a CPU."""
    on_gpu = contexts[0].device_type == "gpu"
    config = TrainConfig() if on_gpu else TrainConfig(image_size=32, ngf=16, ndf=16)
    wgan = WGAN(config, contexts)
    shape = (config.batch_size, config.nc, config.image_size, config.image_size)
    real = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    critic, generator = seconds_per_call(lambda: wgan.critic_step(real)), seconds_per_call(wgan.generator_step)
    name = f"{mode}, {config.image_size}x{config.image_size}, width {config.ngf}, batch {config.batch_size}"
    yield Row(f"{name}: critic step, ms", round(critic * 1000, 2))
    yield Row(f"{name}: generator step, ms", round(generator * 1000, 2))
    iteration = config.n_critic * critic + generator
    yield Row(f"{name}: images a second", round(config.n_critic * config.batch_size / iteration, 1))
    for context in contexts if on_gpu else ():
        # MXNet's pool keeps what it has once taken, so that what is in use afterwards is the peak.
        free, total = mx.context.gpu_memory_info(context.device_id)
        yield Row(f"{name}: peak memory in use on {context}, MiB", round((total - free) / 2**20))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    yield Row(f"{name}: peak memory of the process, MiB", round(peak / 1024))
