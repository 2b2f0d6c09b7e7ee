"""``generator.json``: what a generator is, beside its weights, and how its images are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.utils.untrusted import read_json_object

NETWORK = ("image_size", "nc", "nz", "ngf", "arch", "block_order", "n_extra_layers", "no_bn", "mlp_g")
"""The options that decide a generator's network."""
DRAWING = ("sample_bn", "latent")
FORMAT = 3
# Format 2 had no latent.
_SINCE = {"latent": 3}


def generator_spec(config: TrainConfig) -> dict[str, Any]:
    """Return what ``generator.json`` holds for the generator of a configuration."""
    return {"format": FORMAT, **{name: getattr(config, name) for name in (*NETWORK, *DRAWING)}}


def read_generator_spec(path: Path) -> TrainConfig:
    """Read a ``generator.json`` of this version or an earlier one.

    Raises UserError when it is missing, damaged, of another format, or asks for what cannot be built.

    Returns
    -------
    TrainConfig
        The options that the file names, and defaults for all others.
    """
    try:
        return spec_config(read_json_object(path), str(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({last_line(error)}): name another checkpoint.") from None


def spec_config(values: dict[str, Any], origin: str) -> TrainConfig:
    """Return the options that the contents of a ``generator.json`` name.

    Raises UserError as :func:`read_generator_spec` does; ``origin`` is named.
    """
    version = values.get("format")
    if version not in (2, FORMAT):
        raise UserError(
            f"{origin} is of format {version!r}, and this version of gluon_wgan reads 2 to {FORMAT}: use the version "
            "that wrote it."
        )
    names = [name for name in (*NETWORK, *DRAWING) if version >= _SINCE.get(name, 2)]
    missing = [name for name in names if name not in values]
    if missing:
        raise UserError(f"{origin} lacks {missing[0]}: name another checkpoint.")
    try:
        return TrainConfig(**{name: values[name] for name in names})
    except (TypeError, ValueError) as error:
        raise UserError(f"{origin} cannot be used ({last_line(error)}): name another checkpoint.") from None
