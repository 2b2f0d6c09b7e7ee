"""Initial weights as an ``mx.init.Initializer`` that draws from a numpy generator.

The reference's ``weights_init`` draws convolutions from N(0, 0.02) and batch-norm gammas from N(1, 0.02)
and sets betas to 0. What it leaves alone (dense layers, and the biases that only the lite critic has) keeps
PyTorch's default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)). The 2018 port does the same over
``Xavier(factor_type="in", magnitude=0.01)``.
"""

from __future__ import annotations

import math
from typing import Union

import numpy as np
from mxnet import init, nd

SIGMA = 0.02
XAVIER_MAGNITUDE = 0.01
MXNET_BOUND = 0.07
SCHEMES = ("reference", "port2018", "pytorch", "mxnet")


class WeightInitializer(init.Initializer):
    """Initialize a network of this package: ``net.initialize(WeightInitializer(rng), ctx=contexts)``.

    Parameters
    ----------
    rng
        Where the values come from, or a seed; the same state gives the same weights on every device.
    scheme
        ``"reference"``, ``"port2018"``, ``"pytorch"`` or ``"mxnet"``, as the option ``init`` explains them.

    Raises
    ------
    ValueError
        For an unknown scheme.
    """

    def __init__(self, rng: Union[np.random.Generator, int] = 0, scheme: str = "reference") -> None:
        super().__init__(scheme=scheme)
        if scheme not in SCHEMES:
            raise ValueError(f"There is no initialization scheme {scheme!r}: choose {', '.join(SCHEMES)}.")
        self._rng = np.random.default_rng(rng)
        self._scheme = scheme
        self._fan_in: dict[str, int] = {}

    def __call__(self, desc: str, arr: nd.NDArray) -> None:
        """Fill one parameter, whose name says its role.

        Overridden, because the initializers that Gluon's layers set on gamma, beta and bias would take precedence.
        """
        layer, _, role = str(desc).rpartition("_")
        if role in ("mean", "var"):  # running_mean, running_var
            arr[:] = float(role == "var")
            return
        values = self._values(layer, role, arr.shape)
        arr[:] = nd.array(values.astype(arr.dtype), dtype=arr.dtype)

    def _values(self, layer: str, role: str, shape: tuple[int, ...]) -> np.ndarray:
        if role == "weight":
            self._fan_in[layer] = math.prod(shape[1:])
            return self._weight(shape)
        if role == "bias":
            # Gluon initializes a layer's bias after its weight, from which the fan-in is known.
            bound = 1.0 / math.sqrt(self._fan_in[layer]) if self._scheme in ("reference", "pytorch") else 0.0
            return self._rng.uniform(-bound, bound, shape)
        if role == "beta" or (role == "gamma" and len(shape) > 1):  # a layer norm's gamma has four axes
            return np.full(shape, float(role == "gamma"))
        if role == "gamma":
            return self._rng.normal(1.0, SIGMA if self._scheme in ("reference", "port2018") else 0.0, shape)
        raise ValueError(f"WeightInitializer knows no rule for a parameter named {layer}_{role}.")

    def _weight(self, shape: tuple[int, ...]) -> np.ndarray:
        if self._scheme in ("reference", "port2018") and len(shape) == 4:  # a convolution's
            return self._rng.normal(0.0, SIGMA, shape)
        if self._scheme == "mxnet":
            bound = MXNET_BOUND
        else:
            # A uniform distribution of variance magnitude / (3 fan_in); PyTorch's default has magnitude 1. Its
            # fan_in of a transposed convolution counts the *output* channels, as shape[1:] does.
            magnitude = XAVIER_MAGNITUDE if self._scheme == "port2018" else 1.0
            bound = math.sqrt(magnitude / math.prod(shape[1:]))
        return self._rng.uniform(-bound, bound, shape)
