"""Command-line interface of prepare."""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.flags import add_flags, whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.aliasing import aliasing_warning
from gluon_wgan.data.join_parts import join_parts
from gluon_wgan.data.preparation import prepare_at
from gluon_wgan.data.prepared_data import find_source, preparation_of, recognisable_roots
from gluon_wgan.data.sources.composed import Part
from gluon_wgan.data.store import SKIPPED, Store, open_store, recorded_files
from gluon_wgan.errors import UserError
from gluon_wgan.runs.log import log_to_terminal

log = logging.getLogger("gluon_wgan")

_SHARED_WITH_TRAINING = (
    *("dataset", "exclude", "limit", "fraction", "subset_seed"),
    *("image_size", "resize", "crop", "fit", "center_crop", "nc", "bit_depth", "max_pixels"),
    *("strict", "jobs", "cache_dir"),
)
EXAMPLES = """examples:
  python tools/prepare_data.py IMAGES --out STORE --image-size 64 --resize pil
  python tools/prepare_data.py LSUN/bedroom_train_lmdb --out STORE --fraction 0.1 --resume
  python tools/prepare_data.py IMAGES --out PARTS/3 --image-size 64 --part 3/8
  python tools/prepare_data.py --join PARTS/* --out STORE
  python tools/prepare_data.py --verify STORE
  python train_wgan.py --data STORE

exit status: 0 done; 2 bad input, a full disk, or a damaged store; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Prepare or verify a store as the command line says, and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    work = verify if arguments.verify is not None else make if arguments.join is None else join
    return run_tool(
        program("prepare"), lambda: work(arguments), stopped="Stopped; the same command with --resume goes on."
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; what training knows too has training's flags and defaults."""
    parser = SentenceParser(
        prog=program("prepare"),
        description="Decode, crop and resize images once, into a store that train_wgan.py --data reads.",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,
    )
    # The options of training stay out of the namespace where they are not given, these do not.
    parser.set_defaults(source=(), out=None, resume=False, shards=None, verify=None, part=None, join=None)
    add = parser.add_argument
    add("source", nargs="*", metavar="SOURCE", help="a folder, a list, an archive or a database; several are joined")
    add("--out", metavar="STORE", help="the store's folder, which must not exist yet")
    add("--resume", action="store_true", help="go on where an earlier process stopped")
    add("--shards", type=whole_number, metavar="N", help="cut the pixels into N files (default: files of 1 GiB)")
    add("--verify", metavar="STORE", help="only read a store again, and name the first damaged file")
    add(
        "--part",
        metavar="K/N",
        help="prepare the K-th of N parts of the images, to be joined later (docs/several_machines.md)",
    )
    add("--join", nargs="+", metavar="PART", help="join all parts into one store, named with --out")
    add_flags(parser, _SHARED_WITH_TRAINING)
    return parser


def verify(arguments: argparse.Namespace) -> None:
    """Read a store again: UserError naming the first file that is not as it was made."""
    store = open_store(arguments.verify, part=True)
    store.verify(progress=True)
    print(f"{store.path} is whole: {_described(store)}.")


def join(arguments: argparse.Namespace) -> None:
    """Join the parts of a store.

    Raises UserError for parts that do not belong together, a full disk, or something else in the store's place.
    """
    if arguments.out is None:
        raise UserError("Nothing says where to put the store: give --out STORE.")
    others = [flag_of(name) for name in vars(arguments) if name in _SHARED_WITH_TRAINING]
    others += [flag for flag, given in (("--part", arguments.part), ("--resume", arguments.resume)) if given]
    if arguments.source or others:
        raise UserError(
            f"--join cannot be combined with {', '.join(others) or 'images'}: the parts hold all that is needed."
        )
    started = time.perf_counter()
    store = join_parts(
        [Path(part) for part in arguments.join], Path(arguments.out), shards=arguments.shards, progress=True
    )
    _describe(store, started)


def make(arguments: argparse.Namespace) -> None:
    """Prepare a store, or a part of one.

    Raises UserError for bad input, a full disk, or something else in the store's place.
    """
    if arguments.out is None:
        raise UserError("Nothing says where to put the store: give --out STORE.")
    given = {name: value for name, value in vars(arguments).items() if name in _SHARED_WITH_TRAINING}
    config = TrainConfig(data_root=tuple(arguments.source) or None, **given)
    if not arguments.source and config.dataset != "built-in":
        raise UserError("Nothing says where the images are: give their folder, list, archive or database.")
    source = find_source(config)
    warning = aliasing_warning(
        source,
        size=config.image_size,
        resize=config.resize,
        crop=config.crop,
        roots=recognisable_roots(config),
        fit=config.fit,
        seconds=math.inf,  # so that every part of a store says the same on any machine
    )
    if warning is not None:
        log.warning("%s", warning)
    started = time.perf_counter()
    how = preparation_of(config, progress=True)
    store = prepare_at(
        Path(arguments.out),
        source,
        how,
        shards=arguments.shards,
        resume=arguments.resume,
        warning=warning,
        part=None if arguments.part is None else Part.parse(arguments.part),
    )
    _describe(store, started)


def _describe(store: Store, started: float) -> None:
    print(f"{store.path}: {_described(store)}, after {time.perf_counter() - started:.1f} s.")
    if store.skipped:
        print(f"Skipped {len(store.skipped)} images, listed in {store.path / SKIPPED}.")


def _described(store: Store) -> str:
    images, channels, size, _ = store.images.shape
    shards, in_bytes = len(store.meta["shards"]), sum(length for _, length, _ in recorded_files(store.meta))
    files = f"{shards} shards" if shards > 1 else "1 shard"
    depth = "gray" if channels == 1 else f"{channels} channels"
    return f"{images:,} images of {size}x{size}, {depth}, {in_bytes / 1e6:,.1f} MB in {files}"
