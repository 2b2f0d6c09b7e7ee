"""Checkpoints: written whole or not at all, checked by hash, and enough to continue bit for bit."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mxnet import nd
from mxnet.base import MXNetError
from mxnet.gluon import HybridBlock

from gluon_wgan import streams
from gluon_wgan.data.atomic import flush_to_disk
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.models import generator_description, generator_from_description
from gluon_wgan.optimizers import optimizer_arrays, optimizer_counts, restore_optimizer
from gluon_wgan.results import CriticScores
from gluon_wgan.run import atomic
from gluon_wgan.sampling import load_weights
from gluon_wgan.wgan import WGAN

log = logging.getLogger("gluon_wgan")

GENERATOR, CRITIC, DESCRIPTION = "generator.params", "critic.params", "generator.json"
OPTIMIZERS = {"generator": "generator_optimizer.params", "critic": "critic_optimizer.params"}
STATE, MANIFEST = "state.json", "manifest.json"
# Of state.json.
FORMAT = 2


@dataclass
class Progress:
    """How far a run has come.

    Attributes
    ----------
    gen_iter
        Generator steps taken.
    critic_steps
        Critic steps taken in all.
    scores
        Scores and losses of the critic steps of the iteration under way.
    images
        Real images that the critic saw in the iteration under way.
    seconds
        Wall-clock time spent on the iteration under way.
    data
        Where the data order stands (:meth:`gluon_wgan.data.batches.BatchStream.state`).
    store_sha256
        Hash of the training pixels.
    """

    gen_iter: int
    critic_steps: int
    scores: list[CriticScores]
    images: int
    seconds: float
    data: dict[str, Any]
    store_sha256: str


def checkpoint_name(progress: Progress) -> str:
    """Return ``iter_000500``, or ``iter_000500_step_037`` amid an iteration's critic steps."""
    amid = f"_step_{len(progress.scores):03d}" if progress.scores else ""
    return f"iter_{progress.gen_iter:06d}{amid}"


