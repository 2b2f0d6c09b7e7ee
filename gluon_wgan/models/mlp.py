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
    config
        Its ``ngf`` is the width of the hidden layers.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        shape = (config.nc, config.image_size, config.image_size)
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, config.nz, config.ngf)
            self.main.add(nn.Dense(shape[0] * shape[1] * shape[2], in_units=config.ngf), Reshape((-1, *shape)))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to unbounded images (N, nc, image_size, image_size)."""
        return self.main(x)


class MLPCritic(HybridBlock):
    """Images to scores through three hidden layers.

    Parameters
    ----------
    config
        Its ``ndf`` is the width of the hidden layers.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__()
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, config.nc * config.image_size**2, config.ndf)
            self.main.add(nn.Dense(1, in_units=config.ndf), Reshape((-1,)))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return self.main(x)
