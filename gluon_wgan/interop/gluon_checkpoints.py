"""Gluon's side of a conversion: run directories, checkpoints, and the folders that conversions make."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.interop.authors_names import CRITIC, GENERATOR
from gluon_wgan.interop.network_weights import Network, config_of, network_from_gluon
from gluon_wgan.models.generator_spec import generator_spec, read_generator_spec
from gluon_wgan.runs import checkpoints
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.params_file import read_params, write_params
from gluon_wgan.utils.untrusted import read_json_object

FILES = {GENERATOR: checkpoints.GENERATOR, CRITIC: checkpoints.CRITIC}
# What a .params file has no place for: PyTorch's counts, and the number in the files' names.
ORIGIN = "torch.json"
ORIGIN_FORMAT = 1


@dataclass(frozen=True)
class Origin:
    """Which files a converted folder came from.

    Attributes
    ----------
    epoch
        N of ``netG_epoch_N.pth``.
    ngpu
        The field of ``generator_config.json`` that says nothing of the network.
    files
        Names of the files read, with their SHA-256.
    counts
        Role to PyTorch's ``num_batches_tracked`` of each batch norm, or to None where there were none.
    """

    epoch: int = 0
    ngpu: int = 1
    files: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Optional[list[int]]] = field(default_factory=dict)


def is_gluon_folder(path: Path) -> bool:
    """Whether a path is a run directory, a checkpoint, or a folder that a conversion made."""
    return any((path / name).exists() for name in ("checkpoints", *FILES.values()))


def read_folder(source: Path, roles: tuple[str, ...]) -> tuple[Path, list[Network], Origin]:
    """Read the networks of a run directory's newest checkpoint, of a checkpoint, or of a converted folder.

    Beside the networks are returned the folder that was read, and where they came from (all zeros for a run of ours).

    Raises UserError when nothing is there, something is damaged, or the authors' classes cannot hold it.
    """
    folder = checkpoints.resolve_checkpoint(source)
    checkpoints.check_checkpoint(folder)
    try:
        origin = _read_origin(folder)
        run = checkpoints.run_of(folder)
        config = None if run is None else read_config(run / "config.json")
        networks = []
        for role in roles:
            path = folder / FILES[role]
            if path.exists():
                weights = _read_params(path)
                found = config or _described(folder, role, weights)
                counts = origin.counts[role] if role in origin.counts else _passes(folder, role, config)
                networks.append(network_from_gluon(role, weights, found, counts, str(path)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder} cannot be read ({last_line(error)}): name another checkpoint.") from None
    if not networks:
        raise UserError(f"There is no {' or '.join(roles)} in {folder}: name another checkpoint.")
    return folder, networks, origin


def write_folder(folder: Path, networks: list[Network], origin: Origin) -> None:
    """Write a folder that ``gluon_wgan.load_generator`` opens; OSError when the disk does not take it."""
    for network in networks:
        write_params(folder / FILES[network.role], network.weights)
        if network.role == GENERATOR:
            atomic_files.write_json(folder / checkpoints.DESCRIPTION, generator_spec(network.config))
    atomic_files.write_json(folder / ORIGIN, {"format": ORIGIN_FORMAT, **dataclasses.asdict(origin)})
    files = sorted(folder.iterdir())
    atomic_files.write_json(folder / checkpoints.MANIFEST, {path.name: atomic_files.sha256_of(path) for path in files})


def _read_origin(folder: Path) -> Origin:
    if not (folder / ORIGIN).exists():
        return Origin()
    values = read_json_object(folder / ORIGIN)
    if values.pop("format") != ORIGIN_FORMAT:
        raise UserError(f"{folder / ORIGIN} is of another format: use the version of gluon_wgan that wrote it.")
    if not _is_origin(values):
        raise UserError(f"{folder / ORIGIN} is damaged: convert the authors' files again.")
    return Origin(**values)


def _is_origin(values: dict[str, Any]) -> bool:
    """Return whether an object has the fields of `Origin`, each of its type: they become file names and tensors."""

    def is_count(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63

    if values.keys() != {known.name for known in dataclasses.fields(Origin)}:
        return False
    files, counts = values["files"], values["counts"]
    return (
        is_count(values["epoch"])
        and is_count(values["ngpu"])
        and isinstance(files, dict)
        and all(isinstance(digest, str) for digest in files.values())
        and isinstance(counts, dict)
        and all(row is None or (isinstance(row, list) and all(map(is_count, row))) for row in counts.values())
    )


def _described(folder: Path, role: str, weights: dict[str, np.ndarray]) -> TrainConfig:
    """Return what ``generator.json`` says of a generator; a critic's options are read off its shapes."""
    if role == GENERATOR:
        return read_generator_spec(folder / checkpoints.DESCRIPTION)
    return config_of(role, weights, str(folder / FILES[role]))


def _passes(folder: Path, role: str, config: Optional[TrainConfig]) -> int:
    """Return how often a batch norm was passed through in training, as PyTorch would have counted."""
    if not (folder / checkpoints.STATE).exists():
        return 0
    state = read_json_object(folder / checkpoints.STATE, non_finite=True)
    # A critic step scores reals and fakes, one pass each unless joined, and makes the fakes in one pass; a
    # generator step passes through both networks once.
    joined = config is not None and config.critic_batches == "joined"
    per_step = 1 if role == GENERATOR or joined else 2
    return per_step * int(state["critic_steps"]) + int(state["gen_iter"])


def _read_params(path: Path) -> dict[str, np.ndarray]:
    try:
        return read_params(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({last_line(error)}): name another checkpoint.") from None
