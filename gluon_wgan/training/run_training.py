"""From a configuration to a finished run directory, whatever trains."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Optional

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import CADENCE, LENGTH, MATHS, TrainConfig
from gluon_wgan.data.aliasing import aliasing_warning
from gluon_wgan.data.prepared_data import find_source, prepare_data, preprocessing_of, recognisable_roots
from gluon_wgan.data.store import Store
from gluon_wgan.errors import DeviceError, UserError, last_line, remedy, shell_word
from gluon_wgan.gpu_errors import explain
from gluon_wgan.runs.checkpoints import list_checkpoints
from gluon_wgan.runs.directory import RunDirectory, refuse_taken
from gluon_wgan.runs.environment import describe_environment
from gluon_wgan.runs.log import log_to_file
from gluon_wgan.runs.tensorboard import check_tensorboard
from gluon_wgan.training.branching import find_branch_point, refuse_finished, start_branch
from gluon_wgan.training.engine import Engine
from gluon_wgan.training.exchange import PartnerLost
from gluon_wgan.training.loop import Diverged, PageFactory, Session
from gluon_wgan.training.resuming import (
    DEVICE_OPTIONS,
    moved_data,
    nothing_left,
    refuse_other_machine,
    refuse_other_maths,
    refuse_other_preprocessing,
    refuse_other_program,
)
from gluon_wgan.training.signals import Interrupted, InterruptWatch
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.new_folder import scratch_folder

log = logging.getLogger("gluon_wgan")


def open_run(config: TrainConfig, resume: Optional[Path], program: str) -> Optional[RunDirectory]:
    """Return the run to continue, or None for a new one, before any work is done for it.

    Raises UserError when the run cannot be continued so, as it cannot by another script (``program``) than the one that
    started it, or when the new one's directory is taken.
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
    build_engine
        Makes what trains, at its beginning.
    page
        Makes the page of the run; None writes none.

    Raises
    ------
    UserError, Diverged, Interrupted
        As :func:`gluon_wgan.train` explains.
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
        start = start_branch(engine, config, store)
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


@contextmanager
def gpu_failures_explained(run: Optional[RunDirectory]) -> Iterator[None]:
    """Turn what MXNet or PyTorch raises for a failing GPU into a DeviceError that says how to go on.

    The run is None before its directory exists.
    """
    try:
        yield
    except RuntimeError as error:  # MXNetError and PyTorch's errors are of this type
        checkpoints = [] if run is None else list_checkpoints(run.checkpoints)
        how = "start again"
        if run is not None and checkpoints:
            how = f"continue from checkpoint {checkpoints[-1].name} with --resume {shell_word(run.path)}"
        sentence = explain(str(error), how)
        if sentence is None:
            raise
        raise DeviceError(sentence) from None


def follower_directory(scratch: Path, run: Optional[RunDirectory], config: TrainConfig) -> RunDirectory:
    """Return where a worker other than 0 keeps its log and metrics: a temporary folder, with the run's checkpoints."""
    own = RunDirectory.create(config.replace(out=str(scratch / "run")), {})
    if run is not None:
        own.checkpoints = run.checkpoints
    return own


def find_pixels(config: TrainConfig, run: Optional[RunDirectory], progress: bool) -> tuple[Store, Optional[str]]:
    """Return the prepared images of a configuration, for a new run or one to be resumed, and what was warned of.

    Raises UserError when there are none, or a resumed run's were prepared differently.
    """
    if run is not None:
        refuse_other_preprocessing(run, preprocessing_of(config))
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


def facts(config: TrainConfig, store: Store) -> dict[str, Any]:
    """Return what must be the same for all workers of a run, by the words that name it."""
    environment = describe_environment([])
    options = [field.name for field in dataclasses.fields(config) if field.metadata["kind"] in (MATHS, LENGTH, CADENCE)]
    return {
        "the commit of gluon-wgan": environment["git_commit"],
        "the versions of libraries": environment["libraries"],
        "the pixels of the store": store.content_sha256,
        **{flag_of(name): getattr(config, name) for name in options},
    }
