"""Initial weights, drawn from a numpy generator and written with ``set_data``, as the reference does it.

The reference's ``weights_init`` draws convolutions from N(0, 0.02) and batch-norm gammas from N(1, 0.02)
and sets betas to 0. What it leaves alone (dense layers, and the biases that only the lite critic has) keeps
PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)). The 2018 port does the same over
``Xavier(factor_type="in", magnitude=0.01)``.
"""

from __future__ import annotations

import math

import numpy as np
from mxnet import Context, nd
from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.layers import GreyDeconvolution, LatentProjection, LayerNorm, ScoreProjection

CONVOLUTIONS = (nn.Conv2D, nn.Conv2DTranspose, GreyDeconvolution, LatentProjection, ScoreProjection)
SIGMA = 0.02
XAVIER_MAGNITUDE = 0.01
MXNET_BOUND = 0.07


def initialise(net: HybridBlock, rng: np.random.Generator, contexts: list[Context], scheme: str = "reference") -> None:
    """Give every parameter of a network its initial value on every context.

    Parameters
    ----------
    net
        A network of this package, not initialised yet.
    rng
        Where the values come from; the same generator state gives the same weights.
    contexts
        The devices that hold a copy of the parameters.
    scheme
        ``reference``, ``port2018``, ``pytorch`` or ``mxnet``, as the option ``init`` explains them.
    """
    net.initialize(ctx=contexts)
    for layer in leaves(net):
        if isinstance(layer, (*CONVOLUTIONS, nn.Dense)):
            _set(layer.weight, _weight(layer, rng, scheme))
            if layer.bias is not None:
                bound = 1.0 / math.sqrt(_fan_in(layer)) if scheme in ("reference", "pytorch") else 0.0
                _set(layer.bias, rng.uniform(-bound, bound, layer.bias.shape))
        elif isinstance(layer, nn.BatchNorm):
            spread = SIGMA if scheme in ("reference", "port2018") else 0.0
            _set(layer.gamma, rng.normal(1.0, spread, layer.gamma.shape))
            _set(layer.beta, np.zeros(layer.beta.shape))
            _set(layer.running_mean, np.zeros(layer.running_mean.shape))
            _set(layer.running_var, np.ones(layer.running_var.shape))
        elif isinstance(layer, LayerNorm):
            _set(layer.gamma, np.ones(layer.gamma.shape))
            _set(layer.beta, np.zeros(layer.beta.shape))


def leaves(block: HybridBlock) -> list[HybridBlock]:
    """Return the layers of a network that have no layers in them, in the order in which data passes them."""
    children = list(block._children.values())
    if not children:
        return [block]
    return [leaf for child in children for leaf in leaves(child)]


def _weight(layer: HybridBlock, rng: np.random.Generator, scheme: str) -> np.ndarray:
    shape = layer.weight.shape
    if scheme in ("reference", "port2018") and isinstance(layer, CONVOLUTIONS):
        return rng.normal(0.0, SIGMA, shape)
    if scheme == "mxnet":
        bound = MXNET_BOUND
    else:
        # A uniform distribution of variance magnitude / (3 fan_in); PyTorch's default has magnitude 1.
        magnitude = XAVIER_MAGNITUDE if scheme == "port2018" else 1.0
        bound = math.sqrt(magnitude / _fan_in(layer))
    return rng.uniform(-bound, bound, shape)


def _fan_in(layer: HybridBlock) -> int:
    """Return what PyTorch calls fan_in: for a transposed convolution it counts the *output* channels."""
    return math.prod(layer.weight.shape[1:])


def _set(parameter, values: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    parameter.set_data(nd.array(values.astype(parameter.dtype), dtype=parameter.dtype))
