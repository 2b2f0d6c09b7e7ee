"""The DCGAN generator and critic of the authors' code (``models/dcgan.py``), for any size 16 * 2^k.

No convolution has a bias, and the critic ends without a sigmoid: its score is a real number.
"""

from __future__ import annotations

from types import ModuleType

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.layers import LatentProjection, ScoreProjection

# Slope of the critic's LeakyReLU for negative input (reference, models/dcgan.py).
LEAK = 0.2


class DCGANGenerator(HybridBlock):
    """Latents to images: project to 4x4, then double the size and halve the channels up to the image.

    Parameters
    ----------
    image_size
        Height and width of the image, 16 * 2^k.
    nz, nc
        Length of the latent vector; channels of the image.
    ngf
        Channels at half the image size; twice as many at each halving below.
    n_extra_layers
        3x3 convolutions at half the image size.
    batch_norm
        Whether a batch norm follows every convolution but the last.
    """

    def __init__(
        self, image_size: int, nz: int, nc: int, ngf: int, n_extra_layers: int, *, batch_norm: bool
    ) -> None:
        super().__init__()
        channels = (ngf // 2) * (image_size // 4)
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(LatentProjection(nz, channels, 4))
            self._normalise_and_activate(channels, batch_norm)
            for _ in range((image_size // 8).bit_length() - 1):
                self.main.add(
                    nn.Conv2DTranspose(channels // 2, 4, 2, 1, in_channels=channels, use_bias=False)
                )
                channels //= 2
                self._normalise_and_activate(channels, batch_norm)
            for _ in range(n_extra_layers):
                self.main.add(nn.Conv2D(channels, 3, 1, 1, in_channels=channels, use_bias=False))
                self._normalise_and_activate(channels, batch_norm)
            self.main.add(
                nn.Conv2DTranspose(nc, 4, 2, 1, in_channels=channels, use_bias=False), nn.Activation("tanh")
            )

    def _normalise_and_activate(self, channels: int, batch_norm: bool) -> None:
        if batch_norm:
            self.main.add(nn.BatchNorm(in_channels=channels))
        self.main.add(nn.Activation("relu"))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to images (N, nc, image_size, image_size) in [-1, 1]."""
        return self.main(x)


class DCGANCritic(HybridBlock):
    """Images to scores: halve the size and double the channels down to 4x4, then one number.

    Parameters
    ----------
    image_size
        Height and width of the image, 16 * 2^k.
    nc
        Channels of the image.
    ndf
        Channels at half the image size; twice as many at each halving below.
    n_extra_layers
        3x3 convolutions at half the image size.
    batch_norm
        Whether a batch norm follows every convolution but the first and the last.
    """

    def __init__(self, image_size: int, nc: int, ndf: int, n_extra_layers: int, *, batch_norm: bool) -> None:
        super().__init__()
        channels = ndf
        with self.name_scope():
            self.main = nn.HybridSequential()
            self.main.add(nn.Conv2D(channels, 4, 2, 1, in_channels=nc, use_bias=False), nn.LeakyReLU(LEAK))
            for _ in range(n_extra_layers):
                self.main.add(nn.Conv2D(channels, 3, 1, 1, in_channels=channels, use_bias=False))
                self._normalise_and_activate(channels, batch_norm)
            for _ in range((image_size // 8).bit_length() - 1):
                self.main.add(nn.Conv2D(channels * 2, 4, 2, 1, in_channels=channels, use_bias=False))
                channels *= 2
                self._normalise_and_activate(channels, batch_norm)
            self.main.add(ScoreProjection(channels, 4))

    def _normalise_and_activate(self, channels: int, batch_norm: bool) -> None:
        if batch_norm:
            self.main.add(nn.BatchNorm(in_channels=channels))
        self.main.add(nn.LeakyReLU(LEAK))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
