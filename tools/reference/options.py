"""Options of the reference WGAN."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """What to build and how to train it; the names are those of the package's own options.

    There are no defaults but ``leak``: what a default is, is the package's business.

    Attributes
    ----------
    image_size, nc, nz, ngf, ndf, n_extra_layers
        Sizes: pixels (16 * 2^k), colour channels, length of a latent, widths of the two networks, extra 3x3
        layers at half the image size.
    arch, block_order, no_bn, no_bn_d, layer_norm_d, mlp_g, mlp_d
        ``dcgan`` or ``lite``; ``conv-norm-act`` or ``conv-act-norm``; which normalisation; perceptrons.
    objective, gp_lambda, gp_norm
        ``wgan``, ``wgan-gp`` or ``dcgan``; weight of the penalty; its norm over ``all`` of C, H, W or over
        ``channels``.
    optimizer, eps_rule, lr_d, lr_g, gamma1, eps_d, eps_g, beta1, beta2, eps_adam
        ``rmsprop`` or ``adam``, with epsilon where ``torch`` or where ``mxnet`` has it.
    clip, clip_when, clip_running_stats, clip_bn
        The bound; ``before`` or ``after`` each critic step; what is clipped.
    critic_batches
        ``apart`` or ``joined``.
    batch_size
        Fakes in a batch.
    leak
        Slope of the critic's LeakyReLU for negative input. MXNet's own LeakyReLU holds it as float32 whatever the
        precision: to compare with that in float64, give ``float(np.float32(0.2))``.
    """

    image_size: int
    nc: int
    nz: int
    ngf: int
    ndf: int
    n_extra_layers: int
    arch: str
    block_order: str
    no_bn: bool
    no_bn_d: bool
    layer_norm_d: bool
    mlp_g: bool
    mlp_d: bool
    objective: str
    gp_lambda: float
    gp_norm: str
    optimizer: str
    eps_rule: str
    lr_d: float
    lr_g: float
    gamma1: float
    eps_d: float
    eps_g: float
    beta1: float
    beta2: float
    eps_adam: float
    clip: float
    clip_when: str
    clip_running_stats: bool
    clip_bn: bool
    critic_batches: str
    batch_size: int
    leak: float = 0.2

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Options:
        """Pick this class's options out of a larger set, such as a run directory's ``config.json``."""
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})
