"""The two convolutions of a DCGAN that are matrix products in disguise.

The generator's first transposed convolution sees 1x1 pixels and the critic's last convolution leaves
1x1 pixels. oneDNN has no fast kernel for either and falls back to one small product per image; as a
single product over the batch each is several times faster, and the weights keep the shape, and so the
meaning, of the convolution's (benchmarks/train_cycle.py prints what the whole step gains).
"""

from __future__ import annotations

from types import ModuleType

from mxnet.gluon import HybridBlock


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

    def hybrid_forward(self, F: ModuleType, x, weight):  # type: ignore[no-untyped-def]
        """Map (N, in_channels, 1, 1) to (N, channels, kernel, kernel)."""
        return F.reshape(F.dot(F.flatten(x), F.reshape(weight, (0, -1))), self._shape)


class ScoreProjection(HybridBlock):
    """``Conv2D(1, kernel, strides=1, padding=0, use_bias=False)`` of a kernel x kernel image.

    Parameters
    ----------
    in_channels, kernel
        Channels and height = width of the input. The weight has the convolution's shape
        (1, in_channels, kernel, kernel).
    """

    def __init__(self, in_channels: int, kernel: int) -> None:
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(1, in_channels, kernel, kernel))

    def hybrid_forward(self, F: ModuleType, x, weight):  # type: ignore[no-untyped-def]
        """Map (N, in_channels, kernel, kernel) to scores (N,)."""
        scores = F.FullyConnected(x, F.reshape(weight, (1, -1)), num_hidden=1, no_bias=True)
        return F.reshape(scores, (-1,))
