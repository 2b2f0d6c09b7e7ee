"""Command-line interface of evaluate."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.cli.flags import add_flags, whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.devices import choose_contexts, parse_gpus
from gluon_wgan.metrics.evaluation_options import EvaluationOptions
from gluon_wgan.runs.log import log_to_terminal
from gluon_wgan.runs.run_record import EVALUATIONS

EXAMPLES = """examples:
  python tools/evaluate.py runs/0001                                SWD, and FID, KID and so on on random features
  python tools/evaluate.py runs/0001 --metrics swd,faces --num 2000
  python tools/evaluate.py runs/0001 --features inception --weights pt_inception-2015-12-05-6726825d.pth
  python tools/evaluate.py IMAGES --real STORE                      any images against any others
  python tools/evaluate.py FOLDER --real FOLDER                     image files at their own size
  python tools/evaluate.py samples.npz --real STORE                 samples saved as an array
  python tools/evaluate.py IMAGES --real stats.npz --features inception --weights FILE    FID statistics, as
                                                                    pytorch-fid writes and reads them

The metric values of a run are added to RUN_DIR/evaluation.jsonl. Beside each stands its baseline: the same metric
of two halves of the real images, or, for scores of images by themselves, that of the real images.

exit status: 0 done; 2 bad input; 130 Ctrl-C
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Evaluate as the command line says and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    stopped = "Stopped; the metric values that were printed have been kept."
    return run_tool(program("evaluate"), lambda: evaluate(arguments), stopped=stopped)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog=program("evaluate"), description="Measure how far generated images are from real ones.", epilog=EXAMPLES
    )
    default = EvaluationOptions
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
    number = partial(add, type=whole_number, metavar="N")
    number("--num", default=default.num, help=f"images of each kind, at most (default: {default.num:,})")
    number("--seed", default=default.seed, help="of latents, choices, patches and directions (default: %(default)s)")
    add(
        "--bn",
        dest="batch_norm",
        choices=("batch", "running"),
        default=default.batch_norm,
        help="batch norm's statistics (default: %(default)s)",
    )
    add("--ema", action="store_true", help="evaluate the averaged generator of a run trained with --ema")
    _add_features(parser.add_argument_group("features").add_argument)
    faces = parser.add_argument_group("faces")
    faces.add_argument("--cascade", metavar="FILE", help="an OpenCV cascade (default: opencv-python's frontal faces)")
    add_flags(parser.add_argument_group("images that are decoded"), ("exclude", "bit_depth"))
    machine = parser.add_argument_group("machine")
    machine.add_argument("--gpus", type=parse_gpus, default=(), metavar="N", help="a GPU's number (default: the CPU)")
    machine.add_argument("--json", action="store_true", help="print a JSON object a line instead of a table")
    return parser


def _add_features(add: Callable[..., object]) -> None:
    add(
        "--features",
        default=EvaluationOptions.features,
        metavar="NAME",
        help="random, inception (fetch its weights once with --download), or a classifier of gluoncv's zoo",
    )
    add("--weights", metavar="FILE", help="the weights of inception or the classifier")
    add("--download", action="store_true", help="fetch inception's weights into the cache folder, once")
    add("--save-stats", type=Path, metavar="FILE", help="only write SOURCE's FID statistics to a new .npz file")
    add(
        "--resize-rule",
        choices=("clean", "legacy", "pytorch"),
        default=EvaluationOptions.resize_rule,
        help="to the network's size (default: %(default)s)",
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """Open what is to be evaluated, and print and keep every metric value as soon as it is computed."""
    compat.check_mxnet_loads()
    from gluon_wgan.metrics.all_metrics import HEAD, as_line, as_row
    from gluon_wgan.metrics.evaluation import (
        Evaluation,
        check_options,
        compare_statistics,
        concerns_statistics,
        save_statistics,
    )

    options = _options(arguments)
    (context,) = choose_contexts(arguments.gpus, require_gpu=bool(arguments.gpus))
    if arguments.save_stats is not None:
        print(save_statistics(arguments.source, arguments.real, arguments.save_stats, options, context))
        return
    if concerns_statistics(arguments.source, arguments.real):
        line = compare_statistics(arguments.source, arguments.real, options, context)
        print(json.dumps(line) if arguments.json else f"{HEAD}\n{as_row(line)}", flush=True)
        return
    check_options(options)
    evaluation = Evaluation.of(arguments.source, arguments.real, options, context)
    if not arguments.json:
        real, fake = evaluation.real, evaluation.fake
        print(f"{len(fake):,} {fake.label} images against {len(real):,} real ones of {evaluation.store.path}")
        print(HEAD)
    for value in evaluation.values():
        line = as_line(value, evaluation.about, evaluation.evaluated)
        print(json.dumps(line) if arguments.json else as_row(line), flush=True)
        if evaluation.run is not None:
            _append(evaluation.run / EVALUATIONS, json.dumps(line))
    if evaluation.run is not None:
        from gluon_wgan.reports.run_page import RunPage
        from gluon_wgan.runs.directory import RunDirectory

        RunPage(RunDirectory(evaluation.run)).write()


def _options(arguments: argparse.Namespace) -> EvaluationOptions:
    given = {**vars(arguments), "progress": not arguments.json, "exclude": tuple(arguments.exclude or ())}
    return EvaluationOptions(**{field.name: given[field.name] for field in fields(EvaluationOptions)})


def _append(path: Path, line: str) -> None:
    """Add a line to a file, on a line of its own even where a kill cut off the last one."""
    with path.open("a+b") as file:
        file.seek(max(0, file.tell() - 1))
        cut = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * cut + line.encode() + b"\n")
