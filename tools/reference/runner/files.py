"""The files of the reference's checkpoints: the authors' netG_epoch_N.pth and netD_epoch_N.pth, and the optimisers.

N is the generator iteration. ``tools/convert_weights.py`` reads such a checkpoint as it reads the authors' files.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.interop.generator_config import FILE as GENERATOR_CONFIG
from gluon_wgan.interop.generator_config import generator_config
from gluon_wgan.utils import atomic_files
from tools.reference.authors_names import authors_state
from tools.reference.wgan import ReferenceWGAN

# Of state.json; the package's own checkpoints have numbers.
FORMAT = "reference 1"
OPTIMIZERS = "optimizers.pth"


def write_weights(folder: Path, wgan: ReferenceWGAN, config: TrainConfig, gen_iter: int) -> None:
    """Write networks and optimisers; OSError or RuntimeError when the disk does not take them."""
    for name, net in _networks(wgan, gen_iter).items():
        _save(folder / name, {key: tensor.cpu() for key, tensor in authors_state(net).items()})
    optimizers = {"generator": wgan.generator_optimizer, "critic": wgan.critic_optimizer}
    _save(folder / OPTIMIZERS, {name: optimizer.state_dict() for name, optimizer in optimizers.items()})
    atomic_files.write_json(folder / GENERATOR_CONFIG, generator_config(config, ngpu=1))


def read_weights(folder: Path, wgan: ReferenceWGAN, gen_iter: int) -> None:
    """Read what :func:`write_weights` wrote into networks of the same options, before they take a step.

    Raises
    ------
    OSError, RuntimeError, ValueError, KeyError
        When a file is missing or damaged.
    """
    for name, net in _networks(wgan, gen_iter).items():
        saved, here = _load(folder / name), authors_state(net)
        if list(saved) != list(here):
            raise ValueError(f"{name} holds another network")
        with torch.no_grad():
            for key, tensor in here.items():
                tensor.copy_(saved[key])
    states = _load(folder / OPTIMIZERS)
    wgan.generator_optimizer.load_state_dict(states["generator"])
    wgan.critic_optimizer.load_state_dict(states["critic"])


def _networks(wgan: ReferenceWGAN, gen_iter: int) -> dict[str, nn.Module]:
    return {f"netG_epoch_{gen_iter}.pth": wgan.generator, f"netD_epoch_{gen_iter}.pth": wgan.critic}


def _save(path: Path, content: Any) -> None:
    # Through memory, because torch.save of a file on a full disk ends in an error without a reason.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    atomic_files.write_bytes(path, buffer.getvalue())


def _load(path: Path) -> Any:
    return torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
