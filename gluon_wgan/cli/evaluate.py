"""Command-line interface of evaluate."""

from __future__ import annotations

import argparse
import glob
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from gluon_wgan import compat
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.devices import choose_contexts, parse_gpus
from gluon_wgan.errors import UserError
from gluon_wgan.runs.log import log_to_terminal

if TYPE_CHECKING:
    from mxnet import Context

    from gluon_wgan.generators.load import LoadedGenerator
    from gluon_wgan.metrics.all_metrics import Figure
    from gluon_wgan.metrics.arrays import StoredImages
    from gluon_wgan.metrics.face_rate import FaceFinder
    from gluon_wgan.metrics.features import FeatureNetwork
    from gluon_wgan.metrics.image_sets import ChosenImages

SAMPLES = 10_000
RESULTS = "evaluation.jsonl"
LARGEST_SEED = 2**32 - 1
"""KID's subsets are drawn as the published packages draw them, with a seed of 32 bits."""
EXAMPLES = """examples:
  python tools/evaluate.py runs/0001                                SWD, and FID, KID and so on on random features
  python tools/evaluate.py runs/0001 --metrics swd,faces --num 2000
  python tools/evaluate.py runs/0001 --features inception --weights pt_inception-2015-12-05-6726825d.pth
  python tools/evaluate.py IMAGES --real STORE                      any images against any others
  python tools/evaluate.py FOLDER --real FOLDER                     image files at their own size
  python tools/evaluate.py samples.npz --real STORE                 samples saved as an array
  python tools/evaluate.py IMAGES --real stats.npz --features inception --weights FILE    FID statistics, as
                                                                    pytorch-fid writes and reads them

Figures of a run are added to RUN_DIR/evaluation.jsonl. Beside each stands its floor: the same figure of two halves
of the real images, or, for scores of images by themselves, that of the real images.

exit status: 0 done; 2 bad input; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Judge as the command line says and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    stopped = "Stopped; the figures that were printed have been kept."
    return run_tool(program("evaluate"), lambda: judge(arguments), stopped=stopped)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog=program("evaluate"),
        description="Measure how far generated images are from real ones.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a run directory, a checkpoint, or images: a store, an array (.npy, .npz), or a folder and the like",
    )
    add(
        "--real",
        type=Path,
        metavar="IMAGES",
        help="the real images, also a store, an array or a folder, or FID statistics (.npz with mu and sigma) "
        "(default: those that the run was trained on)",
    )
    add("--metrics", metavar="LIST", help="some of swd,fid,kid,prdc,is,faces (default: all that the features allow)")
    add("--num", type=int, default=SAMPLES, metavar="N", help=f"images of each kind, at most (default: {SAMPLES:,})")
    add("--seed", type=int, default=0, metavar="N", help="of latents, choices, patches and directions (default: 0)")
    add("--bn", choices=("batch", "running"), default="batch", help="batch norm's statistics (default: batch)")
    features = parser.add_argument_group("features")
    add = features.add_argument
    add("--features", default="random", metavar="NAME", help="random, inception, or a classifier of gluoncv's zoo")
    add("--weights", metavar="FILE", help="the weights of inception or the classifier")
    add("--download", action="store_true", help="fetch inception's weights into the cache folder, once")
    add("--save-stats", type=Path, metavar="FILE", help="only write SOURCE's FID statistics to a new .npz file")
    add(
        "--resize-rule",
        choices=("clean", "legacy", "pytorch"),
        default="clean",
        help="to the network's size (default: clean)",
    )
    faces = parser.add_argument_group("faces")
    faces.add_argument("--cascade", metavar="FILE", help="an OpenCV cascade (default: opencv-python's frontal faces)")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--gpus", type=parse_gpus, default=(), metavar="N", help="a GPU's number (default: the CPU)")
    machine.add_argument("--json", action="store_true", help="print a JSON object a line instead of a table")
    return parser


def _check(arguments: argparse.Namespace) -> None:
    from gluon_wgan.metrics.all_metrics import FEWEST, METRICS, NEEDS_FEATURES

    if arguments.num < FEWEST:
        raise UserError(f"--num {arguments.num} images are too few: use {FEWEST} or more.")
    if not 0 <= arguments.seed <= LARGEST_SEED:
        raise UserError(f"--seed {arguments.seed} is out of range: use 0 to {LARGEST_SEED}.")
    if arguments.metrics is None:
        names = [name for name in METRICS if name != "is" or arguments.features != "random"]
    else:
        names = [name for name in arguments.metrics.split(",") if name]
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise UserError(f"--metrics {arguments.metrics!r} is none of {', '.join(METRICS)}: name some, with commas.")
    if arguments.features == "random" and "is" in names:
        raise UserError("The random network has no classes: give --features inception for the Inception score.")
    if arguments.weights is not None and arguments.features == "random":
        raise UserError("--weights are for --features inception or a classifier's name: give that, too.")
    arguments.metrics, arguments.needs_features = names, bool(set(names) & set(NEEDS_FEATURES))


def judge(arguments: argparse.Namespace) -> None:
    """Open what is to be judged, and print and keep every figure as it is found.

    Raises
    ------
    UserError
        For bad input.
    """
    compat.check_mxnet_loads()
    from gluon_wgan.metrics.all_metrics import check_counts, check_shapes
    from gluon_wgan.metrics.evaluate_statistics import about_statistics, check_statistics, compare_statistics
    from gluon_wgan.metrics.image_sets import description, some_of
    from gluon_wgan.metrics.result_lines import HEAD, as_line, as_row

    statistics_wanted = about_statistics(arguments)
    if statistics_wanted:
        check_statistics(arguments)
    _check(arguments)
    if statistics_wanted:
        compare_statistics(arguments, lambda path: _side(arguments, path))
        return
    (context,) = choose_contexts(arguments.gpus, require_gpu=bool(arguments.gpus))
    trained = _opened(arguments.source)
    pictures, store = _stores(arguments, trained)
    tools = _tools(arguments, context)
    if trained is not None:
        check_shapes(store.images.shape[1:], (trained.config.nc, *[trained.config.image_size] * 2))
    real = some_of(store, arguments.num, arguments.seed, "real")
    fake, judged = _judged(arguments, trained or pictures, context)
    check_counts(real, fake)
    about = {"real": description(store), "seed": arguments.seed, **judged.pop("protocol")}
    run = None if trained is None else trained.run
    if not arguments.json:
        print(f"{len(fake):,} {fake.label} images against {len(real):,} real ones of {store.path}")
        print(HEAD)
    for figure in figures(arguments, real, fake, *tools):
        line = as_line(figure, about, judged)
        print(json.dumps(line) if arguments.json else as_row(line), flush=True)
        if run is not None:
            _append(run / RESULTS, json.dumps(line))
    if run is not None:
        from gluon_wgan.reports.run_page import RunPage
        from gluon_wgan.runs.directory import RunDirectory

        RunPage(RunDirectory(run)).write()


def _side(arguments: argparse.Namespace, path: Path) -> tuple[ChosenImages, FeatureNetwork]:
    """Return images, of a generator or given, and the network whose features of them are wanted."""
    from gluon_wgan.metrics import given_images
    from gluon_wgan.metrics.image_sets import some_of

    (context,) = choose_contexts(arguments.gpus, require_gpu=bool(arguments.gpus))
    _, network = _tools(arguments, context)
    assert network is not None
    trained = _opened(path)
    if trained is not None:
        return _judged(arguments, trained, context)[0], network
    image_sets = given_images.own_size(path, arguments.num, arguments.seed)
    return some_of(image_sets, arguments.num, arguments.seed, "given"), network


def figures(
    arguments: argparse.Namespace,
    real: ChosenImages,
    fake: ChosenImages,
    finder: Optional[FaceFinder],
    network: Optional[FeatureNetwork],
) -> Iterator[Figure]:
    """Yield the figures that were asked for, one metric after the other."""
    from gluon_wgan.metrics import all_metrics

    names, progress = arguments.metrics, not arguments.json
    if "swd" in names:
        yield from all_metrics.sliced(real, fake, seed=arguments.seed, threads=compat.usable_cores(), progress=progress)
    if network is not None:
        ones, others = (all_metrics.features_of(network, image_sets, progress) for image_sets in (real, fake))
        about = network.protocol
        if "fid" in names:
            yield from all_metrics.frechet_distance(ones.values, others.values, about)
        if "kid" in names:
            yield from all_metrics.kernel_distance(ones.values, others.values, arguments.seed, about)
        if "prdc" in names:
            yield from all_metrics.neighbourhoods(ones.values, others.values, about)
        if "is" in names:
            yield from all_metrics.classifier_score(ones, others, about)
    if finder is not None:
        yield from all_metrics.face_rate(real, fake, finder, progress)


def _opened(source: Path) -> Optional[LoadedGenerator]:
    """Return the generator in a run directory, checkpoint or converted folder, or None for images."""
    from gluon_wgan.generators.load import open_generator
    from gluon_wgan.runs.checkpoints import DESCRIPTION

    holds_generator = any((source / name).exists() for name in ("checkpoints", "config.json", DESCRIPTION))
    return open_generator(source) if holds_generator else None


def _stores(
    arguments: argparse.Namespace, trained: Optional[LoadedGenerator]
) -> tuple[Optional[StoredImages], StoredImages]:
    """Return the images that are to be judged, unless a generator draws them, and the real ones."""
    from gluon_wgan.generators.image_folder import training_images
    from gluon_wgan.metrics import given_images

    source, real = arguments.source, arguments.real
    if trained is not None:
        return None, training_images(trained, None) if real is None else given_images.like_run(real, trained.config)
    if not source.exists() and not glob.has_magic(str(source)):
        raise UserError(f"{source} does not exist: name a run directory, a checkpoint, or images.")
    if real is None:
        raise UserError(
            f"{source} holds no generator: name a run directory or a checkpoint, or say with --real IMAGES what images "
            "to compare it with."
        )
    return given_images.pair(source, real, arguments.num, arguments.seed)


def _judged(
    arguments: argparse.Namespace, judged: Union[LoadedGenerator, StoredImages, None], context: Context
) -> tuple[ChosenImages, dict[str, Any]]:
    """Return the images to be judged, and what they are."""
    from gluon_wgan.generators.load import LoadedGenerator
    from gluon_wgan.generators.sampler import Sampler
    from gluon_wgan.metrics import image_sets

    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    assert judged is not None
    if not isinstance(judged, LoadedGenerator):
        chosen = image_sets.some_of(judged, arguments.num, arguments.seed, "other")
        return chosen, {"time": when, "store": image_sets.description(judged), "protocol": {}}
    trained = judged
    artist = Sampler(trained.generator, arguments.bn, context)
    config = trained.config
    drawn = image_sets.draw(
        artist,
        arguments.num,
        nz=config.nz,
        latent=config.latent,
        seed=arguments.seed,
        progress=not arguments.json,
    )
    checkpoint = None if trained.folder is None else trained.folder.name
    about = {"time": when, "checkpoint": checkpoint, "weights_sha256": trained.sha256}
    return drawn, {**about, "protocol": {"batch_norm": artist.batch_norm}}


def _append(path: Path, line: str) -> None:
    """Add a line to a file, on a line of its own even where a kill cut off the last one."""
    with path.open("a+b") as file:
        file.seek(max(0, file.tell() - 1))
        cut = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * cut + line.encode() + b"\n")


def _tools(arguments: argparse.Namespace, context: Context) -> tuple[Optional[FaceFinder], Optional[FeatureNetwork]]:
    """Return what the metrics need, before time is spent on drawing for them."""
    from gluon_wgan.metrics.download import fetch_inception
    from gluon_wgan.metrics.face_rate import FaceFinder
    from gluon_wgan.metrics.features import INCEPTION, load_features

    finder = FaceFinder(arguments.cascade) if "faces" in arguments.metrics else None
    if not arguments.needs_features:
        return finder, None
    weights = arguments.weights
    if arguments.download and arguments.features == INCEPTION and weights is None:
        weights = str(fetch_inception())
    return finder, load_features(arguments.features, weights=weights, rule=arguments.resize_rule, context=context)
