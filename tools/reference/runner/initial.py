"""The package's initial weights, number for number, for the reference's networks, from the same numpy rng."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

SIGMA = 0.02
XAVIER_MAGNITUDE = 0.01
MXNET_BOUND = 0.07


def initialise(net: nn.Module, rng: np.random.Generator, scheme: str) -> None:
    """Give a network the initial weights that the option ``init`` explains.

    Parameters
    ----------
    net
        A network of :mod:`tools.reference.networks`, on the CPU.
    rng
        The rng ``INITIALISATION`` of :mod:`gluon_wgan.utils.seeding`; the package draws the generator from it first,
        then the critic, layer by layer, weight before bias.
    scheme
        ``reference``, ``port2018``, ``pytorch`` or ``mxnet``.
    """
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            _set(layer.weight, _weight(layer, rng, scheme))
            if layer.bias is not None:
                bound = 1.0 / math.sqrt(_fan_in(layer)) if scheme in ("reference", "pytorch") else 0.0
                _set(layer.bias, rng.uniform(-bound, bound, tuple(layer.bias.shape)))
        elif isinstance(layer, nn.BatchNorm2d):
            spread = SIGMA if scheme in ("reference", "port2018") else 0.0
            _set(layer.weight, rng.normal(1.0, spread, tuple(layer.weight.shape)))
            _set(layer.bias, np.zeros(tuple(layer.bias.shape)))


def _weight(layer: nn.Module, rng: np.random.Generator, scheme: str) -> np.ndarray:
    shape = tuple(layer.weight.shape)
    if scheme in ("reference", "port2018") and not isinstance(layer, nn.Linear):
        return rng.normal(0.0, SIGMA, shape)
    if scheme == "mxnet":
        bound = MXNET_BOUND
    else:
        bound = math.sqrt((XAVIER_MAGNITUDE if scheme == "port2018" else 1.0) / _fan_in(layer))
    return rng.uniform(-bound, bound, shape)


def _fan_in(layer: nn.Module) -> int:
    """Return what PyTorch calls fan_in: for a transposed convolution it counts the *output* channels."""
    return math.prod(layer.weight.shape[1:])


@torch.no_grad()
def _set(tensor: Tensor, values: np.ndarray) -> None:
    tensor.copy_(torch.from_numpy(values))
