"""A small convolutional network with fixed random weights, which needs no download.

Distances on its features order sets of images sensibly (docs/evaluation.md), but mean nothing beside
distances on any other network's.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock, nn

CHANNELS = (32, 64, 128)
WIDTH = 2 * sum(CHANNELS)
_KERNEL, _STRIDE, _PAD, _SLOPE, _SEED = 4, 2, 1, 0.2, 2017
_TINY = 1e-6


class RandomNetwork(HybridBlock):
    """Three 4x4 convolutions of stride 2 with leaky ReLUs, as a DCGAN critic begins.

    The input is float32 (images, 3, height, width) in [-1, 1], of 8 pixels or more; the output, float32
    (images, 448), is the mean and the deviation of each channel of each layer over the image.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.HybridSequential()
        for channels_in, channels in zip((3, *CHANNELS), CHANNELS):
            self.layers.add(nn.Conv2D(channels, _KERNEL, _STRIDE, _PAD, in_channels=channels_in, use_bias=False))

    def hybrid_forward(self, F: Any, x: nd.NDArray) -> nd.NDArray:
        """Return the features."""
        found = []
        for layer in self.layers:
            x = F.LeakyReLU(layer(x), slope=_SLOPE)
            mean = F.mean(x, axis=(2, 3), keepdims=True)
            variance = F.mean(F.square(F.broadcast_sub(x, mean)), axis=(2, 3))
            found += [F.flatten(mean), F.sqrt(variance + _TINY)]
        return F.concat(*found, dim=1)


def random_network() -> tuple[RandomNetwork, str]:
    """Return the network with its weights, the same everywhere, and their SHA-256.

    They are N(0, 2 / (1.04 * inputs)), which keeps the size of the activations from layer to layer (He et al. 2015),
    by ``numpy.random.default_rng([2017, layer])``.
    """
    network, digest = RandomNetwork(), hashlib.sha256()
    network.initialize()
    for number, layer in enumerate(network.layers):
        shape = layer.weight.shape
        scale = np.sqrt(2 / ((1 + _SLOPE**2) * np.prod(shape[1:])))
        drawn = np.random.default_rng([_SEED, number]).standard_normal(shape)
        weights = (drawn * scale).astype("<f4")
        digest.update(weights.tobytes())
        layer.weight.set_data(nd.array(weights))
    network.hybridize(static_alloc=True)
    return network, digest.hexdigest()
