"""Command-line interface of ``tools/rebuild_portraits.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.errors import UserError
from tools.portraits.export import verify_folder, write_folder
from tools.portraits.listing import COMMIT, LIST, REPOSITORY, read_list
from tools.portraits.source import PortraitsSource

EXAMPLES = f"""examples:
  git clone --bare {REPOSITORY} CLONE
  python tools/rebuild_portraits.py CLONE FOLDER
  python tools/rebuild_portraits.py --verify FOLDER

The clone must hold commit {COMMIT}.
The images are synthetic paintings by artflow.ai, licensed CC BY 4.0; FOLDER says so too.

exit status: 0 done; 2 bad input, a full disk, or not the very same bytes; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write or compare a folder as the command line says, and return the exit status."""
    arguments = build_parser().parse_args(argv)
    work = _write if arguments.verify is None else _verify
    return run_tool("rebuild_portraits.py", lambda: work(arguments), stopped="Stopped; the same command goes on.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog="rebuild_portraits.py",
        description="Make the 3,962 painted portraits again, byte for byte, from a clone of their repository.",
        epilog=EXAMPLES,
    )
    parser.add_argument("clone", nargs="?", metavar="CLONE", help="a clone of the repository, bare or not")
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="the folder to write, which must not exist yet")
    parser.add_argument("--verify", default=None, metavar="FOLDER", help="only compare a folder with the list")
    return parser


def _write(arguments: argparse.Namespace) -> None:
    if arguments.clone is None or arguments.folder is None:
        raise UserError("Two paths are needed: give CLONE and FOLDER, or --verify FOLDER.")
    source = PortraitsSource(arguments.clone, read_list(LIST))
    write_folder(source, Path(arguments.folder), progress=True)
    print(f"{arguments.folder}: {len(source):,} portraits, each with the SHA-256 on the list.")


def _verify(arguments: argparse.Namespace) -> None:
    if arguments.clone is not None:
        raise UserError(f"--verify compares one folder and has no use for {arguments.clone}: leave one of them out.")
    portraits = read_list(LIST)
    verify_folder(Path(arguments.verify), portraits)
    print(f"{arguments.verify} is whole: {len(portraits.portraits):,} portraits, each with the SHA-256 on the list.")
