"""Training passes that gather batch norm's running statistics by one rule on every device.

MXNet's operator updates them in the forward pass on a GPU and in the backward pass on the CPU (where its
engine does not know of the write), always from the population variance. PyTorch updates them in every
forward pass in training mode, from the unbiased variance. Here the operator only reports mean and variance
of the batch, and the update is ordinary arithmetic.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from mxnet import Context, autograd, nd
from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.layers import NORM_EPSILON
from gluon_wgan.models.views import View

# Share of the old statistics that stays at each update; PyTorch's momentum 0.1 is the share of the new.
MOMENTUM = 0.9

# A symbol or an array, as hybrid_forward gets them.
Tensor = Any


class TrainingPass(View):
    """A network in training mode; its batch norms' running statistics move with every call.

    Parameters
    ----------
    net
        A network of this package with weights.
    unbiased
        Whether the running variance gathers n / (n - 1) times the batch's variance, n values being
        normalised together, as PyTorch does.
    contexts
        The devices that hold the weights.
    """

    def __init__(self, net: HybridBlock, unbiased: bool, contexts: list[Context]) -> None:
        super().__init__(net)
        self._unbiased = unbiased
        # The operator insists on statistics of its own to update; nobody reads these.
        for index, norm in enumerate(self._norms()):
            for name in (f"unread_mean_{index}", f"unread_var_{index}"):
                options = {"shape": norm.gamma.shape, "dtype": norm.gamma.dtype, "grad_req": "null"}
                parameter = self.params.get(name, init="zeros", **options)
                parameter.initialize(ctx=contexts)
                setattr(self, name, parameter)

    def forward(self, x: nd.NDArray) -> nd.NDArray:
        """Map the network's input to its output, under ``train_mode`` or ``record``."""
        output, *moments = super().forward(x)
        if isinstance(x, nd.NDArray):
            with autograd.pause():
                for norm, mean, inverse, size in zip(self._norms(), *[iter(moments)] * 3):
                    self._update(norm, mean, inverse, size)
        return output

    def _norms(self) -> list[nn.BatchNorm]:
        return [layer for layer in self.layers() if isinstance(layer, nn.BatchNorm)]

    def hybrid_forward(self, F: ModuleType, x, **unread):  # type: ignore[no-untyped-def]
        """Return the output and, for each batch norm, mean, 1 / deviation (C,) and its input's size (1,)."""
        moments: list[Tensor] = []
        for layer in self.layers():
            if isinstance(layer, nn.BatchNorm):
                size = F.size_array(x)
                x, mean, inverse = self._normalise(F, layer, x, len(moments) // 3, unread)
                moments += [mean, inverse, size]
            else:
                x = layer(x)
        return [x, *moments]

    def _normalise(
        self, F: ModuleType, norm: nn.BatchNorm, x: Tensor, index: int, unread: dict[str, Tensor]
    ) -> list[Tensor]:
        values = [p.data(x.context) if F is nd else p.var() for p in (norm.gamma, norm.beta)]
        own = unread[f"unread_mean_{index}"], unread[f"unread_var_{index}"]
        return F.BatchNorm(x, *values, *own, eps=NORM_EPSILON, fix_gamma=False, output_mean_var=True)

    def _update(self, norm: nn.BatchNorm, mean: nd.NDArray, inverse: nd.NDArray, size: nd.NDArray) -> None:
        variance = 1.0 / nd.square(inverse) - NORM_EPSILON
        if self._unbiased:
            count = size.astype(variance.dtype) / norm.gamma.shape[0]
            variance = nd.broadcast_mul(variance, count / (count - 1.0))
        for running, batch in ((norm.running_mean, mean), (norm.running_var, variance)):
            values = running.data(mean.context)
            values *= MOMENTUM
            values += (1.0 - MOMENTUM) * batch
