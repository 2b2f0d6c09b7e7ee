"""Conversion of the package's options to the reference's, and refusal of those that it does not have."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from tools.reference.options import Options

# Options that mean something to MXNet alone, and what to do instead.
FOREIGN = {
    "gpus": "give --device cuda",
    "require_gpu": "--device cuda stops where there is no GPU",
    "net_g": "it names weights in MXNet's format, so start without it",
    "net_d": "it names weights in MXNet's format, so start without it",
    "branch": "only train_wgan.py starts a run from another one's checkpoint",
    "ema": "only train_wgan.py keeps an averaged generator",
    "dry_run": "train_wgan.py has it",
}
# PyTorch's batch norm gathers no other variance.
RUNNING_VAR = "unbiased"


def options_of(config: TrainConfig) -> Options:
    """Return the reference's options for a configuration of the package, as MXNet computes with them.

    MXNet's own fused RMSProp and Adam hold their constants as float32 whatever the precision of the tensors. In
    float64 they have to be given to the reference as rounded; in float32 it matters for 1 - gamma1 alone, which the
    rounding of 0.99 moves by 1e-6. Its Adam rounds the learning rate only after the bias correction, which is not
    followed here: float64 agrees to 1e-5 there.
    """
    options = Options.from_mapping(config.to_json())
    if options.eps_rule != "mxnet":
        return options
    names = ["lr_d", "lr_g", "gamma1", "eps_d", "eps_g", "beta1", "beta2", "eps_adam"]
    rounded: dict[str, Any] = {name: float(np.float32(getattr(options, name))) for name in names}
    return dataclasses.replace(options, **rounded)


def refuse_foreign_flags(given: Mapping[str, Any]) -> None:
    """Refuse flags that mean something to MXNet alone.

    Parameters
    ----------
    given
        What the command line gave, by option.

    Raises
    ------
    UserError
        Naming the first.
    """
    foreign: Collection[str] = [name for name in FOREIGN if given.get(name)]
    for name in foreign:
        raise UserError(f"{flag_of(name)} does not apply to the PyTorch reference: {FOREIGN[name]}.")


def follow_pytorch(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a new run with running statistics as PyTorch gathers them, whatever the preset says.

    They decide only the images that ``--sample-bn running`` draws.

    Raises
    ------
    UserError
        When another rule is asked for by name.
    """
    asked = options.get("running_var", RUNNING_VAR)
    if asked != RUNNING_VAR:
        raise UserError(f"--running-var {asked} is not what PyTorch's batch norm gathers: leave it out.")
    return {**options, "running_var": RUNNING_VAR}


def refuse_unknown_to_the_authors(config: TrainConfig) -> None:
    """Refuse networks whose weights have no names in the authors' classes, so that no checkpoint could hold them.

    Raises
    ------
    UserError
        Naming the option.
    """
    found = None
    if config.arch != "dcgan" and not (config.mlp_g and config.mlp_d):
        found = f"--arch {config.arch}"
    elif config.layer_norm_d:
        found = "--layer-norm-d"
    elif config.block_order != "conv-norm-act":
        found = f"--block-order {config.block_order}"
    elif config.ngf % 2 and not config.mlp_g:
        found = f"the odd --ngf {config.ngf}"
    if found is not None:
        raise UserError(
            f"The authors' classes, whose files the reference's checkpoints are, do not have {found}: train that with "
            "train_wgan.py."
        )
