"""Images from a checkpoint, for a page that shows several runs' side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mxnet import cpu

from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.errors import UserError
from gluon_wgan.generators.load import load_generator
from gluon_wgan.models.inference import sample


def draw_checkpoint(checkpoint: Path, latents: np.ndarray, batch_norm: str) -> np.ndarray:
    """Return what a checkpoint's generator makes of latents.

    Parameters
    ----------
    checkpoint
        The checkpoint's folder.
    latents
        float32 (n, nz, 1, 1).
    batch_norm
        Whose statistics: ``"batch"`` or ``"running"``, as in :func:`gluon_wgan.models.inference.sample`.

    Returns
    -------
    numpy.ndarray
        uint8 (n, C, H, W).

    Raises
    ------
    UserError
        When the checkpoint is damaged, or takes latents of another length.
    """
    generator = load_generator(checkpoint)
    if generator.nz != latents.shape[1]:
        raise UserError(
            f"{checkpoint} takes latents of {generator.nz} numbers, and the run's config.json says {latents.shape[1]}: "
            "put that file back as the run wrote it, or leave --redraw out."
        )
    return to_bytes(sample(generator, latents, cpu(), batch_norm))
