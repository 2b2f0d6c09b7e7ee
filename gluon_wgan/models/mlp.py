"""The multilayer perceptrons of the authors' code (``models/mlp.py``): three hidden ReLU layers each.

The generator has no tanh, so its images are not bounded to [-1, 1].
"""

from __future__ import annotations

from types import ModuleType

from mxnet.gluon import HybridBlock, nn

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
        Height and width of the image; length of the latent vector; channels of the image.
    ngf
        Width of the hidden layers.
    """

    def __init__(self, image_size: int, nz: int, nc: int, ngf: int) -> None:
        super().__init__()
        self._shape = (-1, nc, image_size, image_size)
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, nz, ngf)
            self.main.add(nn.Dense(nc * image_size * image_size, in_units=ngf))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map latents (N, nz, 1, 1) to unbounded images (N, nc, image_size, image_size)."""
        return F.reshape(self.main(x), self._shape)


class MLPCritic(HybridBlock):
    """Images to scores through three hidden layers.

    Parameters
    ----------
    image_size, nc
        Height and width of the image; channels of the image.
    ndf
        Width of the hidden layers.
    """

    def __init__(self, image_size: int, nc: int, ndf: int) -> None:
        super().__init__()
        with self.name_scope():
            self.main = nn.HybridSequential()
            _add_hidden(self.main, nc * image_size * image_size, ndf)
            self.main.add(nn.Dense(1, in_units=ndf))

    def hybrid_forward(self, F: ModuleType, x):  # type: ignore[no-untyped-def]
        """Map images (N, nc, image_size, image_size) to scores (N,)."""
        return F.reshape(self.main(x), (-1,))
