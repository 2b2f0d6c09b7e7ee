"""From a configuration to a finished run directory, whatever trains."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import DRAWN_FACES, MATHS, TrainConfig, changed_fields
from gluon_wgan.data.aliasing import aliasing_warning
from gluon_wgan.data.prepared_data import find_source, prepare_data, recognisable_roots, way_of
from gluon_wgan.data.preprocessing_spec import other_ways
from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError, last_line, remedy, shell_word
from gluon_wgan.runs.checkpoints import STATE, list_checkpoints, newest_whole_checkpoint, saved_iteration
from gluon_wgan.runs.directory import RunDirectory, refuse_taken
from gluon_wgan.runs.failures import gpu_failures_explained
from gluon_wgan.runs.log import log_to_file
from gluon_wgan.runs.machine import refuse_other_machine
from gluon_wgan.runs.tensorboard import check_tensorboard
from gluon_wgan.training.branching import find_branch_point, refuse_finished
from gluon_wgan.training.engine import Engine
from gluon_wgan.training.exchange import PartnerLost
from gluon_wgan.training.loop import Diverged, PageFactory, Session, Start, facts
from gluon_wgan.training.signals import Interrupted, InterruptWatch
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.new_folder import scratch_folder
from gluon_wgan.utils.untrusted import read_json_object

log = logging.getLogger("gluon_wgan")

# Options of the mathematics that say on which device, and may change with --accept-other-device.
DEVICE_OPTIONS = ("gpus", "tf32")

# In environment.json: the script that started a run, where it is not the usual one.
PROGRAM, DEFAULT_PROGRAM = "program", "train_wgan.py"


def open_run(config: TrainConfig, resume: Optional[Path], program: str) -> Optional[RunDirectory]:
    """Return the run to continue, or None for a new one, before any work is done for it.

    Parameters
    ----------
    config
        What to train.
    resume
        The run directory to continue.
    program
        The script that asks, which must be the one that started the run.

    Raises
    ------
    UserError
        When the run cannot be continued so, or the new one's directory is taken.
    """
    if resume is None:
        refuse_taken(config.out)
        if config.branch is not None:
            point = find_branch_point(Path(config.branch))
            refuse_other_program(point.run, program)
            refuse_finished(point, config)
        return None
    run = RunDirectory.open(resume)
    refuse_other_program(run, program)
    refuse_other_maths(run.config(), config, accepted=DEVICE_OPTIONS if config.accept_other_device else ())
    return run


def train_in(
    run: Optional[RunDirectory],
    config: TrainConfig,
    build_engine: Callable[[], Engine],
    *,
    progress: bool,
    page: Optional[PageFactory] = None,
) -> Path:
    """Train into a run directory and return it.

    Parameters
    ----------
    run
        What :func:`open_run` returned.
    config
        Everything that decides the run.
    build_engine
        Makes what trains, at its beginning.
    progress
        Whether to show progress bars on stderr.
    page
        Makes the page of the run; None writes none.

    Raises
    ------
    UserError, Diverged, Interrupted
        As :func:`gluon_wgan.training.trainer.train` explains.
    """
    ended = nothing_left(run, config) if run is not None else None
    if run is not None and ended is not None:
        log.info("%s", ended)
        return run.path
    try:
        store, warning = find_pixels(config, run, progress)
    except UserError as error:
        raise UserError(f"{error}{moved_data(config, run)}") from None
    if config.tensorboard:
        check_tensorboard()
    with gpu_failures_explained(None):
        resumed, engine, start = run is not None, build_engine(), None
    if run is not None and not config.accept_other_device:
        refuse_other_machine(run, {"devices": list(engine.devices), **engine.about}, engine.program)
    if config.branch is not None and (run is None or not list_checkpoints(run.checkpoints)):
        start = Start.from_branch(engine, config, store)
    engine.exchange.agree(facts(config, store))
    # Whatever can be refused has been refused by now: a start that is refused leaves no directory behind.
    with InterruptWatch() as watch, ExitStack() as cleanup:
        if engine.exchange.rank > 0:
            run = follower_directory(cleanup.enter_context(scratch_folder("gluon_wgan-worker")), run, config)
        elif run is None:
            run = RunDirectory.create(config, {**describe_store(store), "resize_warning": warning})
        try:
            with run.locked(), log_to_file(run.log_file, warning, store.dark_warning), gpu_failures_explained(run):
                _run(Session(config, run, store, engine, resumed, watch, progress, start, page))
        except OSError as error:
            raise UserError(
                f"Cannot write into {run.path} ({last_line(error)}): {remedy(error, 'check that folder')}; then "
                f"continue with --resume {shell_word(run.path)}."
            ) from None
    return run.path


def _run(session: Session) -> None:
    """Train to the end, and leave the other workers, if there are any, as one that ends or as one that lost them."""
    try:
        # How long to train and how often to save may have changed.
        atomic_files.write_json(session.run.config_file, session.config.to_json())
        session.loop()
        session.engine.exchange.leave()
    except (Interrupted, Diverged):
        session.engine.exchange.leave()
        raise
    except PartnerLost as lost:
        session.save_after_loss(lost)
    finally:
        session.close()


def follower_directory(scratch: Path, run: Optional[RunDirectory], config: TrainConfig) -> RunDirectory:
    """Return where a worker other than 0 keeps its log and metrics: a temporary folder, with the run's checkpoints."""
    own = RunDirectory.create(config.replace(out=str(scratch / "run")), {})
    if run is not None:
        own.checkpoints = run.checkpoints
    return own


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

    Raises
    ------
    UserError
        Naming the script that can.
    """
    try:
        started_by = read_json_object(run.environment_file).get(PROGRAM, DEFAULT_PROGRAM)
    except (OSError, ValueError):
        return  # the format of the checkpoint decides
    if started_by != program:
        raise UserError(f"{run.path} was trained by {started_by}: continue it with python {started_by} --resume.")


def find_pixels(config: TrainConfig, run: Optional[RunDirectory], progress: bool) -> tuple[Store, Optional[str]]:
    """Return the prepared images of a configuration, for a new run or one to be resumed, and what was warned of.

    Raises
    ------
    UserError
        When there are none, or a resumed run's were prepared in another way.
    """
    if run is not None:
        refuse_other_way(run, way_of(config))
    source = find_source(config) if config.data is None else None
    warning = None
    if source is not None:
        warning = aliasing_warning(
            source,
            size=config.image_size,
            resize=config.resize,
            crop=config.crop,
            roots=recognisable_roots(config),
            fit=config.fit,
        )
    if warning is not None:
        log.warning("%s", warning)  # before hours of preparing
    store = prepare_data(config, progress=progress, source=source)
    if source is None and store.resize_warning is not None:
        warning = store.resize_warning
        log.warning("%s", warning)
    if source is None and store.dark_warning is not None:
        log.warning("%s", store.dark_warning)
    return store, warning


def describe_store(store: Store) -> dict[str, Any]:
    """Return what a run directory keeps of its data: where and how much it was, its hash, what it was made from."""
    return {
        "store": str(store.path.resolve()),
        "images": len(store),
        "skipped": len(store.skipped),
        "left_out": store.left_out,
        "content_sha256": store.content_sha256,
        "made_from": store.made_from,
    }


def refuse_other_way(run: RunDirectory, way: dict[str, Any]) -> None:
    """Refuse to resume a run on pixels of another backend or library version, before hours are spent on them.

    Raises
    ------
    UserError
        With what has changed.
    """
    try:
        known = read_json_object(run.data_file)["made_from"]
    except (OSError, ValueError, KeyError):
        return  # the hash of the pixels in the checkpoint decides
    if not isinstance(known, dict):
        return
    changed = other_ways(known, way)
    if changed:
        raise UserError(
            f"This run was trained on other pixels ({'; '.join(changed)}): put that back as it was, give its store "
            "with --data, or start a new run."
        )


def refuse_other_maths(old: TrainConfig, new: TrainConfig, accepted: Collection[str] = ()) -> None:
    """Refuse to resume a run with options that would make it another run.

    Options of the data are left to the hash of the pixels, so that a folder may move.

    Parameters
    ----------
    accepted
        Names of options that may have changed.

    Raises
    ------
    UserError
        With the names of the changed options.
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
