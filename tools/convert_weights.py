"""Convert weights between the authors' PyTorch files and this package's checkpoints.

    python tools/convert_weights.py samples/netG_epoch_24.pth converted
    python tools/convert_weights.py runs/0001 for_pytorch

The first makes a folder that gluon_wgan.load_generator opens; the second makes netG_epoch_N.pth,
netD_epoch_N.pth and generator_config.json, which the authors' generate.py and main.py load.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def _parser() -> argparse.ArgumentParser:
    from gluon_wgan.cli.runner import SentenceParser

    parser = SentenceParser(prog="convert_weights.py", description=__doc__ or "")
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


def main() -> int:
    """Convert as the command line says and return the exit status: 0, or 2 for bad input."""
    try:
        from gluon_wgan.cli.runner import run_tool
    except ImportError as error:
        print(f"convert_weights.py: {error}", file=sys.stderr)
        return 2
    arguments = _parser().parse_args()
    return run_tool("convert_weights.py", lambda: convert_weights(arguments))


def convert_weights(arguments: argparse.Namespace) -> None:
    """Convert what the arguments name, and print what was read and written.

    Raises
    ------
    UserError
        For bad input.
    """
    from gluon_wgan import compat

    compat.check_mxnet_loads()
    from gluon_wgan.interop.torch_weights import convert

    done = convert(arguments.source, arguments.out, arguments.config, generator_only=arguments.generator_only)
    for verb, paths in (("Read", done.read), ("Wrote", done.written)):
        for path in paths:
            print(f"{verb} {path}")


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are imported
    sys.exit(main())
