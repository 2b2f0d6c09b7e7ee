"""Command-line interface of generate."""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from gluon_wgan import compat
from gluon_wgan.cli.flags import whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.devices import choose_contexts, parse_gpus
from gluon_wgan.errors import UserError
from gluon_wgan.runs.log import log_to_terminal
from gluon_wgan.utils.new_folder import free_name, new_folder, refuse_taken

if TYPE_CHECKING:
    from gluon_wgan.generators.image_folder import ImageFolder
    from gluon_wgan.generators.load import LoadedGenerator

GRID, KEYFRAMES, STEPS = "8x8", 6, 10
# Samples whose neighbours are sought: when --num does not say, and the first of them at most.
SAMPLES, MAX_SAMPLES = 64, 1024
EXAMPLES = """examples:
  python tools/generate.py runs/0001 --out IMAGES                       a grid of 8x8 images
  python tools/generate.py runs/0001 --out IMAGES --num 1000 --seed 1   1,000 PNG files
  python tools/generate.py runs/0001 --out IMAGES --interpolate         a walk between images, as GIF and video
  python tools/generate.py runs/0001 --out IMAGES --neighbours 6        has it memorized training images?
  python tools/generate.py runs/0001 --page                             a page that runs it in a browser
  python tools/generate.py -c generator_config.json -w netG_epoch_24.pth -o IMAGES -n 64
                                                 the authors' generate.py: writes IMAGES/generated.png

exit status: 0 done; 2 bad input or a full disk; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Draw as the command line says and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    return run_tool(program("generate"), lambda: generate(arguments), stopped="Stopped; nothing was left behind.")


def generate(arguments: argparse.Namespace) -> None:
    """Draw what the arguments say."""
    compat.check_mxnet_loads()
    _check(arguments)
    if arguments.source is None:
        _as_the_authors(arguments)
    else:
        _draw(arguments)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog=program("generate"), description="Draw images with a trained generator.", epilog=EXAMPLES
    )
    add = parser.add_argument
    add("source", nargs="?", type=Path, metavar="SOURCE", help="a run directory (its newest checkpoint) or checkpoint")
    add(
        "-o",
        "--out",
        "--output_dir",
        type=Path,
        metavar="FOLDER",
        help="where to put the images: a new folder (default: generated, generated-2 and so on in the run directory)",
    )
    what = parser.add_argument_group("what to draw (default: --grid)")
    add = what.add_argument
    number = partial(add, type=whole_number, metavar="N")
    number("-n", "--num", "--nimages", help="single PNG files, this many")
    add("--grid", nargs="?", const=GRID, metavar="ROWSxCOLS", help=f"many images in one file (default: {GRID})")
    walk = f"a walk through N images and back, as a strip, a GIF and a video (default: {KEYFRAMES})"
    number("--interpolate", nargs="?", const=KEYFRAMES, help=walk)
    number("--steps", help=f"steps of the walk from one image to the next (default: {STEPS})")
    nearest = f"the K nearest training images of the samples (default: of {SAMPLES}; at most {MAX_SAMPLES})"
    number("--neighbours", metavar="K", help=nearest)
    add("--page", action="store_true", help="one HTML file that runs the generator in a browser, without a network")
    add("--data", type=Path, metavar="STORE", help="the training images, if the run's own store has moved")
    how = parser.add_argument_group("how")
    add = how.add_argument
    number = partial(add, type=whole_number, metavar="N")
    number("--seed", default=TrainConfig.seed, help="of the latents (default: %(default)s)")
    add("--truncate", type=float, metavar="X", help="draw numbers of the latents beyond +-X again")
    add("--bn", choices=("batch", "running"), help="batch norm's statistics (default: those of the run's samples)")
    add("--ema", action="store_true", help="draw with the averaged generator of a run trained with --ema")
    add("--gpus", default="", metavar="N", help="the GPU to draw on (default: the CPU)")
    theirs = parser.add_argument_group("instead of SOURCE, as the authors' generate.py has it")
    theirs.add_argument("-c", "--config", type=Path, metavar="FILE", help="generator_config.json, or generator.json")
    theirs.add_argument("-w", "--weights", type=Path, metavar="FILE", help="netG_epoch_N.pth, or generator.params")
    theirs.add_argument("--cuda", action="store_true", help="same as --gpus 0")
    return parser


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before anything is loaded."""
    pair = (arguments.config, arguments.weights)
    if (arguments.source is None) == (pair == (None, None)) or (arguments.source is None and None in pair):
        raise UserError("Name what to draw with: a run directory or a checkpoint, or --config and --weights.")
    if arguments.source is None and any((arguments.grid, arguments.interpolate, arguments.neighbours, arguments.page)):
        raise UserError(
            "--grid, --interpolate, --neighbours and --page need a run directory or a checkpoint: name one."
        )
    if arguments.source is None and arguments.out is None:
        raise UserError("Nothing says where to put the images: give --out FOLDER.")
    if arguments.source is None and arguments.ema:
        raise UserError("--ema needs a run directory or a checkpoint: name one, or name the averaged weights.")
    if arguments.page and arguments.bn == "batch":
        raise UserError(
            "--page cannot be combined with --bn batch: a page draws each image by itself, with --bn running."
        )
    if arguments.steps is not None and arguments.interpolate is None:
        raise UserError("--steps belongs to --interpolate: give that too, or leave --steps out.")
    if arguments.data is not None and arguments.neighbours is None:
        raise UserError("--data belongs to --neighbours: give that too, or leave --data out.")
    limits = {"num": (1, 10_000_000), "interpolate": (2, 64), "steps": (1, 240), "neighbours": (1, 100)}
    for name, (low, high) in {**limits, "seed": (0, 2**63 - 1)}.items():
        value = getattr(arguments, name)
        if value is not None and not low <= value <= high:
            raise UserError(f"--{name} {value} is out of range: give {low} to {high}.")


