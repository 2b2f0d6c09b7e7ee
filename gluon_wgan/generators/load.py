"""A trained generator, with everything that is known of where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mxnet import cpu, nd
from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError
from gluon_wgan.interop.authors_names import GENERATOR
from gluon_wgan.interop.generator_config import read_generator_config
from gluon_wgan.interop.network_weights import network_from_state
from gluon_wgan.interop.plain_torch_files import read_state_dict
from gluon_wgan.models import FORMAT, GENERATOR_FIELDS, build_generator
from gluon_wgan.models.inference import load_weights
from gluon_wgan.runs import checkpoints
from gluon_wgan.training import checkpoint
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.untrusted import read_json_object


@dataclass(frozen=True)
class Trained:
    """A generator with weights, on the CPU.

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
        return any(isinstance(layer, nn.BatchNorm) for layer in self.generator.main._children.values())


def open_trained(source: Path) -> Trained:
    """Open a run directory's newest whole checkpoint, a checkpoint, or a folder that a conversion made.

    Raises
    ------
    UserError
        When there is no generator, or it is damaged or of another format.
    """
    folder: Optional[Path] = source
    if (source / "checkpoints").is_dir():
        folder = checkpoints.newest_whole_checkpoint(source / "checkpoints")
    if folder is None:
        raise UserError(f"{source} has no checkpoint yet: train on, or name another run directory.")
    if not source.exists():
        raise UserError(f"There is no {source}: name a run directory or a checkpoint in one.")
    generator = checkpoint.load_generator(folder)
    run = _run_around(folder)
    config = _described(folder / checkpoint.DESCRIPTION) if run is None else read_config(run / "config.json")
    weights = folder / checkpoint.GENERATOR
    return Trained(generator, config, weights, atomic_files.sha256_of(weights), folder, run)


def open_pair(description: Path, weights: Path) -> Trained:
    """Open weights with the file that describes their network, as the authors' generate.py does.

    Parameters
    ----------
    description
        The authors' ``generator_config.json``, or a checkpoint's ``generator.json``.
    weights
        The authors' ``netG_epoch_N.pth``, or a checkpoint's ``generator.params``.

    Raises
    ------
    UserError
        When one of them is missing, damaged or foreign, or they do not fit each other.
    """
    if not weights.is_file():
        raise UserError(f"There is no file {weights}: name the generator's weights with --weights.")
    config = _described(description) if _is_ours(description) else read_generator_config(description)[0]
    generator = build_generator(config)
    if weights.suffix == ".params":
        load_weights(generator, str(weights), contexts=None)
    else:
        network = network_from_state(GENERATOR, read_state_dict(weights), config, str(weights))
        parameters = generator._collect_params_with_prefix()
        generator.collect_params().initialize(ctx=cpu())
        for name, values in network.weights.items():
            parameters[name].set_data(nd.array(values, dtype=parameters[name].dtype))
    generator.hybridize()
    return Trained(generator, config, weights, atomic_files.sha256_of(weights))


def _is_ours(path: Path) -> bool:
    try:
        return "image_size" in read_json_object(path)
    except (OSError, ValueError):
        return False  # the reader of the authors' file says what is wrong


def _described(path: Path) -> TrainConfig:
    """Return the options that a ``generator.json`` stands for."""
    try:
        values = read_json_object(path)
        if values["format"] != FORMAT:
            raise UserError(f"{path} is not of format {FORMAT}: use the version of gluon_wgan that wrote it.")
        return TrainConfig(**{name: values[name] for name in GENERATOR_FIELDS})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}): name another checkpoint.") from None


def _run_around(folder: Path) -> Optional[Path]:
    parent = folder.resolve().parent
    return parent.parent if parent.name == "checkpoints" and (parent.parent / "config.json").is_file() else None
