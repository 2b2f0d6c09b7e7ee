"""The DCGAN generator and critic of the authors' code (``models/dcgan.py``), for any size 16 * 2^k.

No convolution has a bias, and the critic ends without a sigmoid: its score is a real number.
"""

from __future__ import annotations

from types import ModuleType

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models.blocks import (
    add_extra_layers,
    critic_style,
    generator_style,
    halvings,
    image_layer,
)
from gluon_wgan.models.layers import LatentProjection, ScoreProjection


class DCGANGenerator(HybridBlock):
    """Latents to images: project to 4x4, then double the size and halve the channels up to the image.

    Parameters
    ----------
    config
        Its ``ngf`` is the number of channels at half the image size, twice as many at each halving below.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        style = generator_style(config)
        channels = (config.ngf // 2) * (config.image_size // 4)
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(LatentProjection(config.nz, channels, 4))
            style.add(self.main, channels)
            for _ in range(halvings(config.image_size)):
                half = channels // 2
                self.main.add(nn.Conv2DTranspose(half, 4, 2, 1, in_channels=channels, use_bias=False))
                style.add(self.main, half)
                channels = half
            add_extra_layers(self.main, channels, config.n_extra_layers, style)
            self.main.add(image_layer(config, channels, 4, use_bias=False), nn.Activation("tanh"))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to images (N, nc, image_size, image_size) in [-1, 1]."""
        return self.main(x)


class DCGANCritic(HybridBlock):
    """Images to scores: halve the size and double the channels down to 4x4, then one number.

    Parameters
    ----------
    config
        Its ``ndf`` is the number of channels at half the image size, twice as many at each halving below.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        style = critic_style(config)
        channels = config.ndf
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(nn.Conv2D(channels, 4, 2, 1, in_channels=config.nc, use_bias=False), style.activation())
            add_extra_layers(self.main, channels, config.n_extra_layers, style)
            for _ in range(halvings(config.image_size)):
                self.main.add(nn.Conv2D(channels * 2, 4, 2, 1, in_channels=channels, use_bias=False))
                channels *= 2
                style.add(self.main, channels)
            self.main.add(ScoreProjection(channels, 4))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
