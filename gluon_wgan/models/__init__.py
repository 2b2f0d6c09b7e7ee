"""Generators and critics as HybridBlocks, and how a configuration chooses among them."""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models.dcgan import DCGANCritic, DCGANGenerator
from gluon_wgan.models.lite import LiteCritic, LiteGenerator
from gluon_wgan.models.mlp import MLPCritic, MLPGenerator


def build_generator(config: TrainConfig) -> HybridBlock:
    """Build the generator that a configuration describes, without weights.

    Returns
    -------
    HybridBlock
        Maps latents (N, nz, 1, 1) to images (N, nc, image_size, image_size): in [-1, 1] for the
        convolutional generators, unbounded for the MLP, as in the reference.
    """
    shape = {"image_size": config.image_size, "nz": config.nz, "nc": config.nc, "ngf": config.ngf}
    if config.mlp_g:
        return MLPGenerator(**shape)
    network = LiteGenerator if config.arch == "lite" else DCGANGenerator
    return network(
        **shape,
        n_extra_layers=config.n_extra_layers,
        norm=None if config.no_bn else "batch",
        block_order=config.block_order,
    )


def build_critic(config: TrainConfig) -> HybridBlock:
    """Build the critic that a configuration describes, without weights.

    Returns
    -------
    HybridBlock
        Maps images (N, nc, image_size, image_size) to scores (N,); the mean over the batch is the
        objective's part.
    """
    shape = {"image_size": config.image_size, "nc": config.nc, "ndf": config.ndf}
    if config.mlp_d:
        return MLPCritic(**shape)
    network = LiteCritic if config.arch == "lite" else DCGANCritic
    return network(
        **shape,
        n_extra_layers=config.n_extra_layers,
        norm="layer" if config.layer_norm_d else None if config.no_bn_d else "batch",
        block_order=config.block_order,
        dtype=config.dtype,
    )
