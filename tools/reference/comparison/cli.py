"""Command-line interface of ``tools/compare_with_pytorch.py``."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from gluon_wgan import __version__, compat
from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import MATHS, PIXELS, TrainConfig, preset_config
from gluon_wgan.errors import UserError
from gluon_wgan.utils.progress_bars import redraw_seconds
from tools.reference.comparison.plan import CRITIC_STEPS, GENERATOR_STEPS, Length

PROGRAM = "compare_with_pytorch.py"
# Compared when nothing else is asked for: the presets whose source is a PyTorch program, or the paper.
COMPARED = ("reference", "paper", "lite", "wgan-gp", "dcgan")
# Options of the machine that matter here too.
_MACHINE = ("cache_dir", "jobs", "strict", "threads")
# What the reference knows one way of: option -> value.
_ONE_WAY = {"running_var": "unbiased", "gpus": ()}
_EPILOG = """Every option of train_wgan.py that decides the mathematics or the data works here too, such as --image-size
--batch-size --ngf --ndf --dataset --data-root --dtype --seed --eps-rule. Running statistics always gather the unbiased
variance, PyTorch's rule. Exit status: 0, 2 for bad input."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare as the command line says and return the exit status.

    Parameters
    ----------
    argv
        The words after the program's name; None takes them from ``sys.argv``.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments, rest = _parser().parse_known_args(words)
    others = build_parser(__version__)
    others.prog = PROGRAM
    others_said = others.parse_args(rest)

    def compare() -> int:
        options = chosen_options(others_said)
        length = _length(arguments)
        configs = {name: make_config(name, options) for name in dict.fromkeys(arguments.preset or COMPARED)}
        _prepare_machine(configs)
        out = _free_folder() if arguments.out is None else Path(arguments.out)
        return _compare(configs, length, out, shlex.join(["python", f"tools/{PROGRAM}", *words]))

    return run_tool(PROGRAM, compare)


def make_config(preset: str, options: dict[str, Any]) -> TrainConfig:
    """Return a preset's configuration with options overridden and running statistics as in PyTorch.

    Raises
    ------
    UserError
        For an option that does not apply here, or that the reference cannot follow.
    """
    kinds = {name: field.metadata["kind"] for name, field in TrainConfig.__dataclass_fields__.items()}
    for name, value in options.items():
        if name in _ONE_WAY and value != _ONE_WAY[name]:
            raise UserError(f"{flag_of(name)} {value} has no counterpart in the reference: leave it out.")
        if kinds[name] not in (MATHS, PIXELS) and name not in _MACHINE:
            raise UserError(f"{flag_of(name)} does not apply to this comparison: leave it out.")
    return preset_config(preset, **{**options, **_ONE_WAY})


def _compare(configs: dict[str, TrainConfig], length: Length, out: Path, command: str) -> int:
    # Imported here because MXNet reads its number of threads when it is loaded.
    from tqdm import tqdm

    from gluon_wgan.data.prepared_data import prepare_data
    from tools.reference.comparison.about import about
    from tools.reference.comparison.run import trace
    from tools.reference.comparison.write import table, write_all

    stores = {name: prepare_data(config, progress=True) for name, config in configs.items()}
    _claim(out)
    try:
        found = {}
        with tqdm(total=length.total * len(configs), unit="step", mininterval=redraw_seconds()) as bar:
            for name, config in configs.items():
                bar.set_description(name)
                found[name] = trace(config, stores[name], length, bar.update)
        write_all(out, found, about(command))
    except OSError as error:
        raise UserError(f"Cannot write into {out} ({error.strerror or error}): choose another --out.") from None
    finally:
        # What was claimed and not filled would be in the way of the next attempt.
        with contextlib.suppress(OSError):
            out.rmdir()
    print("\n\n".join(table(one) for one in found.values()))
    print(f"\nReport: {out / 'trajectory.json'}")
    return 0


def _prepare_machine(configs: dict[str, TrainConfig]) -> None:
    threads = next(iter(configs.values())).threads
    if threads is not None:
        compat.set_threads(threads)
    compat.check_mxnet_loads()
    try:
        import torch  # noqa: F401
    except ImportError:
        raise UserError("The reference needs PyTorch, which is not installed: pip install torch.") from None


def _free_folder() -> Path:
    numbers = itertools.count(1)
    return next(path for path in (Path("runs") / f"trajectory-{n}" for n in numbers) if not path.exists())


def _claim(out: Path) -> None:
    try:
        out.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"{out} exists already: name a new folder with --out.") from None
    except OSError as error:
        raise UserError(f"Cannot make {out} ({error.strerror or error}): choose another --out.") from None


def _length(arguments: argparse.Namespace) -> Length:
    pair = (arguments.critic_steps, arguments.generator_steps)
    for flag, value in zip(("--steps", "--critic-steps", "--generator-steps"), (arguments.steps, *pair)):
        if value is not None and value < 1:
            raise UserError(f"{flag} {value} is too few: take 1 or more.")
    if arguments.steps is not None and pair != (None, None):
        raise UserError("--steps follows the preset's own schedule: leave --critic-steps and --generator-steps out.")
    return Length(arguments.steps, pair[0] or CRITIC_STEPS, pair[1] or GENERATOR_STEPS)


def _parser() -> argparse.ArgumentParser:
    parser = SentenceParser(
        prog=PROGRAM,
        description="Train gluon_wgan and an independent PyTorch WGAN side by side and measure how far they part.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    presets = f"one or more of: {', '.join(PRESETS)} (default: {' '.join(COMPARED)})"
    add("--preset", nargs="+", action="extend", metavar="NAME", help=presets)
    add("--critic-steps", type=int, metavar="N", help=f"critic steps for each generator step (default: {CRITIC_STEPS})")
    add("--generator-steps", type=int, metavar="N", help=f"generator steps (default: {GENERATOR_STEPS})")
    add("--steps", type=int, metavar="N", help="instead: so many steps of both kinds, by the preset's own schedule")
    add("--out", metavar="DIR", help="the folder of the report, which must not exist yet (default: runs/trajectory-N)")
    return parser
