"""The DCGAN generator and critic of the authors' code (``models/dcgan.py``), for any size 16 * 2^k.

No convolution has a bias, and the critic ends without a sigmoid: its score is a real number.
"""

from __future__ import annotations

from types import ModuleType
from typing import Optional

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models.blocks import LEAK, BlockStyle, add_extra_layers, halvings, image_layer
from gluon_wgan.models.layers import LatentProjection, ScoreProjection


class DCGANGenerator(HybridBlock):
    """Latents to images: project to 4x4, then double the size and halve the channels up to the image.

    Parameters
    ----------
    image_size
        Height and width of the images: 16 * 2^k.
    nz, nc
        Length of the latent vector; colour channels, 1 or 3.
    ngf
        Channels at half the image size, twice as many at each halving below.
    n_extra_layers
        3x3 layers at half the image size.
    norm
        ``"batch"``, or None for no batch norm.
    block_order
        ``"conv-norm-act"`` or ``"conv-act-norm"``.
    """

    # Of the convolutions, by how much they are wider, and whether the last has a bias; LiteGenerator has others.
    _kernel, _widening, _bias = 4, 1, False

    def __init__(
        self,
        *,
        image_size: int = TrainConfig.image_size,
        nz: int = TrainConfig.nz,
        nc: int = TrainConfig.nc,
        ngf: int = TrainConfig.ngf,
        n_extra_layers: int = TrainConfig.n_extra_layers,
        norm: Optional[str] = "batch",
        block_order: str = TrainConfig.block_order,
    ) -> None:
        super().__init__()
        self.nz = nz
        style = BlockStyle(norm, 0.0, block_order == "conv-norm-act")
        channels = (self._widening * ngf // 2) * (image_size // 4)
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(*self._projection(nz, channels))
            style.add(self.main, channels)
            for _ in range(halvings(image_size)):
                half, kernel = channels // 2, self._kernel
                # An odd kernel lacks a row and a column.
                layer = nn.Conv2DTranspose(half, kernel, 2, 1, kernel % 2, in_channels=channels, use_bias=False)
                self.main.add(layer)
                style.add(self.main, half)
                channels = half
            add_extra_layers(self.main, channels, n_extra_layers, style)
            last = image_layer(channels, image_size, nc, self._kernel, use_bias=self._bias)
            self.main.add(last, nn.Activation("tanh"))

    def _projection(self, nz: int, channels: int) -> list[HybridBlock]:
        """Return the layers from latents (N, nz, 1, 1) to (N, channels, 4, 4)."""
        return [LatentProjection(nz, channels, 4)]

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to images (N, nc, image_size, image_size) in [-1, 1]."""
        return self.main(x)


class DCGANCritic(HybridBlock):
    """Images to scores: halve the size and double the channels down to 4x4, then one number.

    Parameters
    ----------
    image_size
        Height and width of the images: 16 * 2^k.
    nc
        Colour channels, 1 or 3.
    ndf
        Channels at half the image size, twice as many at each halving below.
    n_extra_layers
        3x3 layers at half the image size.
    norm
        ``"batch"``, ``"layer"`` or None.
    block_order
        ``"conv-norm-act"`` or ``"conv-act-norm"``.
    dtype
        ``"float64"`` for a LeakyReLU that is exact in float64; the weights still have to be cast.
    """

    # Of the convolutions, by how much they are wider, and whether they have biases; LiteCritic has others.
    _kernel, _widening, _bias = 4, 1, False

    def __init__(
        self,
        *,
        image_size: int = TrainConfig.image_size,
        nc: int = TrainConfig.nc,
        ndf: int = TrainConfig.ndf,
        n_extra_layers: int = TrainConfig.n_extra_layers,
        norm: Optional[str] = "batch",
        block_order: str = TrainConfig.block_order,
        dtype: str = TrainConfig.dtype,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        style = BlockStyle(norm, LEAK, block_order == "conv-norm-act", dtype)
        channels = self._widening * ndf
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(self._halving(channels, nc), style.activation())
            add_extra_layers(self.main, channels, n_extra_layers, style)
            for _ in range(halvings(image_size)):
                self.main.add(self._halving(channels * 2, channels))
                channels *= 2
                style.add(self.main, channels)
            self.main.add(ScoreProjection(channels, 4, use_bias=self._bias))

    def _halving(self, channels: int, in_channels: int) -> nn.Conv2D:
        return nn.Conv2D(channels, self._kernel, 2, 1, in_channels=in_channels, use_bias=self._bias)

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
