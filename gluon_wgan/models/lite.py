"""The smaller networks of a course note: 3x3 convolutions, biases in the critic, any size 16 * 2^k.

The note's last generator layer names half the channels that the layer before it gives; here it takes
what it gets.
"""

from __future__ import annotations

from types import ModuleType
from typing import Optional

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models.blocks import LEAK, BlockStyle, add_extra_layers, halvings, image_layer
from gluon_wgan.models.layers import Reshape, ScoreProjection


class LiteGenerator(HybridBlock):
    """Latents to images: a dense layer to 4x4, then 3x3 transposed convolutions up to the image.

    Parameters
    ----------
    ngf
        Half the number of channels at half the image size, twice as many at each halving below: the note's ``dim``.

    Notes
    -----
    The other parameters are those of :class:`gluon_wgan.DCGANGenerator`.
    """

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
        channels = ngf * (image_size // 4)
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(nn.Dense(channels * 16, use_bias=False, in_units=nz), Reshape((-1, channels, 4, 4)))
            style.add(self.main, channels)
            for _ in range(halvings(image_size)):
                half = channels // 2
                self.main.add(nn.Conv2DTranspose(half, 3, 2, 1, 1, in_channels=channels, use_bias=False))
                style.add(self.main, half)
                channels = half
            add_extra_layers(self.main, channels, n_extra_layers, style)
            self.main.add(image_layer(channels, image_size, nc, 3, use_bias=True), nn.Activation("tanh"))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to images (N, nc, image_size, image_size) in [-1, 1]."""
        return self.main(x)


class LiteCritic(HybridBlock):
    """Images to scores: 3x3 convolutions of stride 2 down to 4x4, then one number.

    Parameters
    ----------
    ndf
        Half the number of channels at half the image size, twice as many at each halving below: the note's ``dim``.

    Notes
    -----
    The other parameters are those of :class:`gluon_wgan.DCGANCritic`.
    """

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
        channels = ndf * 2
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(nn.Conv2D(channels, 3, 2, 1, in_channels=nc), style.activation())
            add_extra_layers(self.main, channels, n_extra_layers, style)
            for _ in range(halvings(image_size)):
                self.main.add(nn.Conv2D(channels * 2, 3, 2, 1, in_channels=channels))
                channels *= 2
                style.add(self.main, channels)
            self.main.add(ScoreProjection(channels, 4, use_bias=True))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
