"""Command-line interface of convert: weights between the authors' PyTorch files and this package's checkpoints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program

DESCRIPTION = """Convert weights between the authors' PyTorch files and this package's checkpoints.

    python tools/convert_weights.py samples/netG_epoch_24.pth converted
    python tools/convert_weights.py runs/0001 for_pytorch

The first makes a folder that gluon_wgan.load_generator opens; the second makes netG_epoch_N.pth,
netD_epoch_N.pth and generator_config.json, which the authors' generate.py and main.py load.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Convert as the command line says and return the exit status: 0, or 2 for bad input."""
    arguments = build_parser().parse_args(argv)
    return run_tool(program("convert"), lambda: convert_weights(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(prog=program("convert"), description=DESCRIPTION)
    add = parser.add_argument
    add(
        "source",
        type=Path,
        metavar="SOURCE",
        help="netG_epoch_N.pth or netD_epoch_N.pth, or a folder of them (the newest epoch); or a run directory (its "
        "newest checkpoint), a checkpoint, or a folder that this tool made",
    )
    add("out", type=Path, metavar="OUT", help="the folder to make, which must not exist yet or be empty")
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="the authors' generator_config.json (default: the one beside SOURCE; without one the generator's "
        "shape is read off its tensors)",
    )
    add("--generator-only", action="store_true", help="leave the critic out")
    return parser


def convert_weights(arguments: argparse.Namespace) -> None:
    """Convert what the arguments name, and print what was read and written."""
    compat.check_mxnet_loads()
    from gluon_wgan.interop.torch_weights import convert

    done = convert(arguments.source, arguments.out, arguments.config, generator_only=arguments.generator_only)
    for verb, paths in (("Read", done.read), ("Wrote", done.written)):
        for path in paths:
            print(f"{verb} {path}")
