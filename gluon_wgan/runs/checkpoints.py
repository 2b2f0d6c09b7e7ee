"""Checkpoint folders, whatever wrote the weights in them: whole or absent, checked by hash, listed, thinned out."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Callable, Optional

from gluon_wgan.errors import DeviceError, UserError, last_line, remedy, shell_word
from gluon_wgan.gpu_errors import explain
from gluon_wgan.runs.step_results import CriticScores
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.atomic_folders import flush_to_disk
from gluon_wgan.utils.folders import set_aside, strangers
from gluon_wgan.utils.untrusted import object_or_empty, read_json_object

log = logging.getLogger("gluon_wgan")

STATE, MANIFEST = "state.json", "manifest.json"
_NAME = re.compile(r"iter_[0-9]{6,}(_step_[0-9]{3,})?")
_TEMPORARY = re.compile(rf"\.{_NAME.pattern}\.[0-9]+\.tmp")
GENERATOR, CRITIC, DESCRIPTION = "generator.params", "critic.params", "generator.json"
AVERAGE = "generator_ema.params"


@dataclass
class Progress:
    """How far a run has come.

    Attributes
    ----------
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
    lineage
        The checkpoints that this run, and the runs before it, were branched from, oldest first: each a dict of
        ``checkpoint`` (its path), ``gen_iter`` and ``manifest_sha256``. Empty where no run was branched.
    """

    gen_iter: int
    critic_steps: int
    scores: list[CriticScores]
    images: int
    seconds: float
    data: dict[str, Any]
    store_sha256: str
    lineage: list[dict[str, Any]] = field(default_factory=list)


def checkpoint_name(progress: Progress) -> str:
    """Return ``iter_000500``, or ``iter_000500_step_037`` amid an iteration's critic steps."""
    amid = f"_step_{len(progress.scores):03d}" if progress.scores else ""
    return f"iter_{progress.gen_iter:06d}{amid}"


