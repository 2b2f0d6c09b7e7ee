"""Command-line interface of ``tools/train_reference.py``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from gluon_wgan import __version__, compat
from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.cli.runner import run_tool
from gluon_wgan.cli.train import DIVERGED, resolve
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.interop.torch_files import import_torch
from gluon_wgan.runs.log import log_to_terminal
from gluon_wgan.training.resuming import latest_environment
from tools.reference.runner.options import (
    FOREIGN,
    follow_pytorch,
    refuse_foreign_flags,
    refuse_unknown_to_the_authors,
)

PROGRAM = "train_reference.py"
PRECISIONS = ("float32", "tf32", "bf16")
EXAMPLES = """examples:
  python tools/train_reference.py --preset reference --data STORE --out RUN_DIR --device cuda
  python tools/train_reference.py --resume RUN_DIR
  python tools/convert_weights.py RUN_DIR CONVERTED    then tools/generate.py, tools/evaluate.py and the rest

Running statistics always gather the unbiased variance, PyTorch's rule; weights start as train_wgan.py's do.

exit status: 0 done; 1 a loss is not finite; 2 bad input; 130 Ctrl-C; 143 SIGTERM; 129 a closed terminal
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Train as the command line says and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; None takes them from ``sys.argv``.
    """
    arguments = parser().parse_args(argv)
    log_to_terminal()

    def work() -> int:
        refuse_foreign_flags(vars(arguments))
        options = chosen_options(arguments)
        if arguments.precision is not None:
            options["tf32"] = arguments.precision == "tf32"
        resume = Path(arguments.resume) if arguments.resume is not None else None
        config = resolve(options if resume is not None else follow_pytorch(options), resume)
        refuse_unknown_to_the_authors(config)
        if config.threads is not None:
            compat.set_threads(config.threads)
        import_torch()
        return _train(config, resume, arguments)

    return run_tool(PROGRAM, work)


def parser() -> argparse.ArgumentParser:
    """Return train_wgan.py's parser without MXNet's options and with PyTorch's."""
    found = build_parser(f"gluon_wgan {__version__}")
    found.prog, found.epilog = PROGRAM, EXAMPLES
    found.description = "Train the independent PyTorch reference, by the options of train_wgan.py and without MXNet."
    for action in found._actions:
        if action.dest in (*FOREIGN, "running_var"):
            action.help = argparse.SUPPRESS
    add = found.add_argument_group("PyTorch").add_argument
    devices = "where to train (default: cuda if PyTorch sees a GPU, else cpu)"
    add("--device", choices=("cuda", "cpu"), default=None, help=devices)
    add(
        "--precision",
        choices=PRECISIONS,
        default=None,
        help="float32; tf32 (on a GPU, the same as --tf32); bf16: convolutions and products in bfloat16, with weights, "
        "losses, optimizers and samples in float32 (default: float32)",
    )
    boolean = argparse.BooleanOptionalAction
    add("--channels-last", action=boolean, default=None, help="keep images in the channels_last memory format")
    add("--compile", action=boolean, default=None, help="compile the networks with torch.compile; not for wgan-gp")
    return found


def _train(config: TrainConfig, resume: Optional[Path], arguments: argparse.Namespace) -> int:
    # Imported here because PyTorch reads its number of threads when it is loaded.
    import torch

    from gluon_wgan.reports.run_page import RunPage
    from gluon_wgan.training.loop import Diverged
    from gluon_wgan.training.run_training import open_run, train_in
    from gluon_wgan.training.signals import Interrupted
    from tools.reference.runner.device import Arithmetic, choose_device, set_arithmetic
    from tools.reference.runner.engine import ReferenceEngine

    run = open_run(config, resume, ReferenceEngine.program)
    device = choose_device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    recorded = latest_environment(run) if run is not None else {}
    arithmetic = Arithmetic.chosen(vars(arguments), recorded, tf32=config.tf32)
    arithmetic.refuse_impossible(config, device)
    settings: dict[str, Any] = set_arithmetic(device, fast=config.fast, tf32=config.tf32)
    try:
        train_in(
            run, config, lambda: ReferenceEngine(config, device, arithmetic, settings), progress=True, page=RunPage
        )
    except Interrupted as stop:
        return _fail(str(stop), 128 + stop.signum)
    except Diverged as error:
        return _fail(str(error), DIVERGED)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return status
