"""Training passes that gather batch norm's running statistics by one rule on every device.

MXNet's operator updates them in the forward pass on a GPU and in the backward pass on the CPU (where its
engine does not know of the write), always from the population variance. PyTorch updates them in every
forward pass in training mode, from the unbiased variance. Here the operator only reports mean and variance
of the batch, and the update is ordinary arithmetic, part of the same compiled graph.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from mxnet import Context, autograd, nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.models.layers import NORM_EPSILON, View

# Share of the old statistics that stays at each update; PyTorch's momentum 0.1 is the share of the new.
MOMENTUM = 0.9

# A symbol or an array, as hybrid_forward gets them.
Tensor = Any


class TrainingPass(View):
    """A network in training mode; its batch norms' running statistics move with every call.

    Parameters
    ----------
    net
        A network of this package with weights. Its running statistics become views of one vector for each
        device, which one call updates; no other training pass of the same network may exist beside this one.
    unbiased
        Whether the running variance gathers n / (n - 1) times the batch's variance, n values being
        normalised together, as PyTorch does.
    """

    def __init__(self, net: HybridBlock, unbiased: bool, contexts: list[Context]) -> None:
        super().__init__(net)
        self._unbiased = unbiased
        norms = self._norms()
        self._running = _gather([p for norm in norms for p in (norm.running_mean, norm.running_var)], contexts)
        # The operator insists on statistics of its own to update; nobody reads these.
        for index, norm in enumerate(norms):
            for name in (f"unread_mean_{index}", f"unread_var_{index}"):
                options = {"shape": norm.gamma.shape, "dtype": norm.gamma.dtype, "grad_req": "null"}
                parameter = self.params.get(name, init="zeros", **options)
                parameter.initialize(ctx=contexts)
                setattr(self, name, parameter)

    def forward(self, x: nd.NDArray) -> nd.NDArray:
        """Map the network's input to its output, under ``train_mode`` or ``record``."""
        if not self._running:
            return super().forward(x)
        running = self._running[x.context]
        output, moved = super().forward(x, running)
        with autograd.pause():
            moved.copyto(running)
        return output

    def _norms(self) -> list[nn.BatchNorm]:
        return [layer for layer in self.layers() if isinstance(layer, nn.BatchNorm)]

    def hybrid_forward(self, F: ModuleType, x, running=None, **unread):  # type: ignore[no-untyped-def]
        """Return the output and, with batch norms, the vector of the running statistics after this batch."""
        moments: list[Tensor] = []
        for layer in self.layers():
            if isinstance(layer, nn.BatchNorm):
                size = F.size_array(x)
                x, mean, inverse = self._normalise(F, layer, x, len(moments) // 2, unread)
                moments += [mean, self._variance(F, layer, inverse, size)]
            else:
                x = layer(x)
        if running is None:
            return x
        moved = running * MOMENTUM + (1.0 - MOMENTUM) * F.concat(*moments, dim=0)
        return x, F.BlockGrad(moved)

    def _normalise(
        self, F: ModuleType, norm: nn.BatchNorm, x: Tensor, index: int, unread: dict[str, Tensor]
    ) -> list[Tensor]:
        values = [p.data(x.context) if F is nd else p.var() for p in (norm.gamma, norm.beta)]
        own = unread[f"unread_mean_{index}"], unread[f"unread_var_{index}"]
        return F.BatchNorm(x, *values, *own, eps=NORM_EPSILON, fix_gamma=False, output_mean_var=True)

    def _variance(self, F: ModuleType, norm: nn.BatchNorm, inverse: Tensor, size: Tensor) -> Tensor:
        """Return the batch's variance (C,), from 1 / deviation (C,) and the number of values (1,)."""
        variance = 1.0 / F.square(inverse) - NORM_EPSILON
        if not self._unbiased:
            return variance
        count = F.cast(size, norm.gamma.dtype) / norm.gamma.shape[0]
        return F.broadcast_mul(variance, count / (count - 1.0))


def _gather(parameters: list[Parameter], contexts: list[Context]) -> dict[Context, nd.NDArray]:
    """Return one vector for each device that holds all the parameters (n,), which become views of it."""
    if not parameters:
        return {}
    vectors = {}
    for context in contexts:
        vector = nd.concat(*(parameter.data(context) for parameter in parameters), dim=0)
        start = 0
        for parameter in parameters:
            end = start + parameter.shape[0]
            parameter._data[parameter.list_ctx().index(context)] = vector[start:end]
            start = end
        vectors[context] = vector
    return vectors
