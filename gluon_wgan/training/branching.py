"""``--branch``: a new run that starts from a checkpoint of another one, with other options."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gluon_wgan.config.checks import check_preset, flag_of
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import ALGORITHM, TrainConfig, changed_fields, overridden_fields, read_config
from gluon_wgan.data.batches import BatchPlan
from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import (
    MANIFEST,
    Progress,
    check_checkpoint,
    newest_whole_checkpoint,
    saved_iteration,
)
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils import atomic_files

if TYPE_CHECKING:
    from gluon_wgan.data.store import Store
    from gluon_wgan.training.engine import Engine


@dataclass(frozen=True)
class BranchPoint:
    """A checkpoint to start from: its folder, its iteration, the run around it, and that run's options."""

    checkpoint: Path
    gen_iter: int
    run: RunDirectory
    config: TrainConfig


@dataclass(frozen=True)
class CarriedOver:
    """What a branch takes from its checkpoint, and what begins anew, each in a few words."""

    kept: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class BranchStart:
    """Where a branch begins: its progress, its lineage as ``environment.json`` keeps it, the other run's metrics."""

    progress: Progress
    lineage: dict[str, Any]
    metrics_file: Path


def find_branch_point(path: Path) -> BranchPoint:
    """Return the checkpoint that a run directory, whose newest whole one it is, or a checkpoint itself stands for.

    Raises UserError when there is none, or it is damaged.
    """
    if (path / "config.json").is_file():
        newest = newest_whole_checkpoint(path / "checkpoints")
        if newest is None:
            raise UserError(f"--branch {path} has no checkpoint yet: train it on with --resume {path} first.")
        path = newest
    path = path.resolve()
    run = RunDirectory(path.parent.parent)
    if not path.is_dir():
        raise UserError(f"--branch {path} does not exist: name a run directory, or a folder in its checkpoints/.")
    if path.parent.name != "checkpoints" or not run.config_file.is_file():
        raise UserError(
            f"--branch {path} is neither a run directory nor a checkpoint in one: name one, such as runs/0001 or "
            "runs/0001/checkpoints/iter_000500."
        )
    if path.name.startswith("nonfinite"):
        raise UserError(
            f"--branch {path} holds the state after a loss was not finite: name the run, {run.path}, to start from "
            "its newest sound checkpoint."
        )
    check_checkpoint(path)
    return BranchPoint(path, saved_iteration(path), run, read_config(run.config_file))


def branch_config(options: dict[str, Any]) -> TrainConfig:
    """Return the options of a branch: those of the run that it starts from, but for the given ones.

    A preset among them replaces what that run's own preset says of the algorithm; networks and data stay. ``branch`` is
    one of the given options. Raises UserError when there is no such checkpoint, or the options cannot be.
    """
    for name in ("net_g", "net_d"):
        if options.get(name) is not None:
            raise UserError(
                f"{flag_of(name)} cannot be combined with --branch, which brings the weights: leave it out."
            )
    point = find_branch_point(Path(options["branch"]))
    parent = point.config
    changes: dict[str, Any] = {"out": None, "net_g": None, "net_d": None}
    if "preset" in options:
        check_preset(options["preset"])
        own = set(PRESETS[parent.preset]) - set(overridden_fields(parent))
        fields = {field.name: field for field in dataclasses.fields(TrainConfig)}
        changes |= {name: fields[name].default for name in own if fields[name].metadata["group"] == ALGORITHM}
        changes |= PRESETS[options["preset"]]
    return parent.replace(**{**changes, **options, "branch": str(point.checkpoint)})


def refuse_finished(point: BranchPoint, config: TrainConfig) -> None:
    """Refuse a branch that would end where it begins.

    Raises UserError saying how long to train.
    """
    if config.gen_iters is not None and config.gen_iters <= point.gen_iter:
        raise UserError(
            f"--branch starts at generator iteration {point.gen_iter}, and --gen-iters {config.gen_iters} ends there "
            f"or before: add --gen-iters with more than {point.gen_iter}."
        )


def start_branch(engine: Engine, config: TrainConfig, store: Store) -> BranchStart:
    """Let an engine start from the checkpoint that the configuration names."""
    assert config.branch is not None
    point = find_branch_point(Path(config.branch))
    progress, carried = engine.carry_over(point.checkpoint, point.config)
    same_pixels = progress.store_sha256 == store.content_sha256
    kept = (*carried.kept, data_position(point.config, config, progress, len(store), same_pixels))
    progress.store_sha256 = store.content_sha256
    lineage = lineage_of(point, config, CarriedOver(kept, carried.new))
    names = ("checkpoint", "gen_iter", "manifest_sha256")
    progress.lineage = [*progress.lineage, {name: lineage[name] for name in names}]
    return BranchStart(progress, lineage, point.run.metrics_file)


def data_position(old: TrainConfig, new: TrainConfig, progress: Progress, images: int, same_pixels: bool) -> str:
    """Let the data go on where the other run's stood, as far as its order is the same, and say how in a few words.

    The images are shuffled by seed and epoch alone, so that another batch size leaves the order: training goes on at
    the first batch whose images all come after those that were used.

    Parameters
    ----------
    progress
        Whose ``data`` is changed.
    same_pixels
        Whether they are the ones of the other run.
    """
    epoch, position = progress.data["epoch"], progress.data["position"]
    if (new.batch_size, new.drop_last, new.seed) == (old.batch_size, old.drop_last, old.seed) and same_pixels:
        return "order of the data"
    if new.seed == old.seed and same_pixels:
        moved = -(-position * old.batch_size // new.batch_size)
        if moved < BatchPlan(images, new.batch_size, not new.drop_last).batches_per_epoch:
            progress.data = {"epoch": epoch, "position": moved}
            return f"order of the data, from batch {moved} of epoch {epoch} in the new batch size"
    progress.data = {"epoch": epoch + (position > 0), "position": 0}
    return f"epochs, from the beginning of epoch {progress.data['epoch']}"


def lineage_of(point: BranchPoint, config: TrainConfig, carried: CarriedOver) -> dict[str, Any]:
    """Return what ``environment.json`` keeps of where a branch came from, JSON-able."""
    kinds = {field.metadata["kind"] for field in dataclasses.fields(TrainConfig)}
    changed = [name for name in changed_fields(point.config, config, sorted(kinds)) if name not in ("out", "branch")]
    return {
        "checkpoint": str(point.checkpoint),
        "manifest_sha256": atomic_files.sha256_of(point.checkpoint / MANIFEST),
        "gen_iter": point.gen_iter,
        "parent_branch": point.config.branch,
        "changed": {flag_of(name): [getattr(point.config, name), getattr(config, name)] for name in changed},
        "carried_over": list(carried.kept),
        "begun_anew": list(carried.new),
    }
