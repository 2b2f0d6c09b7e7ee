"""Command-line interface of report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.errors import remedy
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.runs.directory import RunDirectory

DESCRIPTION = """Write RUN_DIR/report.html, which training writes at every sample: curves, images, options, data.

    python tools/run_report.py runs/0001
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the page that the command line names and return the exit status: 0, or 2 for bad input."""
    parser = SentenceParser(prog=program("report"), description=DESCRIPTION)
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="a run directory; training may still be under way")
    arguments = parser.parse_args(argv)

    def unwritable(error: OSError) -> str:
        return f"Cannot write into {arguments.run} ({error.strerror or error}): {remedy(error, 'check that folder')}."

    return run_tool(program("report"), lambda: write_report(arguments.run), unwritable=unwritable)


def write_report(run: Path) -> None:
    """Write a run's page and say where; UserError when the folder is no run directory."""
    print(f"Wrote {RunPage(RunDirectory(run)).write()}")
