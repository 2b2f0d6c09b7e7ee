"""What follows a convolution: a normalisation and an activation, in one order or the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.layers import ExactLeakyReLU, GrayDeconvolution, LayerNorm

# Slope of the critic's LeakyReLU for negative input (reference, models/dcgan.py).
LEAK = 0.2


@dataclass(frozen=True)
class BlockStyle:
    """How the blocks of one network look.

    Attributes
    ----------
    norm
        ``"batch"``, ``"layer"`` or None.
    leak
        Slope of the activation for negative input; 0 is a ReLU.
    norm_first
        Whether the normalisation comes before the activation, as in the reference, or after it.
    dtype
        ``"float32"`` or ``"float64"``.
    """

    norm: Optional[str]
    leak: float
    norm_first: bool
    dtype: str = "float32"

    def add(self, main: nn.HybridSequential, channels: int) -> None:
        """Add the normalisation, if any, and the activation behind a layer with so many channels."""
        layers = [*self._norm(channels), self.activation()]
        main.add(*(layers if self.norm_first else reversed(layers)))

    def activation(self) -> HybridBlock:
        """Return a ReLU, or a LeakyReLU with the slope."""
        if not self.leak:
            return nn.Activation("relu")
        return nn.LeakyReLU(self.leak) if self.dtype == "float32" else ExactLeakyReLU(self.leak)

    def _norm(self, channels: int) -> list[HybridBlock]:
        if self.norm == "batch":
            return [nn.BatchNorm(in_channels=channels)]
        return [LayerNorm(channels)] if self.norm == "layer" else []


def add_extra_layers(main: nn.HybridSequential, channels: int, count: int, style: BlockStyle) -> None:
    """Add the reference's extra layers: 3x3 convolutions without bias that keep size and channels."""
    for _ in range(count):
        main.add(nn.Conv2D(channels, 3, 1, 1, in_channels=channels, use_bias=False))
        style.add(main, channels)


def image_layer(channels: int, image_size: int, nc: int, kernel: int, *, use_bias: bool) -> HybridBlock:
    """Return the generator's last transposed convolution, from half the image size to the image."""
    if nc == 1:
        return GrayDeconvolution(channels, kernel, image_size, use_bias=use_bias)
    # Of stride 2 and padding 1; an odd kernel lacks a row and a column.
    return nn.Conv2DTranspose(nc, kernel, 2, 1, kernel % 2, in_channels=channels, use_bias=use_bias)


def halvings(image_size: int) -> int:
    """Return how often half the image size is halved to reach 4."""
    return (image_size // 8).bit_length() - 1