def save_checkpoint(parent: Path, name: str, wgan: WGAN, progress: Progress) -> Path:
    """Write a checkpoint under ``parent``, atomically.

    A whole one of that name already there is kept: the same iteration of the same run has the same content.

    Raises
    ------
    UserError
        When it cannot be written, on a full disk above all; what was there before is untouched.
    """
    final, temporary = parent / name, parent / f".{name}.{os.getpid()}.tmp"
    if final.exists():
        try:
            check_checkpoint(final)
            return final
        except UserError:
            shutil.rmtree(final)
    try:
        temporary.mkdir()
        _write_files(temporary, wgan, progress)
        os.replace(temporary, final)
        flush_to_disk(parent)
    except (OSError, MXNetError, ValueError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(
            f"The checkpoint {final} could not be written ({last_line(error)}): make room on that "
            f"disk, then continue from the one before with --resume {parent.parent}."
        ) from None
    return final


def _write_files(directory: Path, wgan: WGAN, progress: Progress) -> None:
    # MXNet's engine does not know that a backward pass on the CPU writes batch norm's running statistics.
    nd.waitall()
    wgan.generator.save_parameters(str(directory / GENERATOR))
    wgan.critic.save_parameters(str(directory / CRITIC))
    optimizers = {"generator": wgan.generator_optimizer, "critic": wgan.critic_optimizer}
    for net, optimizer in optimizers.items():
        nd.save(str(directory / OPTIMIZERS[net]), optimizer_arrays(optimizer))
    for index, arrays in enumerate(_running_statistics(wgan)):
        nd.save(str(directory / f"running_{index}.params"), arrays)
    atomic.write_json(directory / DESCRIPTION, generator_description(wgan.config))
    state = {
        "format": FORMAT,
        **vars(progress),
        "noise": streams.state_of(wgan.noise),
        "alphas": streams.state_of(wgan.alphas),
        "update_counts": {net: optimizer_counts(optimizer) for net, optimizer in optimizers.items()},
    }
    atomic.write_json(directory / STATE, state)
    files = sorted(directory.iterdir())
    for path in files:
        # MXNet does not notice when the last block of a file meets a full disk; reading it back does.
        if path.suffix == ".params":
            nd.load(str(path))
        flush_to_disk(path)
    atomic.write_json(directory / MANIFEST, {path.name: atomic.sha256_of(path) for path in files})


def _running_statistics(wgan: WGAN) -> list[dict[str, nd.NDArray]]:
    """Return each device's batch-norm statistics, when there are several devices.

    Each device normalises its own share of the batch, so these differ, and the .params files hold their
    mean alone.
    """
    if len(wgan.contexts) == 1:
        return []
    nets = {"generator": wgan.generator, "critic": wgan.critic}
    statistics = {
        f"{net}.{name}": parameter
        for net, block in nets.items()
        for name, parameter in block._collect_params_with_prefix().items()
        if parameter.grad_req == "null"
    }
    return [{name: parameter.data(context) for name, parameter in statistics.items()} for context in wgan.contexts]


def check_checkpoint(path: Path) -> None:
    """Check that every file of a checkpoint is what its manifest says.

    Raises
    ------
    UserError
        Naming the first file that is missing or damaged.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        items = sorted(manifest.items())
    except (OSError, ValueError, AttributeError):
        raise UserError(f"{path} is not a whole checkpoint: its {MANIFEST} is missing or damaged.") from None
    for name, digest in items:
        file = path / name
        if not file.is_file() or atomic.sha256_of(file) != digest:
            raise UserError(f"The checkpoint file {file} is missing or damaged: use another checkpoint.")


def list_checkpoints(parent: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    # iter_000500 comes after iter_000499_step_003 and before iter_000500_step_001.
    return sorted((path for path in parent.glob("iter_*") if path.is_dir()), key=_numbers)


def _numbers(path: Path) -> list[int]:
    return [int(part) for part in path.name.split("_") if part.isdigit()]


def newest_whole_checkpoint(parent: Path) -> Optional[Path]:
    """Return the newest undamaged checkpoint, or None when there never was one.

    A damaged one is named on the log and passed over.

    Raises
    ------
    UserError
        When there are checkpoints and all are damaged.
    """
    checkpoints = list_checkpoints(parent)
    for path in reversed(checkpoints):
        try:
            check_checkpoint(path)
            return path
        except UserError as error:
            log.warning("%s Falling back to the one before it.", error)
    if checkpoints:
        raise UserError(f"Every checkpoint in {parent} is damaged: this run cannot be resumed.")
    return None


def restore_checkpoint(path: Path, wgan: WGAN) -> Progress:
    """Put a WGAN into the state that a checkpoint holds.

    Raises
    ------
    UserError
        When a file is damaged or of another format.
    """
    try:
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
        if state.pop("format") != FORMAT:
            raise UserError(f"{path} is of another format: resume with the version of gluon_wgan that wrote it.")
        load_weights(wgan.generator, str(path / GENERATOR), wgan.contexts)
        load_weights(wgan.critic, str(path / CRITIC), wgan.contexts)
        counts = state.pop("update_counts")
        for net, optimizer in (("generator", wgan.generator_optimizer), ("critic", wgan.critic_optimizer)):
            arrays = nd.load(str(path / OPTIMIZERS[net]))
            restore_optimizer(optimizer, arrays if isinstance(arrays, dict) else {}, counts[net])
        for index, statistics in enumerate(_running_statistics(wgan)):
            for name, saved in nd.load(str(path / f"running_{index}.params")).items():
                saved.copyto(statistics[name])
        streams.restore_state(wgan.noise, state.pop("noise"))
        streams.restore_state(wgan.alphas, state.pop("alphas"))
        scores = [CriticScores(*values) for values in state.pop("scores")]
        return Progress(scores=scores, **state)
    except (OSError, KeyError, TypeError, ValueError, MXNetError) as error:
        raise UserError(f"The checkpoint {path} cannot be read ({last_line(error)}).") from None


def prune_checkpoints(parent: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints (0 keeps all)."""
    for path in list_checkpoints(parent)[:-keep] if keep else []:
        # Renamed first, so that a kill amid the deletion leaves no half checkpoint under a real name.
        doomed = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            os.replace(path, doomed)
            shutil.rmtree(doomed)


def remove_leftovers(parent: Path) -> None:
    """Delete what a killed process left half written; call it only while holding the run's lock."""
    for path in parent.glob(".*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def load_generator(path: str | os.PathLike[str]) -> HybridBlock:
    """Load a trained generator on the CPU.

    Parameters
    ----------
    path
        A run directory (its newest whole checkpoint is used) or a checkpoint.

    Returns
    -------
    HybridBlock
        Maps latents (N, nz, 1, 1) to images (N, nc, image_size, image_size).

    Raises
    ------
    UserError
        When there is no such path, or no whole checkpoint in it.
    """
    checkpoint: Optional[Path] = Path(path)
    if (Path(path) / "checkpoints").is_dir():
        checkpoint = newest_whole_checkpoint(Path(path) / "checkpoints")
    if checkpoint is None or not (checkpoint / DESCRIPTION).is_file():
        raise UserError(f"There is no generator in {path}: name a run directory or a checkpoint in one.")
    if (checkpoint / MANIFEST).exists():
        check_checkpoint(checkpoint)
    try:
        description = json.loads((checkpoint / DESCRIPTION).read_text(encoding="utf-8"))
        generator = generator_from_description(description)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{checkpoint / DESCRIPTION} cannot be read ({error}).") from None
    load_weights(generator, str(checkpoint / GENERATOR), contexts=None)
    generator.hybridize()
    return generator
