"""Command-line interface of resize-parity."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan import __version__, compat
from gluon_wgan.cli.flags import add_flags, whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data import aliasing_options
from gluon_wgan.data.geometry import FITS, Box
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.errors import UserError
from gluon_wgan.reports.resize_page import write_report
from gluon_wgan.resize_parity import output, plan
from gluon_wgan.resize_parity.comparison_report import compare_backends
from gluon_wgan.resize_parity.decoders import DECODERS
from gluon_wgan.resize_parity.plan import Plan
from gluon_wgan.utils.new_folder import free_name, new_folder

ALIASES = 1
_EPILOG = """The images may be whatever --data-root of train_wgan.py reads (folders, lists, archives, databases,
shards, patterns) and single files; none at all stands for 64 built-in portraits. Exit status: 0, 2 for bad input, and
with --check 1 when the backend aliases at one of the sizes."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare as the command line says and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(words)
    command = shlex.join(["python", "tools/resize_parity.py", *words])
    return run_tool(program("resize-parity"), lambda: _compare(arguments, command))


def make_plan(arguments: argparse.Namespace) -> Plan:
    """Turn parsed arguments into a plan, or raise UserError."""
    sizes, more_images = _sizes(arguments.size)
    names, still_more = _backends(arguments)
    if arguments.jobs < 1:
        raise UserError(f"{arguments.jobs} processes cannot compare images: use 1 or more.")
    return plan.make_plan(
        [*arguments.images, *more_images, *still_more],
        sizes=sizes,
        backends=[*names, *filter(None, [arguments.check])],
        against=arguments.against,
        crop=_crop(arguments.crop),
        fit=arguments.fit,
        exclude=arguments.exclude or (),
        bit_depth=arguments.bit_depth,
        enlarge=arguments.enlarge,
        decoders=_decoders(arguments.decoders),
    )


def _compare(arguments: argparse.Namespace, command: str) -> int:
    planned = make_plan(arguments)
    out = free_name(Path(aliasing_options.OUT)) if arguments.out is None else Path(arguments.out)
    with new_folder(out) as folder:
        findings, report = compare_backends(planned, jobs=arguments.jobs, progress=not arguments.quiet, command=command)
        write_report(folder, findings, report, figures=arguments.figures)
    if not arguments.quiet:
        print(output.as_text(report))
        print(f"\nReport: {out / 'parity.html'}")
    backend = canonical_name(arguments.check) if arguments.check else None
    return ALIASES if backend is not None and any(found.aliases[backend] for found in report.cases) else 0


def _parser() -> argparse.ArgumentParser:
    parser = SentenceParser(
        prog=program("resize-parity"),
        description="Compare how resize backends treat your own images, and whether it matters to a GAN.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    sizes = " ".join(map(str, aliasing_options.SIZES))
    add("images", nargs="*", metavar="IMAGES", help="what to compare on (default: 64 built-in portraits)")
    add("--size", nargs="+", default=[], metavar="PIXELS", help=f"sizes to resize to (default: {sizes})")
    add("--backends", nargs="+", default=[], metavar="NAME", help="all, or names as in --resize (default: all)")
    against = aliasing_options.AGAINST
    add("--against", default=against, metavar="NAME", help="the backend to compare with (default: %(default)s)")
    add("--fit", choices=FITS, default=TrainConfig.fit, help="how an image becomes a square, as in training")
    add("--crop", metavar="L,T,R,B", help="cut this box of pixels out of each image first, as in training")
    add_flags(parser, ("exclude", "bit_depth"))
    add("--decoders", metavar="NAMES", help=f"compare decoders too, of {','.join(DECODERS)}, the first with the others")
    enlarged = f"{aliasing_options.ENLARGE_FROM} to {aliasing_options.ENLARGE_TO} pixels"
    add("--enlarge", action="store_true", help=f"compare enlarging too, {enlarged}")
    add("--check", metavar="NAME", help="exit with status 1 when this backend aliases; compare it alone")
    out = aliasing_options.OUT
    add("--out", metavar="DIR", help=f"a new folder for the report (default: {out}, or {out}-2 and so on)")
    add("--figures", action="store_true", help="also write every figure and table as a file of its own")
    add("--jobs", type=whole_number, default=compat.usable_cores(), metavar="N", help="processes (default: one a core)")
    add("--quiet", action="store_true", help="no progress bar and no table")
    add("--version", action="version", version=f"gluon_wgan {__version__}")
    return parser


def _sizes(words: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the sizes, and what stands behind them: images that argparse could not tell apart."""
    pieces = [piece for word in words for piece in _pieces(word)]
    sizes = [int(piece) for piece in pieces if piece.isdecimal()]
    images = [piece for piece in pieces if not piece.isdecimal()]
    for image in images:
        if not os.path.exists(image):
            raise UserError(f"{image!r} is neither a size in pixels nor an existing path: fix --size.")
    return list(dict.fromkeys(sizes)) or list(aliasing_options.SIZES), images


def _backends(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return the names of the backends, and images that stand behind them."""
    names, images = [], []
    for piece in (piece for word in arguments.backends for piece in _pieces(word)):
        if piece != "all" and piece not in BACKENDS and os.path.exists(piece):
            images.append(piece)
        else:
            names += list(BACKENDS) if piece == "all" else [canonical_name(piece)]
    return names or ([] if arguments.check else list(BACKENDS)), images


def _pieces(word: str) -> list[str]:
    return [word] if os.path.exists(word) else [piece for piece in word.split(",") if piece]


def _crop(words: Optional[str]) -> Optional[Box]:
    if words is None:
        return None
    try:
        left, top, right, bottom = (int(word) for word in words.split(","))
    except ValueError:
        raise UserError(f"--crop {words} is no box: give LEFT,TOP,RIGHT,BOTTOM in pixels.") from None
    if not (0 <= left < right and 0 <= top < bottom):
        raise UserError(f"--crop {words} is empty or negative: give LEFT,TOP,RIGHT,BOTTOM in pixels.")
    return left, top, right, bottom


def _decoders(words: Optional[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in (words or "").split(",") if name))
    for name in names:
        if name not in DECODERS:
            raise UserError(f"There is no decoder {name!r}: choose {', '.join(DECODERS)}.")
    if len(names) == 1:
        raise UserError(f"--decoders {words} compares nothing: name two or more.")
    return names
