"""What may have changed when a run is resumed, and the refusals of what may not."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import DRAWN_FACES, MATHS, TrainConfig, changed_fields
from gluon_wgan.data.preprocessing_spec import preprocessing_differences
from gluon_wgan.errors import UserError, shell_word
from gluon_wgan.runs.checkpoints import STATE, newest_whole_checkpoint, saved_iteration
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.untrusted import read_json_object

# Options of the mathematics that say on which device, and may change with --accept-other-device.
DEVICE_OPTIONS = ("gpus", "tf32")

# In environment.json: the script that started a run, where it is not the usual one.
PROGRAM, DEFAULT_PROGRAM = "program", "train_wgan.py"


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
