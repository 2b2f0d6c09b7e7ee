"""Trained networks in use: loading weights, and drawing images."""

from __future__ import annotations

from typing import Optional

import numpy as np
from mxnet import Context, autograd, cpu, nd
from mxnet.gluon import HybridBlock

from gluon_wgan.errors import UserError, last_line


def sample(generator: HybridBlock, latents: np.ndarray, context: Context, batch_norm: str) -> np.ndarray:
    """Draw images from a generator and leave its running statistics as they were.

    Parameters
    ----------
    generator
        A generator of this package with weights on ``context``.
    latents
        float32 (n, nz, 1, 1).
    context
        The device.
    batch_norm
        ``"batch"`` normalises with the statistics of these n images, as the reference's pictures do;
        ``"running"`` with those gathered in training.

    Returns
    -------
    numpy.ndarray
        float32 (n, nc, image_size, image_size).
    """
    statistics = [p for p in generator.collect_params().values() if p.grad_req == "null"]
    # On a GPU the forward pass itself updates them. On the CPU the backward pass does, which MXNet's engine
    # does not know: a read that does not wait for everything may come too early.
    nd.waitall()
    before = [p.data(context).copy() for p in statistics]
    dtype = next(iter(generator.collect_params().values())).dtype
    with autograd.train_mode() if batch_norm == "batch" else autograd.predict_mode():
        images = generator(nd.array(latents, ctx=context, dtype=dtype)).asnumpy()
    for parameter, values in zip(statistics, before):
        values.copyto(parameter.data(context))
    return images


def load_weights(net: HybridBlock, path: str, contexts: Optional[list[Context]]) -> None:
    """Load a ``.params`` file into a network, on the given devices or, with None, on the CPU.

    Raises
    ------
    UserError
        When the file is missing, damaged, or holds another network.
    """
    try:
        net.load_parameters(path, ctx=contexts or cpu(), cast_dtype=True)
    # MXNet raises its own error for a damaged file and AssertionError for other names or shapes.
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"Cannot load the weights {path} into this network ({last_line(error)}).") from None
