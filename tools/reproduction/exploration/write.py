"""Writing the report: result files, images, and the page between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gluon_wgan.errors import UserError
from gluon_wgan.utils import atomic_files
from tools.reproduction import provenance
from tools.reproduction.blocks import fill
from tools.reproduction.drawing import MAX_BYTES
from tools.reproduction.exploration import baselines, claims, epsilon, learning, objective, protocol, resize, settings
from tools.reproduction.exploration.material import Material
from tools.reproduction.measure import Measured
from tools.reproduction.plan import Plan
from tools.reproduction.results import Results, write_rows, write_table
from tools.reproduction.training import Task

RESULTS, RUNS, STARTS, LOSSES = "results.csv", "runs.csv", "epsilon-curves.csv", "w-estimate-curves.csv"


def write_report(
    template: Path, page: Path, plan: Plan, tasks: Sequence[Task], measured: Measured, about: dict[str, Any]
) -> None:
    """Write the page and, in the folder beside it that bears its name, the result files and the images.

    Parameters
    ----------
    template
        The page with its prose; its blocks are replaced.
    page
        Where the new page goes; may be the template.
    plan, tasks, measured, about
        What was run and measured, and what `surroundings` found.

    Raises
    ------
    UserError
        When the template has no place for a block, or an image is too large for a page.
    """
    folder = page.with_suffix("")
    runs = write_results(folder, tasks, measured, about)
    results = Results(measured.rows)
    material = Material(plan, results, measured.starts, measured.losses, tasks, folder)
    text = fill(template.read_text(encoding="utf-8"), tables(material, about, runs))
    for section in (epsilon, resize, settings, objective, learning):
        section.draw(material)
    _refuse_large(folder)
    atomic_files.write_bytes(page, text.encode())


def write_results(folder: Path, tasks: Sequence[Task], measured: Measured, about: dict[str, Any]) -> list[list[Any]]:
    """Write the result files without a page, and return the lines of `trained_runs`."""
    runs = provenance.trained_runs(tasks)
    write_rows(folder / RESULTS, measured.rows)
    write_table(folder / RUNS, provenance.COLUMNS, runs)
    atomic_files.write_json(folder / "surroundings.json", about)
    _write_curves(folder, measured)
    return runs


def tables(material: Material, about: dict[str, Any], runs: list[list[Any]]) -> dict[str, str]:
    """Return every block of the page, from results alone: neither runs nor images need be there.

    Parameters
    ----------
    material
        The results; its tasks and curves are not asked for.
    about, runs
        What `surroundings` and `trained_runs` found.
    """
    found = protocol.tables(material, about, runs)
    for section in (claims, epsilon, resize, settings, objective, learning, baselines):
        found.update(section.tables(material))
    return found


def _write_curves(folder: Path, measured: Measured) -> None:
    starts = {name: [f"{value:.5g}" for value in values] for name, values in measured.starts.items()}
    losses: dict[str, Sequence[object]] = {}
    for name, (iterations, values) in measured.losses.items():
        losses[f"{name} iteration"], losses[f"{name} w_estimate"] = iterations, values
    for file, columns in ((STARTS, starts), (LOSSES, losses)):
        lines = itertools.zip_longest(*columns.values(), fillvalue="")
        write_table(folder / file, list(columns), lines)


def _refuse_large(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix in (".svg", ".png") and path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"The image {path} has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}: show less in it."
            )