def _draw(arguments: argparse.Namespace) -> None:
    # Imported here because NumPy and MXNet read their settings when they are loaded.
    from gluon_wgan.generators.image_folder import RECORD, training_images
    from gluon_wgan.generators.load import open_generator
    from gluon_wgan.generators.nearest_neighbours import refuse_too_many
    from gluon_wgan.reports.generator_page import browser_layers, write_generator_page

    others = (arguments.num, arguments.interpolate, arguments.neighbours)
    nothing = all(value is None for value in others) and not arguments.page
    grid = _sides(arguments.grid or GRID) if arguments.grid or nothing else None
    trained = open_generator(arguments.source, ema=arguments.ema)
    layers = browser_layers(trained.generator) if arguments.page else None
    if arguments.out is None:
        arguments.out = _free_folder(trained)
    refuse_taken(arguments.out)
    store = training_images(trained, arguments.data) if arguments.neighbours is not None else None
    if store is not None:
        refuse_too_many(arguments.neighbours, len(store))
    said = ""
    with new_folder(arguments.out) as folder:
        images = _image_folder(arguments, trained, folder)
        if arguments.num is not None and store is None:
            images.write_images(arguments.num)
        if grid is not None:
            images.write_grid(grid[0] * grid[1], grid[1])
        if arguments.interpolate is not None:
            images.write_interpolation(arguments.interpolate, STEPS if arguments.steps is None else arguments.steps)
        if store is not None:
            samples = SAMPLES if arguments.num is None else arguments.num
            images.write_images(samples)
            said = images.write_neighbours(arguments.neighbours, min(samples, MAX_SAMPLES), store)
        if layers is not None:
            write_generator_page(images, layers)
        images.write_record(RECORD)
        described = _described(images)
    if "interpolation" in images.record and len(images.record["interpolation"]["files"]) < 3:
        print("OpenCV cannot write an MP4 video here: the GIF holds the same frames.")
    print(f"{arguments.out}: {described}.")
    if said:
        print(said)


def _free_folder(trained: LoadedGenerator) -> Path:
    """Return the first of generated, generated-2 and so on that is not in the run directory yet."""
    if trained.run is None:
        raise UserError(f"{trained.folder} lies in no run directory: say with --out FOLDER where to put the images.")
    return free_name(trained.run / "generated")


def _as_the_authors(arguments: argparse.Namespace) -> None:
    """Write ``generated.png``, or ``generated_1.png`` and so on beside one that is there."""
    from gluon_wgan.generators.load import open_pair

    count = 1 if arguments.num is None else arguments.num
    if count > MAX_SAMPLES:
        raise UserError(f"--nimages {count} is too many for one file: give at most {MAX_SAMPLES}, or SOURCE.")
    trained = open_pair(arguments.config, arguments.weights)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    names = itertools.chain(["generated"], (f"generated_{number}" for number in itertools.count(1)))
    name = next(name for name in names if not any((out / f"{name}.{kind}").exists() for kind in ("png", "json")))
    images = _image_folder(arguments, trained, out)
    images.write_grid(count, min(8, count), f"{name}.png")
    images.write_record(f"{name}.json")
    print(f"{out / name}.png: {_described(images)}.")


def _image_folder(arguments: argparse.Namespace, trained: LoadedGenerator, folder: Path) -> ImageFolder:
    from gluon_wgan.generators.image_folder import ImageFolder
    from gluon_wgan.generators.sampler import Sampler

    gpus = parse_gpus("0" if arguments.cuda and not arguments.gpus else arguments.gpus)
    # A page draws image by image, and what lies beside it shall be drawn alike.
    statistics = arguments.bn or ("running" if arguments.page else trained.config.sample_bn)
    sampler = Sampler(trained.generator, statistics, choose_contexts(gpus, False)[0])
    return ImageFolder(trained, sampler, arguments.seed, arguments.truncate, folder)


def _sides(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]?)x([1-9][0-9]?)", text)
    if match is None:
        raise UserError(f"--grid {text} is no size: give rows and columns, each from 1 to 99, such as {GRID}.")
    return int(match[1]), int(match[2])


def _described(images: ImageFolder) -> str:
    statistics = {
        "batch": "batch norm with each group's own statistics",
        "running": "batch norm with running statistics",
        "none": "no batch norm",
    }[images.sampler.batch_norm]
    kinds = ", ".join(
        name for name in ("images", "grid", "interpolation", "neighbours", "page") if name in images.record
    )
    truncated = "" if images.truncate is None else f", truncated at {images.truncate:g}"
    return f"{kinds}; seed {images.seed}{truncated}; {statistics}; weights {images.trained.sha256[:12]}"
