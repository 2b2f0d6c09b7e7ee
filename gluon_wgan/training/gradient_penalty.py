"""The gradient penalty of WGAN-GP, without second-order differentiation.

MXNet 1.9.1 cannot differentiate a gradient of convolutions. It need not: a critic's gradient by its input
is itself a forward graph, made of the same weights, transposed convolutions and the slopes of the
activations. Written out, one ordinary backward pass through it gives the gradient of the penalty by every
weight. The slopes of a (Leaky)ReLU are constant almost everywhere, so nothing flows through them: they are
computed first, and are constants to the rest.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any, Optional

from mxnet import autograd, nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.errors import UserError
from gluon_wgan.models.layers import (
    ExactLeakyReLU,
    LayerNorm,
    Reshape,
    ScoreProjection,
    View,
    deconvolve_to_one_channel,
)

# Added to the squared norm under the root, whose derivative at zero would otherwise be NaN.
TINY = 1e-12

# A symbol or an array, as hybrid_forward gets them.
Tensor = Any


class GradientPenalty:
    """The mean over images of (||gradient of the critic's score by the image|| - 1)^2.

    Parameters
    ----------
    critic
        Any critic of this package without batch norm, with weights. They are shared, not copied, and their
        gradients accumulate (``grad_req`` is ``"add"``).
    norm_over
        ``"all"``: the norm goes over channels, height and width (Gulrajani et al. 2017, Algorithm 1);
        ``"channels"``: over channels only, then the mean over the pixels.
    plain_deconvolution
        Whether to use MXNet's own transposed convolution for gray images, which works on a GPU only.

    Raises
    ------
    UserError
        When the critic has batch norm.
    """

    def __init__(self, critic: HybridBlock, norm_over: str, *, plain_deconvolution: bool = False) -> None:
        self._slopes, self._penalties = _Slopes(critic), _Penalties(critic, norm_over, plain_deconvolution)
        layers = self._slopes.layers()
        if any(isinstance(layer, nn.BatchNorm) for layer in layers):
            raise UserError(
                "The gradient penalty is of each sample alone, and batch norm in the critic mixes samples: "
                "use a critic without it (--no-bn-d)."
            )
        has_layer_norm = any(isinstance(layer, LayerNorm) for layer in layers)
        self._normed = _NormInputs(critic) if has_layer_norm else None
        self._constants: dict[Any, nd.NDArray] = {}

    def accumulate(self, images: nd.NDArray, weight: float) -> nd.NDArray:
        """Add the gradients of ``weight`` times the sum of the penalties to those of the critic's weights.

        Parameters
        ----------
        images
            (n, C, H, W), where the gradient is taken.

        Returns
        -------
        nd.NDArray
            The penalties (n,), not multiplied.
        """
        # In predict mode MXNet would turn all weights into oneDNN's layout, and back at their next update.
        with autograd.train_mode():
            slopes = self._slopes(images)
        ones, weights = (self._constant(value, images) for value in (1.0, weight))
        with autograd.record():
            normed = self._normed(images) if self._normed is not None else []
        # MXNet 1.9.1 crashes when one weight occurs in a convolution and in a transposed one of the same
        # backward pass. So the graph is cut at the layer norms.
        cut = [x.detach() for x in normed]
        for x in cut:
            x.attach_grad()
        with autograd.record():
            # Detached, because the first backward pass clears what autograd knows of its inputs.
            penalties = self._penalties(images.detach(), ones, slopes, cut)
        penalties.backward(weights)
        if normed:
            autograd.backward(normed, [x.grad for x in cut])
        return penalties

    def _constant(self, value: float, images: nd.NDArray) -> nd.NDArray:
        """Return an array (n,) of one value for n images, made once for all steps."""
        key = (value, len(images), images.context)
        if key not in self._constants:
            self._constants[key] = nd.full((len(images),), value, ctx=images.context, dtype=images.dtype)
        return self._constants[key]

    def hybridize(self, **options: bool) -> None:
        """Compile the graphs."""
        for graph in (self._slopes, self._penalties, self._normed):
            if graph is not None:
                graph.hybridize(**options)


class _Slopes(View):
    """Images to the slope of every activation at every place."""

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        slopes = []
        for layer in self.layers()[:-1]:
            leak = _leak(layer)
            if leak is not None:
                slopes.append((x > 0) * (1.0 - leak) + leak)
            x = layer(x)
        return slopes


class _NormInputs(View):
    """Images to the inputs of the layer norms."""

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        inputs = []
        for layer in self.layers()[:-1]:
            if isinstance(layer, LayerNorm):
                inputs.append(x)
            x = layer(x)
        return inputs


class _Penalties(View):
    """Images, ones (n,), slopes and inputs of the layer norms to penalties (n,).

    The images give the shape alone: where the gradient is taken shows in the slopes and the norms' inputs.
    """

    def __init__(self, critic: HybridBlock, norm_over: str, plain_deconvolution: bool) -> None:
        super().__init__(critic)
        self._norm_over, self._plain = norm_over, plain_deconvolution

    def hybrid_forward(self, F: ModuleType, x, gradient, slopes, normed):  # type: ignore[no-untyped-def]
        slopes, normed = list(slopes), list(normed)
        for layer in reversed(self.layers()):
            if _leak(layer) is not None:
                gradient = F.broadcast_mul(gradient, slopes.pop())
            elif isinstance(layer, LayerNorm):
                gradient = _through_layer_norm(F, _value(F, layer.gamma, x), normed.pop(), gradient)
            else:
                gradient = self._through_weights(F, layer, x, gradient)
        squares = F.square(F.reshape_like(gradient, x))
        if self._norm_over == "channels":
            norms = F.sqrt(F.sum(squares, axis=1) + TINY)
            return F.mean(F.square(norms - 1.0), axis=(1, 2))
        return F.square(F.sqrt(F.sum(squares, axis=(1, 2, 3)) + TINY) - 1.0)

    def _through_weights(self, F: ModuleType, layer: HybridBlock, x: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient by a layer's input, from that by its output."""
        if isinstance(layer, Reshape):
            return gradient
        weight = _value(F, layer.weight, x)
        if isinstance(layer, nn.Conv2D) and layer._in_channels == 1:
            kernel = layer._kwargs["kernel"][0]
            return deconvolve_to_one_channel(F, gradient, weight, kernel, self.net.image_size, plain=self._plain)
        if isinstance(layer, nn.Conv2D):
            return _through_convolution(F, layer, weight, gradient)
        if isinstance(layer, ScoreProjection):
            return F.broadcast_mul(F.reshape(gradient, (-1, 1, 1, 1)), weight)
        if isinstance(layer, nn.Dense):
            return F.dot(F.reshape(gradient, (-1, layer._units)), weight)
        raise TypeError(f"There is no gradient rule for the layer {layer}.")


def _through_convolution(F: ModuleType, layer: nn.Conv2D, weight: Tensor, gradient: Tensor) -> Tensor:
    options = layer._kwargs
    geometry = zip(options["kernel"], options["stride"], options["pad"])
    # Every convolution here divides the size by its stride exactly.
    adjust = tuple(stride + 2 * pad - kernel for kernel, stride, pad in geometry)
    return F.Deconvolution(
        gradient,
        weight,
        kernel=options["kernel"],
        stride=options["stride"],
        pad=options["pad"],
        adj=adjust,
        num_filter=layer._in_channels,
        no_bias=True,
    )


def _through_layer_norm(F: ModuleType, gamma: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
    # Unlike slopes, mean and deviation depend smoothly on x, and autograd must see how.
    normalised, inverse = LayerNorm.normalise(F, x)
    gradient = F.broadcast_mul(gradient, gamma)
    mean = partial(F.mean, axis=(1, 2, 3), keepdims=True)
    along = F.broadcast_mul(normalised, mean(gradient * normalised))
    return F.broadcast_mul(F.broadcast_sub(gradient, mean(gradient)) - along, inverse)


def _leak(layer: HybridBlock) -> Optional[float]:
    """Return an activation's slope for negative input, and None for any other layer."""
    if isinstance(layer, nn.LeakyReLU):
        return layer._alpha
    if isinstance(layer, ExactLeakyReLU):
        return layer.leak
    return 0.0 if isinstance(layer, nn.Activation) and layer._act_type == "relu" else None


def _value(F: ModuleType, parameter: Parameter, x: Tensor) -> Tensor:
    return parameter.data(x.context) if F is nd else parameter.var()
