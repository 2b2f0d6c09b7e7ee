"""From latents to bytes, with batch norm in the mode that was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional, Union

import numpy as np
from mxnet import Context, cpu
from mxnet.gluon import HybridBlock

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.errors import UserError
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.load import open_generator
from gluon_wgan.models.inference import has_batch_norm, sample

NO_BATCH_NORM = "none"


class Sampler:
    """Draws a generator's images.

    Parameters
    ----------
    generator
        A generator of this package with weights; it moves to ``context``.
    batch_norm
        ``"batch"``: normalise with the statistics of each group of latents, as the authors' generate.py does;
        ``"running"``: with those gathered in training.

    Attributes
    ----------
    batch_norm
        As given, or ``"none"`` for a generator that has no batch norm.
    """

    def __init__(self, generator: HybridBlock, batch_norm: str, context: Context) -> None:
        self.batch_norm = batch_norm if has_batch_norm(generator) else NO_BATCH_NORM
        self._generator, self._context = generator, context
        self._generator.collect_params().reset_ctx(context)

    def draw(self, latents: np.ndarray) -> np.ndarray:
        """Draw one group together: (n, nz, 1, 1) to uint8 (n, nc, image_size, image_size)."""
        mode = "batch" if self.batch_norm == "batch" else "running"
        return to_bytes(sample(self._generator, latents, self._context, mode))

    def draw_first(self, groups: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
        """Draw the first ``count`` images, whole groups at a time: uint8 (n, nc, image_size, image_size) each."""
        for latents in groups:
            yield self.draw(latents)[:count]
            count -= len(latents)
            if count <= 0:
                return

    def draw_each(self, latents: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
        """Draw images one by one, so that neighbours on a path differ by their latents alone.

        Parameters
        ----------
        latents
            (n, nz, 1, 1).
        others
            (m, nz, 1, 1): with batch statistics each image is normalised together with these same others.

        Yields
        ------
        numpy.ndarray
            uint8 (nc, image_size, image_size).
        """
        for latent in latents:
            group = np.concatenate([latent[None], others[1:]]) if self.batch_norm == "batch" else latent[None]
            yield self.draw(group)[0]


def generate(
    generator: Union[HybridBlock, str, os.PathLike[str]],
    n: int,
    *,
    seed: int = TrainConfig.seed,
    batch_norm: Optional[str] = None,
    truncate: Optional[float] = None,
    ctx: Optional[Context] = None,
) -> np.ndarray:
    """Draw images: the same ones that ``gluon-wgan generate --seed`` writes.

    Parameters
    ----------
    generator
        A generator of this package with weights, a run directory (its newest whole checkpoint) or a checkpoint.
    n
        How many images.
    seed
        Of the latents, at least 0. The first images of a seed are the same however many are drawn.
    batch_norm
        ``"batch"``: normalize with the statistics of each group of 64 images; ``"running"``: with those gathered in
        training. Default: as the run drew its samples; ``"batch"`` for a network.
    truncate
        Numbers of the latents beyond +-truncate are drawn again.
    ctx
        The device; a network moves there (default: where it is; the CPU for a path).

    Returns
    -------
    numpy.ndarray
        uint8 (n, nc, image_size, image_size). ``images[0].transpose(1, 2, 0)`` has the axes that Pillow expects.

    Raises
    ------
    UserError
        When there is no generator, or an argument is out of range.
    """
    if n < 1:
        raise UserError(f"Cannot draw {n} images: ask for 1 or more.")
    if batch_norm not in (None, "batch", "running"):
        raise UserError(f"There are no batch-norm statistics {batch_norm!r}: choose batch or running.")
    if isinstance(generator, HybridBlock):
        network, nz, latent, default = generator, getattr(generator, "nz", None), TrainConfig.latent, "batch"
        if nz is None:
            raise UserError(f"{type(generator).__name__} is no generator of gluon_wgan: give one, or a run directory.")
        ctx = ctx or next(iter(network.collect_params().values())).list_ctx()[0]
    else:
        loaded = open_generator(Path(generator), ctx)
        network, config = loaded.generator, loaded.config
        nz, latent, default = config.nz, config.latent, config.sample_bn
    sampler = Sampler(network, batch_norm or default, ctx or cpu())
    return np.concatenate(list(sampler.draw_first(draw_groups(seed, nz, latent, truncate), n)))
