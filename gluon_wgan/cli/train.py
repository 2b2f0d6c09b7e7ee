"""Command-line interface of train."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from gluon_wgan import __version__, compat, cuda
from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.cli.runner import run_tool
from gluon_wgan.commands import program
from gluon_wgan.config.train_config import TrainConfig, one_end, overridden_fields, preset_config, read_config
from gluon_wgan.errors import DeviceError, UserError, shell_word
from gluon_wgan.runs.log import log_to_terminal
from gluon_wgan.runs.threads import choose_threads
from gluon_wgan.training.distributed.roles import LOST, ROLE, WORKER, check_role, serve
from gluon_wgan.utils.text import printable

log = logging.getLogger("gluon_wgan")

# Exit status beside those of every tool; after a signal it is 128 + its number, as shells have it.
DIVERGED = 1


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Train as the command line says and return the exit status."""
    parser = build_parser(f"gluon_wgan {__version__}")
    arguments = parser.parse_args(argv)
    log_to_terminal()

    def work() -> int:
        options = chosen_options(arguments)
        resume = Path(arguments.resume) if arguments.resume is not None else None
        config = resolve(options, resume)
        threads = choose_threads(config, resume)
        if threads is not None:
            compat.set_threads(threads)
        if cuda.is_installed():
            cuda.set_arithmetic(tf32=config.tf32, fast=config.fast)
        role = check_role(config)
        if config.kvstore is not None and role is not None and role != WORKER:
            return serve(role, config.kvstore, config.worker_timeout, config.start_timeout)
        compat.check_mxnet_loads()
        if arguments.verbose and not arguments.dry_run:
            raise UserError("--verbose belongs to --dry-run: give that too, or leave --verbose out.")
        return _dry_run(config, arguments.verbose) if arguments.dry_run else _train(config, resume)

    status = run_tool(program("train"), work)
    worker_ends_early = status and os.environ.get(ROLE) == WORKER
    if worker_ends_early or (status == DeviceError.exit_status and cuda.is_installed()):
        # At Python's own end MXNet's destructors would wait for the other workers, or abort on the GPU that failed.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


def resolve(options: dict[str, Any], resume: Optional[Path]) -> TrainConfig:
    """Return the configuration that a preset, or the run to resume, and the given options make."""
    options = one_end(options)  # replaces what a preset or the run had
    if options.get("data") is not None:
        # Imported here because NumPy reads its number of threads when it is loaded.
        from gluon_wgan.data.prepared_data import adopt_store

        options = adopt_store(options)
    elif {"data_root", "dataset"} & set(options):
        options = {**options, "data": None}  # in place of the store that the run had
    if options.get("branch") is not None:
        if resume is not None:
            raise UserError("--branch starts a new run and --resume continues one: give one of them.")
        # Imported here as above.
        from gluon_wgan.training.branching import branch_config

        return branch_config(options)
    if resume is None:
        return preset_config(options.pop("preset", TrainConfig.preset), **options)
    if "out" in options:
        raise UserError(f"--out cannot be combined with --resume {resume}: the run stays where it is.")
    if resume.parent.name == "checkpoints" and resume.is_dir():
        raise UserError(
            f"--resume {resume} is a checkpoint, and a run goes on from its newest: give --resume "
            f"{shell_word(resume.parent.parent)}, or --branch {shell_word(resume)} to start a new run from there."
        )
    return read_config(resume / "config.json").replace(**{"accept_other_device": False, **options})


def _train(config: TrainConfig, resume: Optional[Path]) -> int:
    # Imported here because MXNet reads its number of threads when it is loaded.
    from gluon_wgan.reports.run_page import RunPage
    from gluon_wgan.training.exchange import PartnerLost
    from gluon_wgan.training.loop import Diverged
    from gluon_wgan.training.signals import Interrupted
    from gluon_wgan.training.trainer import train

    try:
        train(config, resume=resume, page=RunPage)
    except Interrupted as stop:
        return _fail(str(stop), 128 + stop.signum)
    except Diverged as error:
        return _fail(str(error), DIVERGED)
    except PartnerLost as lost:
        return _fail(str(lost), LOST)
    return 0


def _dry_run(config: TrainConfig, verbose: bool) -> int:
    from gluon_wgan.training.dry_run import describe_run

    changed = overridden_fields(config)
    print(f"{'preset':20} {config.preset}" + (" with:" if changed and not verbose else ""))
    for name, value in dataclasses.asdict(config).items():
        if verbose or name in changed:
            print(f"{name:20} {value}")
    for line in describe_run(config):
        print(line)
    return 0


def _fail(message: str, status: int) -> int:
    print(printable(f"{program('train')}: {message}"), file=sys.stderr)
    return status
