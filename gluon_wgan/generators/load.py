"""Loading generators, with everything that is known of where they came from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from mxnet import Context
from mxnet.gluon import HybridBlock

from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError
from gluon_wgan.interop.authors_names import GENERATOR
from gluon_wgan.interop.generator_config import read_generator_config
from gluon_wgan.interop.network_weights import network_from_state
from gluon_wgan.interop.safetensors_files import SUFFIX, read_safetensors
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.models import build_generator
from gluon_wgan.models.generator_spec import read_generator_spec, spec_config
from gluon_wgan.models.inference import has_batch_norm, load_weights, set_weights
from gluon_wgan.runs import checkpoints
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import object_or_empty


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator with its weights.

    Attributes
    ----------
    generator
        Maps latents (N, nz, 1, 1) to images (N, nc, image_size, image_size).
    config
        The run's options where the weights lie in a run directory; else those that say what the network is.
    weights, sha256
        The file that the weights came from, and its hash.
    folder
        The checkpoint or converted folder that it lies in; None for a file named by itself.
    run
        The run directory around it, if any.
    """

    generator: HybridBlock
    config: TrainConfig
    weights: Path
    sha256: str
    folder: Optional[Path] = None
    run: Optional[Path] = None

    @property
    def has_batch_norm(self) -> bool:
        """Whether it matters which statistics batch norm uses."""
        return has_batch_norm(self.generator)


def load_generator(path: str | os.PathLike[str], ctx: Optional[Context] = None, *, ema: bool = False) -> HybridBlock:
    """Load a trained generator.

    Parameters
    ----------
    path
        A run directory (its newest whole checkpoint is used), a checkpoint, a folder that a conversion made, or a
        ``.safetensors`` file that an export made.
    ctx
        The device (default: the CPU).
    ema
        Whether to load the averaged generator of a run that was trained with ``ema``.

    Returns
    -------
    HybridBlock
        Maps latents (N, nz, 1, 1) to images (N, nc, image_size, image_size).

    Raises
    ------
    UserError
        When there is no such path, no whole checkpoint in it, or no averaged generator.
    """
    if Path(path).suffix == SUFFIX and not ema:
        arrays, spec = read_safetensors(Path(path))
        if spec is None:
            raise UserError(
                f"{path} does not say what network it holds: name one that python tools/export_model.py made."
            )
        return _load(Path(path), spec_config(spec, str(path)), ctx, arrays)
    folder = checkpoints.resolve_checkpoint(Path(path))
    return _load(weights_file(folder, ema), read_spec(folder), ctx)


def weights_file(folder: Path, ema: bool) -> Path:
    """Return the file of a checkpoint's generator, or of its averaged one; UserError when it has no averaged one."""
    if not ema:
        return folder / checkpoints.GENERATOR
    if not (folder / checkpoints.AVERAGE).is_file():
        raise UserError(f"{folder} has no averaged generator: leave --ema out, or name a run trained with --ema.")
    return folder / checkpoints.AVERAGE


def open_generator(source: Path, ctx: Optional[Context] = None, *, ema: bool = False) -> LoadedGenerator:
    """Load a generator and what is known of its training; the rest as :func:`gluon_wgan.load_generator`."""
    folder = checkpoints.resolve_checkpoint(source)
    spec = read_spec(folder)
    run = checkpoints.run_of(folder)
    config = spec if run is None else read_config(run / "config.json")
    weights = weights_file(folder, ema)
    return LoadedGenerator(_load(weights, spec, ctx), config, weights, atomic_files.sha256_of(weights), folder, run)


def read_spec(folder: Path) -> TrainConfig:
    """Read the ``generator.json`` of a checkpoint; UserError when there is none, or it cannot be used."""
    if any(folder.glob("netG_epoch_*.pth")):
        raise UserError(
            f"{folder} holds PyTorch's weights: convert it first, with `python tools/convert_weights.py {folder} OUT`."
        )
    if not (folder / checkpoints.DESCRIPTION).is_file():
        raise UserError(f"There is no generator in {folder}: name a run directory or a checkpoint in one.")
    return read_generator_spec(folder / checkpoints.DESCRIPTION)


def _load(
    weights: Path, config: TrainConfig, ctx: Optional[Context], arrays: Optional[dict[str, np.ndarray]] = None
) -> HybridBlock:
    """Build a generator with the weights of a ``.params`` file, or with the arrays that another file holds."""
    generator = build_generator(config)
    if arrays is None:
        load_weights(generator, str(weights), ctx)
    else:
        set_weights(generator, arrays, ctx, weights)
    generator.hybridize()
    return generator


def open_pair(description: Path, weights: Path) -> LoadedGenerator:
    """Open weights with the file that describes their network, as the authors' generate.py does.

    Raises UserError when one of them is missing, damaged or foreign, or they do not fit each other.

    Parameters
    ----------
    description
        The authors' ``generator_config.json``, or a checkpoint's ``generator.json``.
    weights
        The authors' ``netG_epoch_N.pth``, or a checkpoint's ``generator.params``.
    """
    if not weights.is_file():
        raise UserError(f"There is no file {weights}: name the generator's weights with --weights.")
    ours = "image_size" in object_or_empty(description)  # if not, the reader of the authors' file says what is wrong
    config = read_generator_spec(description) if ours else read_generator_config(description)[0]
    arrays = None
    if weights.suffix != ".params":
        arrays = network_from_state(GENERATOR, read_state_dict(weights), config, str(weights)).weights
    return LoadedGenerator(_load(weights, config, None, arrays), config, weights, atomic_files.sha256_of(weights))
