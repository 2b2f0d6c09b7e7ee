"""Initial weights, drawn from a numpy generator and written with ``set_data``, as the reference does it.

The reference's ``weights_init`` draws convolutions from N(0, 0.02) and batch-norm gammas from N(1, 0.02)
and sets betas to 0. It leaves the MLP alone, whose linear layers so keep PyTorch's default:
U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and biases.
"""

from __future__ import annotations

import numpy as np
from mxnet import Context, nd
from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.layers import LatentProjection, ScoreProjection

CONVOLUTIONS = (nn.Conv2D, nn.Conv2DTranspose, LatentProjection, ScoreProjection)
SIGMA = 0.02


def initialise(net: HybridBlock, rng: np.random.Generator, contexts: list[Context]) -> None:
    """Give every parameter of a network its initial value on every context.

    Parameters
    ----------
    net
        A network of this package, not initialised yet.
    rng
        Where the values come from; the same generator state gives the same weights.
    contexts
        The devices that hold a copy of the parameters.
    """
    net.initialize(ctx=contexts)
    for layer in _leaves(net):
        if isinstance(layer, CONVOLUTIONS):
            _set(layer.weight, rng.normal(0.0, SIGMA, layer.weight.shape))
        elif isinstance(layer, nn.BatchNorm):
            _set(layer.gamma, rng.normal(1.0, SIGMA, layer.gamma.shape))
            _set(layer.beta, np.zeros(layer.beta.shape))
            _set(layer.running_mean, np.zeros(layer.running_mean.shape))
            _set(layer.running_var, np.ones(layer.running_var.shape))
        elif isinstance(layer, nn.Dense):
            bound = 1.0 / np.sqrt(layer.weight.shape[1])
            _set(layer.weight, rng.uniform(-bound, bound, layer.weight.shape))
            _set(layer.bias, rng.uniform(-bound, bound, layer.bias.shape))


def _leaves(block: HybridBlock) -> list[HybridBlock]:
    """Return the layers of a network that own parameters, in the order in which data passes them."""
    children = list(block._children.values())
    if not children:
        return [block]
    return [leaf for child in children for leaf in _leaves(child)]


def _set(parameter, values: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    parameter.set_data(nd.array(values.astype(np.float32)))
