"""Command-line interface of export."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.runs.log import log_to_terminal

FORMATS = ("gluon", "onnx", "torch", "safetensors")
EXAMPLES = """formats:
  gluon   generator-symbol.json and generator-0000.params, for SymbolBlock.imports and plain MXNet
  onnx    generator.onnx, for any number of latents at once
  torch   netG_epoch_N.pth and generator_config.json, for the authors' PyTorch code
  safetensors   generator.safetensors, for load_generator, --net-g and model hubs

examples:
  python tools/export_model.py runs/0001 --format onnx --out EXPORTED

exit status: 0 done; 2 bad input or a full disk; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Export as the command line says and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    return run_tool(program("export"), lambda: export_model(arguments), stopped="Stopped; nothing was left behind.")


def export_model(arguments: argparse.Namespace) -> None:
    """Export what the arguments say, and print what was written."""
    compat.check_mxnet_loads()
    # Imported here because NumPy and MXNet read their settings when they are loaded.
    from gluon_wgan.generators.export_model import export

    done = export(arguments.source, arguments.format, arguments.out)
    for path in done.written:
        print(f"Wrote {path}")
    print(done.statistics)
    print(done.agreement)
    print("MODEL_CARD.md has places to fill in: whose the data are, and the licence.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog=program("export"),
        description="Export a trained generator for other programs, with a model card.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a run directory (its newest checkpoint) or a checkpoint")
    add("--format", required=True, choices=FORMATS, help="see below")
    add("--out", required=True, type=Path, metavar="FOLDER", help="where to put the files: a new folder")
    return parser
