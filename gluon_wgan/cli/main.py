"""``gluon-wgan``: one command whose sub-commands are the modules of this folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Optional

from gluon_wgan import __version__
from gluon_wgan.cli.runner import BAD_INPUT, missing_library
from gluon_wgan.commands import COMMANDS, program
from gluon_wgan.utils.streams import protect_standard_streams


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
    # Its module has the same name, imported here because NumPy and MXNet read their number of threads when loaded.
    try:
        command = import_module(f"gluon_wgan.cli.{name.replace('-', '_')}")
    except ImportError as error:
        print(f"{program(name)}: {missing_library(error)}", file=sys.stderr)
        return BAD_INPUT
    return int(command.main(rest))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, (_, what) in COMMANDS.items()]
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
