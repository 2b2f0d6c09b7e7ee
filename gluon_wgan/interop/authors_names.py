"""The names that the authors' classes give their tensors, and how they pair with this package's.

Source: ``models/dcgan.py`` and ``models/mlp.py`` of github.com/martinarjovsky/WassersteinGAN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.models import build_critic, build_generator
from gluon_wgan.models.blocks import halvings
from gluon_wgan.models.mlp import HIDDEN_LAYERS

GENERATOR, CRITIC = "generator", "critic"
# In the names of their files: netG_epoch_N.pth.
LETTERS = {GENERATOR: "G", CRITIC: "D"}
# PyTorch's count of a batch norm's training passes, for which Gluon has no counterpart.
COUNT = "num_batches_tracked"
_NORM = ("weight", "bias", "running_mean", "running_var")


def current_name(name: str) -> str:
    """Return the name that the authors' present classes give a tensor.

    Their first release had dots in place of the colons, which PyTorch forbids by now, and put the
    critic's first layer as ``initial.conv.3-64``.
    """
    parts = name.split(".")
    if len(parts) < 3 or parts[0] != "main":
        return name
    layer = re.sub(r"^initial:conv:(\d+-\d+)$", r"initial:\1:conv", ":".join(parts[1:-1]))
    return f"main.{layer}.{parts[-1]}"


def tensor_names(role: str, config: TrainConfig) -> list[str]:
    """Return the names of a network's tensors in the order of its ``state_dict``."""
    if config.mlp_g if role == GENERATOR else config.mlp_d:
        # A ReLU stands behind each hidden layer.
        layers = range(0, 2 * HIDDEN_LAYERS + 1, 2)
        return [f"main.{index}.{tensor}" for index in layers for tensor in ("weight", "bias")]
    layers_of = _generator_layers if role == GENERATOR else _critic_layers
    names = []
    for layer in layers_of(config):
        tensors = (*_NORM, COUNT) if layer.endswith(":batchnorm") else ("weight",)
        names += [f"main.{layer}.{tensor}" for tensor in tensors]
    return names


def _generator_layers(config: TrainConfig) -> Iterator[str]:
    channels = (config.ngf // 2) * (config.image_size // 4)
    yield f"initial:{config.nz}-{channels}:convt"
    if not config.no_bn:
        yield f"initial:{channels}:batchnorm"
    for _ in range(halvings(config.image_size)):
        yield f"pyramid:{channels}-{channels // 2}:convt"
        channels //= 2
        if not config.no_bn:
            yield f"pyramid:{channels}:batchnorm"
    yield from _extra_layers(config.n_extra_layers, channels, not config.no_bn)
    yield f"final:{channels}-{config.nc}:convt"


def _critic_layers(config: TrainConfig) -> Iterator[str]:
    channels = config.ndf
    yield f"initial:{config.nc}-{channels}:conv"
    yield from _extra_layers(config.n_extra_layers, channels, not config.no_bn_d)
    for _ in range(halvings(config.image_size)):
        yield f"pyramid:{channels}-{2 * channels}:conv"
        channels *= 2
        if not config.no_bn_d:
            yield f"pyramid:{channels}:batchnorm"
    yield f"final:{channels}-1:conv"


def _extra_layers(count: int, channels: int, normalised: bool) -> Iterator[str]:
    for index in range(count):
        yield f"extra-layers-{index}:{channels}:conv"
        if normalised:
            yield f"extra-layers-{index}:{channels}:batchnorm"


def paired_names(role: str, config: TrainConfig) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return (their name, our name, shape) of every tensor but PyTorch's counts, in order.

    Weights have the same shapes on both sides: Gluon's ``Conv2DTranspose`` keeps (in, out, height, width) as
    PyTorch does, and ``Dense`` (out, in).
    """
    block = build_generator(config) if role == GENERATOR else build_critic(config)
    ours = block._collect_params_with_prefix()
    theirs = [name for name in tensor_names(role, config) if not name.endswith(COUNT)]
    assert len(ours) == len(theirs), "refuse_foreign lets a network through that has other layers"
    return [(name, own, parameter.shape) for name, (own, parameter) in zip(theirs, ours.items())]


def refuse_foreign(role: str, config: TrainConfig) -> None:
    """Refuse a network that the authors' classes cannot hold: UserError naming the option that is foreign to them."""
    mlp, plain = (config.mlp_g, config.no_bn) if role == GENERATOR else (config.mlp_d, config.no_bn_d)
    if mlp:
        return
    found = None
    if config.arch != "dcgan":
        found = f"--arch {config.arch}"
    elif role == CRITIC and config.layer_norm_d:
        found = "--layer-norm-d"
    elif config.block_order != "conv-norm-act" and not plain:
        found = f"--block-order {config.block_order}"
    if found is not None:
        way_out = " or convert the generator alone with --generator-only" if role == CRITIC else ""
        raise UserError(
            f"The {role} was trained with {found}, which the authors' classes do not have: convert a run without "
            f"it{way_out}."
        )
