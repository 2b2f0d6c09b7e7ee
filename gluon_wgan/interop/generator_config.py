"""The authors' ``generator_config.json``, which their main.py writes and their generate.py reads; needs no MXNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.utils.untrusted import read_json_object

FILE = "generator_config.json"
# Their field to ours.
FIELDS = {
    "imageSize": "image_size",
    "nz": "nz",
    "nc": "nc",
    "ngf": "ngf",
    "ngpu": None,
    "n_extra_layers": "n_extra_layers",
    "noBN": "no_bn",
    "mlp_G": "mlp_g",
}


def read_generator_config(path: Path) -> tuple[TrainConfig, int]:
    """Return the options that the file stands for, and its ``ngpu``.

    Raises UserError when it cannot be read, lacks a field, or asks for what cannot be built.
    """
    try:
        values = read_json_object(path)
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot read {path} ({error}): name the authors' {FILE} with --config.") from None
    missing = [name for name in FIELDS if name not in values]
    if missing:
        raise UserError(f"{path} lacks the field {missing[0]}: name the authors' {FILE} with --config.")
    options = {ours: values[theirs] for theirs, ours in FIELDS.items() if ours is not None}
    # Their main.py and generate.py look at noBN first and then no longer at mlp_G.
    options["mlp_g"] = options["mlp_g"] if options["no_bn"] is False else False
    ngpu = values["ngpu"]
    try:
        if isinstance(ngpu, bool) or not isinstance(ngpu, int) or ngpu < 0:
            raise UserError(f"ngpu {ngpu!r} is no number of GPUs.")
        return TrainConfig(**options), ngpu
    except UserError as error:
        raise UserError(f"{path} asks for what cannot be built here: {error}") from None


def generator_config(config: TrainConfig, ngpu: int) -> dict[str, Any]:
    """Return what the file holds for a generator that the authors' classes have."""
    values = {theirs: getattr(config, ours) if ours else ngpu for theirs, ours in FIELDS.items()}
    # Else their generate.py would take the MLP for a DCGAN without batch norm.
    values["noBN"] = config.no_bn and not config.mlp_g
    return values
