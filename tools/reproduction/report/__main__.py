"""Write docs/reproduction.md, its figures and the findings in README.md from the committed rows.

``python -m tools.reproduction.report`` needs nothing but the rows under docs/reproduction/. With the folders that
tools/reproduce.py was given as ``--out`` it first copies the rows of new runs, and draws what needs their checkpoints
and curves too.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.data.store import open_store
from gluon_wgan.utils import atomic_files
from tools.reproduction.blocks import fill
from tools.reproduction.confirmation import read_folder
from tools.reproduction.plan import read_plan
from tools.reproduction.report import epsilon_figures, figures, page, pair
from tools.reproduction.results import Results, write_table
from tools.reproduction.training import Task, tasks_of

_WEIGHTS = ["plan", "run", "seed", "images_sha256", "generator_sha256"]
_WIDTHS = {"-nf8": 8, "-nf16": 16, "": 32, "-nf64": 64}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the report as the command line says and return the exit status."""
    parser = SentenceParser(prog="python -m tools.reproduction.report", description=__doc__.split("\n")[0])
    for name, what in (
        ("portraits", "the plans on portraits"),
        (page.PHOTOGRAPHS, "plans/photographs.toml"),
        (page.SWEEP, "plans/epsilon-64.toml"),
        (pair.PAIR, f"plans/{pair.PAIR}.toml"),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar="FOLDER", help=f"where tools/reproduce.py kept {what}")
    arguments = parser.parse_args(argv)
    return run_tool("report", lambda: write(arguments))


def write(arguments: argparse.Namespace) -> None:
    """Copy new rows, draw the figures and fill the pages."""
    places = {
        "portraits": page.ROWS,
        page.PHOTOGRAPHS: page.ROWS / page.PHOTOGRAPHS,
        page.SWEEP: page.ROWS / page.SWEEP,
        pair.PAIR: page.ROWS / pair.PAIR,
    }
    given = {name: getattr(arguments, name.replace("-", "_")) for name in places}
    for name, source in given.items():
        for path in sorted((source / "rows").glob("*.csv")) if source else ():
            target = places[name] / "rows" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():  # what is committed is never replaced
                shutil.copyfile(path, target)
    portraits, photographs, sweep = (read_folder(places[name]) for name in ("portraits", page.PHOTOGRAPHS, page.SWEEP))
    writeup = read_folder(places[pair.PAIR], first_seed=pair.SEED)
    _draw(portraits, photographs, sweep)
    _draw_from_runs(given["portraits"], given[page.PHOTOGRAPHS])
    if given[pair.PAIR]:
        _draw_pair(writeup, given[pair.PAIR])
    by_plan = {**dict.fromkeys(page.ON_PORTRAITS, given["portraits"]), page.PHOTOGRAPHS: given[page.PHOTOGRAPHS]}
    _record_weights([(plan, task) for plan, folder in by_plan.items() if folder for task in _tasks(plan, folder)])
    for target, blocks in (
        (page.PAGE, page.blocks(portraits, photographs, sweep, writeup)),
        (page.README, page.readme_blocks(portraits, photographs)),
    ):
        atomic_files.write_bytes(target, fill(target.read_text(encoding="utf-8"), blocks).encode())
        print(f"Wrote {target}")


def _draw(portraits: Results, photographs: Results, sweep: Results) -> None:
    """Draw what rows alone give."""
    figures.draw_effects(figures.effects(portraits, photographs), page.ROWS / figures.EFFECTS)
    figures.draw_resize(portraits, page.ROWS / figures.RESIZE)
    figures.draw_tracking(portraits, page.ROWS / figures.TRACKING)
    ratios = {
        (size, width): epsilon_figures.step_ratios(results, suffix, 3)
        for size, results in ((32, portraits), (64, sweep))
        for suffix, width in _WIDTHS.items()
    }
    measured = {key: found for key, found in ratios.items() if found}
    if measured:
        epsilon_figures.draw_step_ratios(measured, page.ROWS / epsilon_figures.STEP_RATIOS)


def _draw_from_runs(portraits: Optional[Path], photographs: Optional[Path]) -> None:
    """Draw what needs checkpoints and curves, where their folders are given."""
    for plan, folder, file in (
        ("confirmation", portraits, figures.SAMPLES),
        (page.PHOTOGRAPHS, photographs, page.PHOTOGRAPHS_SAMPLES),
    ):
        if folder:
            figures.draw_panels(_tasks(plan, folder), page.SHOWN_SEEDS[plan], page.ROWS / file)
    if portraits:
        curves = epsilon_figures.long_curves(portraits, (3, 4, 5))
        if all(map(len, curves.values())):
            epsilon_figures.draw_long_curves(curves, page.ROWS / epsilon_figures.LONG_CURVES)


def _draw_pair(writeup: Results, folder: Path) -> None:
    """Draw the samples and curves of the write-up's own comparison, after the last iteration that both runs have."""
    done, tasks, samples = pair.iterations(writeup), _tasks(pair.PAIR, folder), page.ROWS / pair.SAMPLES
    if done and figures.draw_panels(tasks, pair.SEED, samples, pair.RUNS, done[-1], grid=(3, 4)):
        pair.draw_curves(writeup, tasks, page.ROWS / pair.CURVES)


def _record_weights(tasks: Sequence[tuple[str, Task]]) -> None:
    """Add the hashes of trained runs' images and final weights to those that are known; a known one is kept."""
    path = page.ROWS / "weights.csv"
    known: dict[tuple[str, str, int], list[str]] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as lines:
            known = {(row[0], row[1], int(row[2])): row for row in list(csv.reader(lines))[1:]}
    for plan, task in tasks:
        file = task.checkpoint(task.run.moments[-1]) / "generator.params"
        if file.is_file():
            images = open_store(task.store).content_sha256
            row = [plan, task.run.name, str(task.seed), images, atomic_files.sha256_of(file)]
            known.setdefault((plan, task.run.name, task.seed), row)
    if known:
        write_table(path, _WEIGHTS, [known[key] for key in sorted(known)])


def _tasks(plan: str, folder: Path) -> list[Task]:
    return tasks_of(list(read_plan(page.PLANS / f"{plan}.toml").runs.values()), folder.absolute())


if __name__ == "__main__":
    sys.exit(main())
