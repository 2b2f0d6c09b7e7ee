"""``--dry-run``: what a run would do and how long it would take, without doing it."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator
from typing import Callable

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import count_images
from gluon_wgan.devices import choose_contexts
from gluon_wgan.training.schedule import critic_steps_until
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils.formatting import duration

# Steps that are not timed, and steps that are.
WARM_UP, TIMED = 2, 3


def describe_run(config: TrainConfig) -> Iterator[str]:
    """Yield the lines of a dry run: networks, data, measured speed, estimated time.

    Nothing is written; the steps are timed on random pixels.
    """
    images = count_images(config)
    wgan = WGAN(config, choose_contexts(config.gpus, config.require_gpu, tf32=config.tf32, fast=config.fast))
    yield f"generator            {parameter_count(wgan.generator):,} parameters"
    yield f"critic               {parameter_count(wgan.critic):,} parameters"
    yield f"data                 {images:,} images"
    shape = (config.batch_size, config.nc, config.image_size, config.image_size)
    real = np.random.default_rng(config.seed).integers(0, 256, shape, dtype=np.uint8)
    critic = seconds_per_call(lambda: wgan.critic_step(real))
    generator = seconds_per_call(wgan.generator_step)
    yield f"critic step          {critic * 1000:.0f} ms, measured on {', '.join(map(str, wgan.contexts))}"
    yield f"generator step       {generator * 1000:.0f} ms"
    iteration = config.n_critic * critic + generator
    yield f"generator iteration  {iteration:.2f} s with {config.n_critic} critic steps"
    steps, iterations = _length(config, images)
    whole = steps * critic + iterations * generator
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # it is in KiB
    yield f"memory               {peak / 2**20:,.0f} MiB in this process so far"
    # Each weight, and its optimizer's averages.
    saved = sum(map(parameter_count, (wgan.generator, wgan.critic))) * (3 if config.optimizer == "adam" else 2)
    kept = iterations // config.checkpoint_every + 1
    kept = min(kept, config.keep_checkpoints or kept)
    prepared = images * config.nc * config.image_size**2
    yield (
        f"disk                 {prepared / 1e6:,.1f} MB of prepared images, {kept} checkpoints of "
        f"{saved * np.dtype(config.dtype).itemsize / 1e6:,.1f} MB"
    )
    yield f"whole run            {duration(whole)}: {steps:,} critic and {iterations:,} generator steps"


def parameter_count(net: HybridBlock) -> int:
    """Return how many numbers a network learns (running statistics are not learned)."""
    parameters = net.collect_params().values()
    return sum(int(np.prod(p.shape)) for p in parameters if p.grad_req != "null")


def seconds_per_call(step: Callable[[], object]) -> float:
    """Return the median time of a training step, waiting for all its work."""
    times = []
    for index in range(WARM_UP + TIMED):
        nd.waitall()
        started = time.perf_counter()
        step()
        nd.waitall()
        if index >= WARM_UP:
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def _length(config: TrainConfig, images: int) -> tuple[int, int]:
    """Return the run's critic steps and generator steps, about, when the data cuts iterations short."""
    if config.gen_iters is not None:
        return critic_steps_until(config.gen_iters, config), config.gen_iters
    assert config.epochs is not None  # TrainConfig has seen to it
    batches = images // config.batch_size + (images % config.batch_size > 0 and not config.drop_last)
    steps = config.epochs * batches
    iterations = 0
    while critic_steps_until(iterations, config) < steps:
        iterations += 1
    return steps, iterations