def write_checkpoint(
    parent: Path, name: str, progress: Progress, form: object, write: Callable[[Path], dict[str, Any]]
) -> Path:
    """Write a checkpoint under ``parent``, atomically.

    A whole one of that name already there is kept: the same iteration of the same run has the same content.

    Raises UserError when it cannot be written, on a full disk above all; what was there before is untouched.

    Parameters
    ----------
    form
        Names the format of ``state.json``.
    write
        Writes the files of the weights into the folder given and returns what ``state.json`` shall hold beside the
        progress. It raises OSError, RuntimeError or ValueError when they cannot be written.
    """
    final, temporary = parent / name, parent / f".{name}.{os.getpid()}.tmp"
    if final.exists():
        with contextlib.suppress(UserError):
            check_checkpoint(final)
            return final
    try:
        if os.path.lexists(final):
            log.warning("%s is damaged and was renamed to %s.", final, set_aside(final).name)
        temporary.mkdir()
        atomic_files.write_json(temporary / STATE, {"format": form, **vars(progress), **write(temporary)})
        files = sorted(temporary.iterdir())
        for path in files:
            flush_to_disk(path)
        atomic_files.write_json(temporary / MANIFEST, {path.name: atomic_files.sha256_of(path) for path in files})
        os.replace(temporary, final)
        flush_to_disk(parent)
    # MXNet and PyTorch raise kinds of RuntimeError.
    except (OSError, RuntimeError, ValueError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        sentence = explain(
            str(error), f"continue from the checkpoint before {name} with --resume {shell_word(parent.parent)}"
        )
        if sentence is not None:
            raise DeviceError(sentence) from None
        what_to_do = remedy(error, "check that folder") if isinstance(error, OSError) else "check that disk"
        raise UserError(
            f"The checkpoint {final} could not be written ({last_line(error)}): {what_to_do}; then continue from the "
            f"one before with --resume {shell_word(parent.parent)}."
        ) from None
    return final


def read_checkpoint(path: Path, form: object, restore: Callable[[dict[str, Any]], None]) -> Progress:
    """Read a checkpoint that :func:`write_checkpoint` wrote.

    ``restore`` reads the weights' files; it gets ``state.json``, and takes out of it what ``write`` had put in. Raises
    UserError when a file is damaged or of another format than ``form``.
    """
    try:
        # A checkpoint of a diverged run holds losses that are no numbers.
        state = read_json_object(path / STATE, non_finite=True)
        if state.pop("format") != form:
            raise UserError(f"{path} is of another format: resume with the version of gluon_wgan that wrote it.")
        # Checkpoints from before there was a lineage have none.
        wanted = [one.name for one in fields(Progress) if one.name in state or one.default_factory is MISSING]
        progress = _progress({name: state.pop(name) for name in wanted})
        restore({**state, "gen_iter": progress.gen_iter})
        return progress
    # What somebody else wrote into the state of a generator or of an optimizer can fail in any of these ways.
    except (OSError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise UserError(f"The checkpoint {path} cannot be read ({last_line(error)}).") from None


def _progress(values: dict[str, Any]) -> Progress:
    """Return what ``state.json`` holds as a progress, or ValueError naming what is not of its type."""
    counts = {name: values[name] for name in ("gen_iter", "critic_steps", "images")}
    counts |= {f"data.{name}": count for name, count in values["data"].items()}
    for name, count in counts.items():
        if type(count) is not int or not 0 <= count < 2**53:
            raise ValueError(f"{STATE} gives {name} as {count!r}, which is no count")
    scores, seconds = values["scores"], values["seconds"]
    numbers = [seconds, *(number for row in scores for number in row)]
    if any(type(number) not in (int, float) for number in numbers) or not isinstance(values["store_sha256"], str):
        raise ValueError(f"{STATE} holds something else than numbers where scores, seconds or a hash belong")
    lineage = values.get("lineage", [])
    if not isinstance(lineage, list) or not all(isinstance(one, dict) for one in lineage):
        raise ValueError(f"{STATE} gives lineage as {lineage!r}, which is no list of checkpoints")
    return Progress(**{**values, "scores": [CriticScores(*row) for row in scores]})


def saved_iteration(path: Path) -> int:
    """Return the generator iterations that a checkpoint comes after.

    Raises UserError when its ``state.json`` cannot be read.
    """
    try:
        found = read_json_object(path / STATE, non_finite=True)["gen_iter"]
        if type(found) is int and found >= 0:
            return found
        reason = f"gen_iter is {found!r}"
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = last_line(error)
    raise UserError(f"The checkpoint {path} cannot be read ({STATE}: {reason}): use another one.")


def check_checkpoint(path: Path) -> None:
    """Check that every file of a checkpoint is what its manifest says.

    Raises
    ------
    UserError
        Naming the first file that is missing or damaged.
    """
    manifest = object_or_empty(path / MANIFEST)
    if not manifest or any("/" in name for name in manifest):
        raise UserError(f"{path} is not a whole checkpoint: its {MANIFEST} is missing or damaged.")
    for name, digest in sorted(manifest.items()):
        file = path / name
        try:
            whole = file.is_file() and atomic_files.sha256_of(file) == digest
        except OSError:
            whole = False
        if not whole:
            raise UserError(f"The checkpoint file {file} is missing or damaged: use another checkpoint.")


def list_checkpoints(parent: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    # iter_000500 comes after iter_000499_step_003 and before iter_000500_step_001.
    found = (path for path in parent.glob("iter_*") if _NAME.fullmatch(path.name) and path.is_dir())
    return sorted(found, key=lambda path: numbers_in(path.name))


def numbers_in(name: str) -> list[int]:
    """Return the numbers between a name's underscores, by which checkpoints sort beyond six digits too."""
    return [int(part) for part in name.split("_") if part.isdecimal()]


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


def resolve_checkpoint(source: Path) -> Path:
    """Return the newest whole checkpoint of a run directory, or the checkpoint that is named itself.

    Raises UserError when there is none, or it is damaged. A folder without a manifest is returned as it is.
    """
    if (source / "checkpoints").is_dir():
        newest = newest_whole_checkpoint(source / "checkpoints")
        if newest is None:
            raise UserError(f"{source} has no checkpoint yet: train on, or name another run directory.")
        return newest
    if not source.is_dir():
        kind = "generator in" if source.exists() else "file or folder"
        raise UserError(f"There is no {kind} {source}: name a run directory or a checkpoint in one.")
    if (source / MANIFEST).exists():
        check_checkpoint(source)
    return source


def run_of(checkpoint: Path) -> Optional[Path]:
    """Return the run directory that a checkpoint, or a file's folder, lies in; None when it lies in none."""
    parent = checkpoint.resolve().parent
    return parent.parent if parent.name == "checkpoints" and (parent.parent / "config.json").is_file() else None


def prune_checkpoints(parent: Path, keep: int, written: Path) -> None:
    """Delete all but the newest ``keep`` whole checkpoints (0 keeps all).

    The one just written stays and counts. A damaged one neither counts nor is deleted: what is in it may still be
    wanted, and it must not take the place of one that can be resumed. One with a file that no checkpoint has stays.
    """
    if keep == 0:
        return
    older = [path for path in reversed(list_checkpoints(parent)) if path != written and _is_whole(path)]
    for path in older[keep - 1 :]:
        ours = {MANIFEST, *read_json_object(path / MANIFEST)}
        if path.is_symlink() or strangers(path, ours.__contains__):
            log.warning("%s is not removed: it holds files that are no part of a checkpoint.", path)
            continue
        # Renamed first, so that a kill amid the deletion leaves no half checkpoint under a real name.
        doomed = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            os.replace(path, doomed)
            shutil.rmtree(doomed)


def _is_whole(path: Path) -> bool:
    try:
        check_checkpoint(path)
    except UserError as error:
        log.warning("%s It is not counted among those that are kept.", error)
        return False
    return True


def remove_leftovers(parent: Path) -> None:
    """Delete what a killed process left half written; call it only while holding the run's lock."""
    for path in filter(lambda path: _TEMPORARY.fullmatch(path.name), parent.glob(".*.tmp")):
        shutil.rmtree(path, ignore_errors=True)
