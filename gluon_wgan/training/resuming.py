"""What may have changed when a run is resumed, the machine included, and the refusals of what may not."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import DRAWN_FACES, MATHS, TrainConfig, changed_fields
from gluon_wgan.data.preprocessing_spec import preprocessing_differences
from gluon_wgan.errors import UserError, shell_word
from gluon_wgan.runs.checkpoints import STATE, newest_whole_checkpoint, saved_iteration
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.untrusted import object_or_empty, read_json_object

# Options of the mathematics that say on which device, and may change with --accept-other-device.
DEVICE_OPTIONS = ("gpus", "tf32")

# In environment.json: the script that started a run, where it is not the usual one.
PROGRAM, DEFAULT_PROGRAM = "program", "train_wgan.py"

# What environment.json says of the arithmetic that decides the bits of a result.
_COMPARED = {
    "gpu_model": "GPU model",
    "cudnn": "cuDNN",
    "float32_products": "arithmetic of float32 products",
    "deterministic": "choice of algorithms",
    "precision": "precision",
    "memory_format": "memory format",
    "compiled": "torch.compile",
}
_VARIABLES = "variables"


def nothing_left(run: RunDirectory, config: TrainConfig) -> Optional[str]:
    """Return in a sentence that a run has come to its end already, or None while there is something to do."""
    newest = newest_whole_checkpoint(run.checkpoints)
    if newest is None:
        return None
    done = saved_iteration(newest)
    if config.gen_iters is not None:
        left, end = config.gen_iters - done, f"--gen-iters {config.gen_iters}"
        more = f"--gen-iters with more than {done}"
    else:
        assert config.epochs is not None  # TrainConfig has seen to it
        epoch = read_json_object(newest / STATE, non_finite=True)["data"]["epoch"]
        left, end, more = config.epochs - epoch, f"--epochs {config.epochs}", f"--epochs with more than {epoch}"
    drawn = (run.samples / f"fake_{done:06d}.png").is_file()  # a kill may have come between the last save and that
    if left > 0 or (left == 0 and not drawn):
        return None
    return (
        f"{run.path} stands at generator iteration {done}, and {end} ends {'there' if not left else 'before that'}: "
        f"nothing was changed. To train on, give --resume {shell_word(run.path)} {more}."
    )


def moved_data(config: TrainConfig, run: Optional[RunDirectory]) -> str:
    """Return what helps where a run's images are no longer where they were, empty otherwise."""
    missing = [path for path in (config.data, *config.data_roots) if path is not None and not os.path.exists(path)]
    parent = Path(config.branch).parent.parent if config.branch is not None else None
    origin = run if run is not None else RunDirectory(parent) if parent is not None else None
    if not missing or origin is None:
        return ""
    words = " If they were moved, say where they are now with --data-root, or give a prepared store with --data."
    if DRAWN_FACES in missing:
        words = ""  # the sentence before has said what to do
    try:
        known = read_json_object(origin.data_file)
        store, images, digest = (known.get(name) for name in ("store", "images", "content_sha256"))
    except (OSError, ValueError):
        return words
    there = isinstance(store, str) and os.path.isdir(store)
    words += f" {origin.data_file} says: {images} images, prepared in {store}, SHA-256 of the pixels {digest}."
    return words + (f" That store still exists: add --data {store}." if there else "")


def refuse_other_program(run: RunDirectory, program: str) -> None:
    """Refuse to continue a run that another script started: its weights are in files of another kind.

    Raises UserError naming the script that can.
    """
    try:
        started_by = read_json_object(run.environment_file).get(PROGRAM, DEFAULT_PROGRAM)
    except (OSError, ValueError):
        return  # the format of the checkpoint decides
    if started_by != program:
        raise UserError(f"{run.path} was trained by {started_by}: continue it with python {started_by} --resume.")


def refuse_other_preprocessing(run: RunDirectory, preprocessing: dict[str, Any]) -> None:
    """Refuse to resume a run on pixels of another backend or library version, before hours are spent on them.

    Raises UserError with what has changed.
    """
    try:
        known = read_json_object(run.data_file)["made_from"]
    except (OSError, ValueError, KeyError):
        return  # the hash of the pixels in the checkpoint decides
    if not isinstance(known, dict):
        return
    changed = preprocessing_differences(known, preprocessing)
    if changed:
        raise UserError(
            f"This run was trained on other pixels ({'; '.join(changed)}): put that back as it was, give its store "
            "with --data, or start a new run."
        )


def refuse_other_maths(old: TrainConfig, new: TrainConfig, accepted: Collection[str] = ()) -> None:
    """Refuse to resume a run with options that would make it another run.

    Options of the data are left to the hash of the pixels, so that a folder may move.

    Raises UserError with the names of the changed options, but for the accepted ones.
    """
    changed = [name for name in changed_fields(old, new, [MATHS]) if name not in accepted]
    if changed and set(changed) <= set(DEVICE_OPTIONS):
        raise UserError(
            f"This run was trained with another {', '.join(map(flag_of, changed))}: leave that out, or accept that the "
            "results will differ in their last bits with --accept-other-device."
        )
    if changed:
        raise UserError(
            f"This run cannot be resumed with another {', '.join(map(flag_of, changed))}, which changes its "
            f"mathematics: leave that out, or start a new run from it with --branch in place of --resume."
        )


def latest_environment(run: RunDirectory) -> dict[str, Any]:
    """Return what the run's last session wrote of its machine; empty where nothing can be read."""
    # Sorted, so that of two sessions in one second the later counts.
    found = map(object_or_empty, sorted(run.path.glob("environment_*.json"), reverse=True))
    known = [environment for environment in (*found, object_or_empty(run.environment_file)) if environment]
    return max(known, key=lambda environment: str(environment.get("started")), default={})


def device_class(environment: Mapping[str, Any]) -> str:
    """Return ``CPU``, ``GPU`` or, where the environment does not say, an empty string."""
    devices = environment.get("devices")
    if not isinstance(devices, list) or not devices:
        return ""
    return "CPU" if str(devices[0]).startswith("cpu") else "GPU"


def machine_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in words how two environments differ in what decides the bits of a result on a GPU."""
    classes = device_class(old), device_class(new)
    if "" in classes:
        return []
    if classes[0] != classes[1]:
        return [f"device {classes[0]} -> {classes[1]}"]
    changes = [
        f"{words} {_text(old[name])} -> {_text(new.get(name))}"
        for name, words in _COMPARED.items()
        if old.get(name) is not None and old[name] != new.get(name)
    ]
    before, after = old.get(_VARIABLES), new.get(_VARIABLES)
    if isinstance(before, dict) and isinstance(after, dict):
        differ = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        changes += [f"{name} {_text(before.get(name))} -> {_text(after.get(name))}" for name in differ]
    return changes


def refuse_other_machine(run: RunDirectory, new: Mapping[str, Any], program: str) -> None:
    """Refuse to continue a run on a device that would give it other bits.

    Raises UserError with what has changed, and the command that accepts it.
    """
    changes = machine_changes(latest_environment(run), new)
    if changes:
        raise UserError(
            f"{run.path} was trained on another device ({'; '.join(changes)}), so its results would differ in their "
            "last bits from there on: go back to that device, or accept the difference with "
            f"python {program} --resume {shell_word(run.path)} --accept-other-device."
        )


def _text(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "unset" if value is None else str(value)
