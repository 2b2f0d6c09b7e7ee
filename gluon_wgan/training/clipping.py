"""Weight clipping: all of a network's parameters in one compiled graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mxnet import Context, nd, sym
from mxnet.gluon import Parameter


class InPlaceClip:
    """Clips parameters to [-bound, bound] in place, on one device a call.

    Parameters
    ----------
    parameters
        At least one, all of one type, with data.
    bound
        Above 0.
    """

    def __init__(self, parameters: Sequence[Parameter], bound: float) -> None:
        self._parameters = parameters
        values = [sym.var(f"value_{index}") for index in range(len(parameters))]
        if parameters[0].dtype == np.float32:
            clipped = [sym.clip(value, -bound, bound) for value in values]
        else:  # clip rounds its bounds to single precision
            clipped = [sym.minimum(sym.maximum(value, -bound), bound) for value in values]
        self._graph = nd.CachedOp(sym.Group(clipped))

    def __call__(self, context: Context) -> None:
        """Clip the parameters on this device."""
        arrays = [parameter.data(context) for parameter in self._parameters]
        self._graph(*arrays, out=arrays)
