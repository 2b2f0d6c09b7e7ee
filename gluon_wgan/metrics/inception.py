"""The Inception network of FID: Google's graph of 2015-12-05, layer by layer as its port to PyTorch names them.

Unlike the Inception v3 of model zoos, average pools do not count their padding, the last block pools by
maximum, and there are 1,008 classes. Szegedy et al. 2015 (arXiv 1512.00567) describe the blocks.
"""

from __future__ import annotations

from typing import Any, Union

from mxnet import nd
from mxnet.gluon import HybridBlock, nn

FEATURES, CLASSES, SIDE = 2048, 1008, 299
_BN_EPSILON = 0.001

Kernel = tuple[int, int]
Conv = tuple[str, int, Kernel]
"""Name, channels and kernel (height, width) of a convolution."""
Step = Union[Conv, tuple[Conv, Conv]]
"""A convolution, or two side by side whose channels are joined."""


class ConvNormReLU(HybridBlock):
    """A convolution without bias, batch norm and ReLU."""

    def __init__(self, channels_in: int, channels: int, kernel: Kernel, stride: int, pad: Kernel) -> None:
        super().__init__()
        self.conv = nn.Conv2D(channels, kernel, stride, pad, in_channels=channels_in, use_bias=False)
        self.bn = nn.BatchNorm(epsilon=_BN_EPSILON, in_channels=channels)

    def hybrid_forward(self, F: Any, x: nd.NDArray) -> nd.NDArray:
        """Return the activations."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(HybridBlock):
    """Branches side by side, and last a pooled one, whose channels are joined.

    Parameters
    ----------
    pool
        ``avg`` or ``max`` for a 3x3 pool of stride 1, followed by a 1x1 convolution; ``halve`` for a 3x3
        maximum of stride 2 alone, beside which each branch's last convolution has stride 2, too.
    """

    def __init__(self, channels_in: int, branches: list[list[Step]], pool: str, pool_channels: int = 0) -> None:
        super().__init__()
        self._pool = pool
        self._branches = [self._add(channels_in, steps, 2 if pool == "halve" else 1) for steps in branches]
        self.channels = sum(channels for _, channels in self._branches) + (pool_channels or channels_in)
        if pool_channels:
            self.branch_pool = ConvNormReLU(channels_in, pool_channels, (1, 1), 1, (0, 0))

    def _add(self, channels: int, steps: list[Step], last_stride: int) -> tuple[list[list[str]], int]:
        """Add the layers of a branch, and return their names, step by step, and the branch's channels."""
        names = []
        for number, step in enumerate(steps):
            convolutions: Any = [step] if isinstance(step[0], str) else step
            stride = last_stride if number == len(steps) - 1 else 1
            for name, made, kernel in convolutions:
                pad = (kernel[0] // 2, kernel[1] // 2) if stride == 1 else (0, 0)
                setattr(self, name, ConvNormReLU(channels, made, kernel, stride, pad))
            names.append([name for name, _, _ in convolutions])
            channels = sum(made for _, made, _ in convolutions)
        return names, channels

    def hybrid_forward(self, F: Any, x: nd.NDArray) -> nd.NDArray:
        """Return the joined channels."""
        joined = []
        for steps, _ in self._branches:
            y = x
            for names in steps:
                side_by_side = [getattr(self, name)(y) for name in names]
                y = side_by_side[0] if len(names) == 1 else F.concat(*side_by_side, dim=1)
            joined.append(y)
        return F.concat(*joined, self._pooled(F, x), dim=1)

    def _pooled(self, F: Any, x: nd.NDArray) -> nd.NDArray:
        if self._pool == "halve":
            return F.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max")
        pooled = F.Pooling(x, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type=self._pool, count_include_pad=False)
        return self.branch_pool(pooled)


def _block_c(width: int) -> list[list[Step]]:
    kernels = [(1, 1), (7, 1), (1, 7), (7, 1), (1, 7)]
    widths = [width] * 4 + [192]
    return [
        [("branch1x1", 192, (1, 1))],
        [("branch7x7_1", width, (1, 1)), ("branch7x7_2", width, (1, 7)), ("branch7x7_3", 192, (7, 1))],
        [(f"branch7x7dbl_{place + 1}", made, kernel) for place, (made, kernel) in enumerate(zip(widths, kernels))],
    ]


_DOUBLE_3X3: list[Step] = [
    ("branch3x3dbl_1", 64, (1, 1)),
    ("branch3x3dbl_2", 96, (3, 3)),
    ("branch3x3dbl_3", 96, (3, 3)),
]
_BLOCK_A: list[list[Step]] = [
    [("branch1x1", 64, (1, 1))],
    [("branch5x5_1", 48, (1, 1)), ("branch5x5_2", 64, (5, 5))],
    _DOUBLE_3X3,
]
_BLOCK_B: list[list[Step]] = [[("branch3x3", 384, (3, 3))], _DOUBLE_3X3]
_BLOCK_D: list[list[Step]] = [
    [("branch3x3_1", 192, (1, 1)), ("branch3x3_2", 320, (3, 3))],
    [(f"branch7x7x3_{place}", 192, kernel) for place, kernel in enumerate([(1, 1), (1, 7), (7, 1), (3, 3)], 1)],
]
_BLOCK_E: list[list[Step]] = [
    [("branch1x1", 320, (1, 1))],
    [("branch3x3_1", 384, (1, 1)), (("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1)))],
    [
        ("branch3x3dbl_1", 448, (1, 1)),
        ("branch3x3dbl_2", 384, (3, 3)),
        (("branch3x3dbl_3a", 384, (1, 3)), ("branch3x3dbl_3b", 384, (3, 1))),
    ],
]
_STEM: list[tuple[str, int, int, int, int]] = [  # name, channels, kernel, stride, padding; "" is a pool
    ("Conv2d_1a_3x3", 32, 3, 2, 0),
    ("Conv2d_2a_3x3", 32, 3, 1, 0),
    ("Conv2d_2b_3x3", 64, 3, 1, 1),
    ("", 64, 3, 2, 0),
    ("Conv2d_3b_1x1", 80, 1, 1, 0),
    ("Conv2d_4a_3x3", 192, 3, 1, 0),
    ("", 192, 3, 2, 0),
]
_MIXED: list[tuple[str, list[list[Step]], str, int]] = [  # name, branches, pool, channels after the pool
    ("Mixed_5b", _BLOCK_A, "avg", 32),
    ("Mixed_5c", _BLOCK_A, "avg", 64),
    ("Mixed_5d", _BLOCK_A, "avg", 64),
    ("Mixed_6a", _BLOCK_B, "halve", 0),
    ("Mixed_6b", _block_c(128), "avg", 192),
    ("Mixed_6c", _block_c(160), "avg", 192),
    ("Mixed_6d", _block_c(160), "avg", 192),
    ("Mixed_6e", _block_c(192), "avg", 192),
    ("Mixed_7a", _BLOCK_D, "halve", 0),
    ("Mixed_7b", _BLOCK_E, "avg", 192),
    ("Mixed_7c", _BLOCK_E, "max", 192),
]


class Inception(HybridBlock):
    """The whole network.

    The input is float32 (images, 3, 299, 299) in [-1, 1): (pixel - 128) / 128.
    """

    def __init__(self) -> None:
        super().__init__()
        self._order: list[str] = []
        channels = 3
        for name, made, kernel, stride, pad in _STEM:
            if name:
                setattr(self, name, ConvNormReLU(channels, made, (kernel, kernel), stride, (pad, pad)))
            self._order.append(name)
            channels = made
        for name, branches, pool, pool_channels in _MIXED:
            block = Mixed(channels, branches, pool, pool_channels)
            setattr(self, name, block)
            self._order.append(name)
            channels = block.channels
        # Without its bias: the Inception score is taken of the logits as the weights alone make them.
        self.fc = nn.Dense(CLASSES, in_units=channels, use_bias=False)

    def hybrid_forward(self, F: Any, x: nd.NDArray) -> tuple[nd.NDArray, nd.NDArray]:
        """Return the pooled features (images, 2048), and the logits (images, 1008) without bias."""
        for name in self._order:
            x = getattr(self, name)(x) if name else F.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max")
        features = F.flatten(F.Pooling(x, global_pool=True, kernel=(1, 1), pool_type="avg"))
        return features, self.fc(features)
