"""``gluon-wgan``: one command whose sub-commands are the modules of this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Optional

from gluon_wgan import __version__
from gluon_wgan.cli.runner import BAD_INPUT, missing_library
from gluon_wgan.commands import program
from gluon_wgan.utils.streams import protect_standard_streams

# Sub-command -> what it does. Its module has the same name, with an underscore for the hyphen.
COMMANDS = {
    "train": "train a WGAN, WGAN-GP or DCGAN, resume a run or branch from it",
    "prepare": "decode, crop and resize images once, into a store",
    "evaluate": "measure how far generated images are from real ones: SWD, FID, KID, PRDC and more",
    "generate": "draw images with a trained generator",
    "export": "export a generator to Gluon, ONNX or PyTorch, with a model card",
    "convert": "convert the authors' .pth files to checkpoints, and back",
    "compare": "compare runs in one table and on one page",
    "report": "write a run's report.html",
    "resize-parity": "compare how OpenCV, Pillow and MXNet resize your images",
    "launch": "start a training run on several machines, or several workers on this one",
    "gpu-check": "check that a GPU computes what training needs",
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the sub-command that the first argument names and return its exit status."""
    protect_standard_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    name, *rest = arguments
    if name == "--version":
        print(f"gluon_wgan {__version__}")
        return 0
    if name not in COMMANDS:
        print(f"gluon-wgan: There is no command {name!r}: use one of {', '.join(COMMANDS)}.", file=sys.stderr)
        return BAD_INPUT
    # Imported here because NumPy and MXNet read their number of threads when they are loaded.
    try:
        command = import_module(f"gluon_wgan.cli.{name.replace('-', '_')}")
    except ImportError as error:
        print(f"{program(name)}: {missing_library(error)}", file=sys.stderr)
        return BAD_INPUT
    return int(command.main(rest))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "usage: gluon-wgan COMMAND ...",
            "",
            "A reproduction toolkit for the Wasserstein GAN in Apache MXNet Gluon.",
            "",
            *lines,
            "",
            "gluon-wgan COMMAND --help lists the options of a command.",
        ]
    )
