"""The smaller networks of a course note: 3x3 convolutions, biases in the critic, any size 16 * 2^k.

The note's last generator layer names half the channels that the layer before it gives; here it takes
what it gets.
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock, nn

from gluon_wgan.models.dcgan import DCGANCritic, DCGANGenerator
from gluon_wgan.models.layers import Reshape


class LiteGenerator(DCGANGenerator):
    """Latents to images: a dense layer to 4x4, then 3x3 transposed convolutions up to the image.

    Parameters
    ----------
    ngf
        Half the number of channels at half the image size, twice as many at each halving below: the note's ``dim``.

    Notes
    -----
    The other parameters are those of :class:`gluon_wgan.DCGANGenerator`.
    """

    _kernel, _widening, _bias = 3, 2, True

    def _projection(self, nz: int, channels: int) -> list[HybridBlock]:
        return [nn.Dense(channels * 16, use_bias=False, in_units=nz), Reshape((-1, channels, 4, 4))]


class LiteCritic(DCGANCritic):
    """Images to scores: 3x3 convolutions of stride 2 down to 4x4, then one number.

    Parameters
    ----------
    ndf
        Half the number of channels at half the image size, twice as many at each halving below: the note's ``dim``.

    Notes
    -----
    The other parameters are those of :class:`gluon_wgan.DCGANCritic`.
    """

    _kernel, _widening, _bias = 3, 2, True
