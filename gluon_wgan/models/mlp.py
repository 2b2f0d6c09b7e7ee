"""The multilayer perceptrons of the authors' code (``models/mlp.py``): three hidden ReLU layers each.

The generator has no tanh, so its images are not bounded to [-1, 1].
"""

from __future__ import annotations

from types import ModuleType

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models.layers import Reshape

HIDDEN_LAYERS = 3


def _add_hidden(main: nn.HybridSequential, inputs: int, width: int) -> None:
    for _ in range(HIDDEN_LAYERS):
        main.add(nn.Dense(width, in_units=inputs), nn.Activation("relu"))
        inputs = width


class MLPGenerator(HybridBlock):
    """Latents to images through three hidden layers.

    Parameters
    ----------
    image_size, nz, nc
        Height and width of the images; length of the latent vector; colour channels.
    ngf
        Width of the hidden layers.
    """

    def __init__(
        self,
        *,
        image_size: int = TrainConfig.image_size,
        nz: int = TrainConfig.nz,
        nc: int = TrainConfig.nc,
        ngf: int = TrainConfig.ngf,
    ) -> None:
        super().__init__()
        self.nz = nz
        shape = (nc, image_size, image_size)
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, nz, ngf)
            self.main.add(nn.Dense(shape[0] * shape[1] * shape[2], in_units=ngf), Reshape((-1, *shape)))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to unbounded images (N, nc, image_size, image_size)."""
        return self.main(x)


class MLPCritic(HybridBlock):
    """Images to scores through three hidden layers.

    Parameters
    ----------
    image_size, nc
        Height and width of the images; colour channels.
    ndf
        Width of the hidden layers.
    """

    def __init__(
        self,
        *,
        image_size: int = TrainConfig.image_size,
        nc: int = TrainConfig.nc,
        ndf: int = TrainConfig.ndf,
    ) -> None:
        super().__init__()
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, nc * image_size**2, ndf)
            self.main.add(nn.Dense(1, in_units=ndf), Reshape((-1,)))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
