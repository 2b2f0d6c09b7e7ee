"""From latents to bytes, with batch norm in the mode that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from mxnet import Context

from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.generators.load import Trained
from gluon_wgan.models.inference import sample

NO_BATCH_NORM = "none"


class Artist:
    """Draws a generator's images.

    Parameters
    ----------
    trained
        The generator, which moves to ``context``.
    batch_norm
        ``"batch"``: normalise with the statistics of each group of latents, as the authors' generate.py does;
        ``"running"``: with those gathered in training.
    context
        The device.

    Attributes
    ----------
    batch_norm
        As given, or ``"none"`` for a generator that has no batch norm.
    """

    def __init__(self, trained: Trained, batch_norm: str, context: Context) -> None:
        self.batch_norm = batch_norm if trained.has_batch_norm else NO_BATCH_NORM
        self._generator, self._context = trained.generator, context
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

    def draw_each(self, latents: np.ndarray, company: np.ndarray) -> Iterator[np.ndarray]:
        """Draw images one by one, so that neighbours on a path differ by their latents alone.

        Parameters
        ----------
        latents
            (n, nz, 1, 1).
        company
            (m, nz, 1, 1): with batch statistics each image is normalised together with these same others.

        Yields
        ------
        numpy.ndarray
            uint8 (nc, image_size, image_size).
        """
        for latent in latents:
            group = np.concatenate([latent[None], company[1:]]) if self.batch_norm == "batch" else latent[None]
            yield self.draw(group)[0]
