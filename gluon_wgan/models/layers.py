"""Layers that Gluon does not have, or not as fast, and other graphs over a network's layers than its output.

Two convolutions of a DCGAN are matrix products in disguise. The generator's first transposed convolution
sees 1x1 pixels and the critic's last convolution leaves 1x1 pixels. oneDNN has no fast kernel for either
and falls back to one small product per image; as a single product over the batch each is several times
faster, and the weights keep the shape, and so the meaning, of the convolution's
(benchmarks/train_cycle.py prints what the whole step gains).
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

from mxnet.gluon import HybridBlock

# Added to the variance under the root, as PyTorch's and MXNet's normalisations have it.
NORM_EPSILON = 1e-5


class LatentProjection(HybridBlock):
    """``Conv2DTranspose(channels, kernel, strides=1, padding=0, use_bias=False)`` of a 1x1 image.

    Parameters
    ----------
    in_channels, channels, kernel
        Length of the latent; channels and height = width of what it is projected to. The weight has the
        transposed convolution's shape (in_channels, channels, kernel, kernel).
    """

    def __init__(self, in_channels: int, channels: int, kernel: int) -> None:
        super().__init__()
        self._shape = (-1, channels, kernel, kernel)
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(in_channels, channels, kernel, kernel))
        self.bias = None

    def hybrid_forward(self, F: ModuleType, x, weight):  # type: ignore[no-untyped-def]
        """Map (N, in_channels, 1, 1) to (N, channels, kernel, kernel)."""
        return F.reshape(F.dot(F.flatten(x), F.reshape(weight, (0, -1))), self._shape)


class ScoreProjection(HybridBlock):
    """``Conv2D(1, kernel, strides=1, padding=0)`` of a kernel x kernel image.

    Parameters
    ----------
    in_channels, kernel
        Channels and height = width of the input. The weight has the convolution's shape
        (1, in_channels, kernel, kernel).
    """

    def __init__(self, in_channels: int, kernel: int, *, use_bias: bool = False) -> None:
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(1, in_channels, kernel, kernel))
            self.bias = self.params.get("bias", shape=(1,)) if use_bias else None

    def hybrid_forward(self, F: ModuleType, x, weight, bias=None):  # type: ignore[no-untyped-def]
        """Map (N, in_channels, kernel, kernel) to scores (N,)."""
        options = {"num_hidden": 1, "no_bias": bias is None}
        inputs = [x, F.reshape(weight, (1, -1)), *([] if bias is None else [bias])]
        return F.reshape(F.FullyConnected(*inputs, **options), (-1,))


def deconvolve_to_one_channel(  # type: ignore[no-untyped-def]
    F: ModuleType, x, weight, kernel: int, size: int, *, plain: bool = False
):
    """Return the transposed convolution of stride 2 and padding 1 that doubles the size and leaves one channel.

    MXNet 1.9.1 cannot differentiate its own on the CPU when one channel comes out of 16 or more ("could not
    create a primitive descriptor for a reorder primitive"); this is the same as a product and a ``col2im``. On a
    GPU its own works, and ``col2im`` launches a kernel for every image.

    Parameters
    ----------
    F
        ``mxnet.nd`` or ``mxnet.sym``.
    x, weight
        (N, C, size / 2, size / 2) and (C, 1, kernel, kernel).
    kernel, size
        Height = width of the weight and of the output.
    plain
        Whether to use MXNet's own, for a GPU.
    """
    if plain:
        return F.Deconvolution(
            x,
            weight,
            num_filter=1,
            kernel=(kernel, kernel),
            stride=(2, 2),
            pad=(1, 1),
            adj=(kernel % 2, kernel % 2),
            no_bias=True,
        )
    by_channel = F.transpose(x, axes=(1, 0, 2, 3))
    products = F.dot(F.reshape(weight, (0, -1)), F.reshape(by_channel, (0, -1)), transpose_a=True)
    columns = F.transpose(F.reshape(products, (kernel * kernel, -1, (size // 2) ** 2)), axes=(1, 0, 2))
    return F.col2im(columns, output_size=(size, size), kernel=(kernel, kernel), stride=(2, 2), pad=(1, 1))


class GrayDeconvolution(HybridBlock):
    """``Conv2DTranspose(1, kernel, strides=2, padding=1)`` to twice the size, of images of one channel.

    Parameters
    ----------
    in_channels, kernel
        Channels of the input; height and width of the weight (in_channels, 1, kernel, kernel).
    size
        Height = width of the output.

    Attributes
    ----------
    plain : bool
        Whether it is MXNet's own transposed convolution, as on a GPU it should be; set it before the first call.
    """

    def __init__(self, in_channels: int, kernel: int, size: int, *, use_bias: bool) -> None:
        super().__init__()
        self._kernel, self._size, self.plain = kernel, size, False
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(in_channels, 1, kernel, kernel))
            self.bias = self.params.get("bias", shape=(1,)) if use_bias else None

    def hybrid_forward(self, F: ModuleType, x, weight, bias=None):  # type: ignore[no-untyped-def]
        """Map (N, in_channels, size / 2, size / 2) to (N, 1, size, size)."""
        image = deconvolve_to_one_channel(F, x, weight, self._kernel, self._size, plain=self.plain)
        return image if bias is None else F.broadcast_add(image, F.reshape(bias, (1, 1, 1, 1)))


class Reshape(HybridBlock):
    """Give its input another shape, as ``mxnet.nd.reshape`` takes it; -1 stands for the rest."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shape = shape

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Return the same numbers in the other shape."""
        return F.reshape(x, self._shape)


class LayerNorm(HybridBlock):
    """Normalise each sample over channels, height and width; then a gamma and a beta for each channel.

    The form in which WGAN-GP critics use it (Gulrajani et al. 2017, section 4). Built of elementary
    operations because gluon's own layer norm knows one axis only.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        with self.name_scope():
            self.gamma = self.params.get("gamma", shape=(1, in_channels, 1, 1), init="ones")
            self.beta = self.params.get("beta", shape=(1, in_channels, 1, 1), init="zeros")

    def hybrid_forward(self, F: ModuleType, x, gamma, beta):  # type: ignore[no-untyped-def]
        """Map (N, C, H, W) to the same shape."""
        normalised, _ = self.normalise(F, x)
        return F.broadcast_add(F.broadcast_mul(normalised, gamma), beta)

    @staticmethod
    def normalise(F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Return x with mean 0 and variance 1 for each sample, and one over its deviation (N, 1, 1, 1)."""
        centred = F.broadcast_sub(x, F.mean(x, axis=(1, 2, 3), keepdims=True))
        variance = F.mean(F.square(centred), axis=(1, 2, 3), keepdims=True)
        inverse = F.rsqrt(variance + NORM_EPSILON)
        return F.broadcast_mul(centred, inverse), inverse


class ExactLeakyReLU(HybridBlock):
    """``nn.LeakyReLU`` in the precision of its input.

    MXNet 1.9.1's operator rounds negative values to single precision, in double precision too.

    Parameters
    ----------
    leak
        Slope for negative input, below 1.
    """

    def __init__(self, leak: float) -> None:
        super().__init__()
        self.leak = leak

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Return x where it is positive and leak * x elsewhere."""
        return F.broadcast_maximum(x, x * self.leak)


class View(HybridBlock):
    """Another graph over the layers of a network of this package, whose parameters it shares and need not all use."""

    def __init__(self, net: HybridBlock) -> None:
        super().__init__()
        self.net = net

    def layers(self) -> list[HybridBlock]:
        """Return the network's layers in the order in which data passes them."""
        return list(self.net.main._children.values())

    def _build_cache(self, *args: Any) -> None:
        with warnings.catch_warnings():
            # Gluon supposes that a parameter left out is left out by mistake.
            warnings.filterwarnings("ignore", message="Parameter .* is not used by any computation")
            super()._build_cache(*args)
