"""Command-line interface of ``tools/reproduce.py``."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.cli.flags import whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.devices import choose_contexts, parse_gpus
from gluon_wgan.errors import UserError
from gluon_wgan.runs.log import log_to_terminal
from gluon_wgan.utils.locks import take_lock

ROOT = Path(__file__).resolve().parents[2]
PLANS, PAGE = ROOT / "plans", ROOT / "docs" / "exploration.md"
COMMITTED = "standard"
"""The plan whose numbers and images the page in docs/ shows."""
EXAMPLES = """plans:
  quick          a few iterations of everything, to see it work
  confirmation   what docs/reproduction.md shows, with photographs, port, epsilon, epsilon-64, schedule and others:
                 each file in plans/ says what it trains and how long that takes
  standard       what docs/exploration.md shows; an hour or two on two cores
  full           the paper's scale, for a GPU: read plans/full.toml first

examples:
  python tools/reproduce.py --plan quick
  python tools/reproduce.py --plan confirmation --data PORTRAITS --out runs/confirmation
  python tools/reproduce.py --plan confirmation --data PORTRAITS --only cv2-bilinear-seed3

What was done before is not done again: stop it at any time, and the same command goes on.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Reproduce as the command line says and return the exit status."""
    arguments = build_parser().parse_args(argv)
    log_to_terminal()
    # MXNet's sums come in another order with another number of threads, which moves samples by a level here and there:
    # one thread, as each run is trained with, makes the figures the same to the last digit.
    compat.set_threads(1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return run_tool("reproduce.py", lambda: reproduce(arguments), stopped="Stopped; the same command goes on.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = SentenceParser(
        prog="reproduce.py",
        description="Train what a plan names, evaluate it, and write its results.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--plan", required=True, metavar="NAME", help="one of plans/, such as quick, or a plan's file")
    add("--data", type=Path, metavar="IMAGES", help="a folder, list or archive (default: the built-in portraits)")
    add(
        "--only",
        metavar="RUN",
        help="only train and evaluate this run, or one seed of it (wgan-seed3), and leave the report as it is",
    )
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where runs and measurements are kept (default: runs/reproduction/PLAN)",
    )
    add(
        "--gpus",
        default="",
        metavar="LIST",
        help="GPUs to train on, one run after the other: 0, or 0,1 (default: the CPU)",
    )
    add(
        "--jobs",
        type=whole_number,
        metavar="N",
        help="runs trained at once, on one thread each (default: one for each core)",
    )
    add("--dry-run", action="store_true", help="print the command of every run, and stop")
    return parser


def reproduce(arguments: argparse.Namespace) -> None:
    """Do everything that the plan lacks, and write the report.

    Raises
    ------
    UserError
        For bad input.
    """
    compat.check_mxnet_loads()
    # Imported here because NumPy and MXNet read their settings when they are loaded.
    from tools.reproduction.exploration.write import write_report, write_results
    from tools.reproduction.measure import BASELINE_RESIZE, RowWriter, measure, rows_of, rows_only
    from tools.reproduction.plan import read_plan
    from tools.reproduction.provenance import surroundings
    from tools.reproduction.split import find_images, prepare_images
    from tools.reproduction.training import command, tasks_of, train_all

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs} trains nothing: give 1 or more.")
    plan_file = _plan_file(arguments.plan)
    plan = read_plan(plan_file)
    out = (arguments.out or Path("runs") / "reproduction" / plan.name).absolute()
    source = find_images(plan, arguments.data)
    runs, starts = plan.only(arguments.only)
    gpus = parse_gpus(arguments.gpus)
    choose_contexts(gpus, require_gpu=bool(gpus))
    tasks, watched = tasks_of(runs, out, gpus), tasks_of(starts, out)
    if arguments.dry_run:
        print("\n".join(shlex.join(command(task)) for task in tasks))
        return
    kept = [task for task in tasks if rows_only(task, out)]
    if kept:
        tasks = [task for task in tasks if task not in kept]
        print(f"{len(kept)} runs were measured before and are not trained again: their rows are in {out / 'rows'}.")
    with _alone(out):
        prepare_images(plan, source, sorted({BASELINE_RESIZE, *(task.run.resize for task in (*tasks, *watched))}), out)
        resizes = sorted({task.run.resize for task in tasks} | ({BASELINE_RESIZE} if tasks else set()))
        writer = RowWriter(plan, out, resizes)
        train_all(tasks, arguments.jobs or (1 if gpus else compat.usable_cores()), writer.write)
        measured = measure(plan, tasks, watched, out)
        measured = dataclasses.replace(measured, rows=sorted([*measured.rows, *rows_of(kept, out)]))
        if arguments.only is None and not plan.report:
            folder = out / plan.name
            write_results(folder, tasks, measured, surroundings(plan_file, source.label, len(source)))
            print(f"Wrote {folder}")
        elif arguments.only is None:
            page = PAGE if plan.name == COMMITTED else out / PAGE.name
            write_report(PAGE, page, plan, tasks, measured, surroundings(plan_file, source.label, len(source)))
            print(f"Wrote {page} and {page.with_suffix('')}")
        else:
            for row in measured.rows:
                print(f"{row.run},{row.seed},{row.gen_iter},{row.quantity},{row.value:.7g}")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep another reproduction out of the same folder meanwhile."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("a") as file:
        try:
            take_lock(file)
        except BlockingIOError:
            raise UserError(f"Another process is reproducing into {out}: wait for it, or give another --out.") from None
        yield


def _plan_file(name: str) -> Path:
    path = Path(name) if name.endswith(".toml") else PLANS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(plan.stem for plan in PLANS.glob("*.toml")))
        raise UserError(f"There is no plan {name}: choose one of {known}, or name a plan's file (.toml).")
    return path
