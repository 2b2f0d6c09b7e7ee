"""Command-line interface of compare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.reports.compare_runs import NOISE_SEED, write_comparison
from gluon_wgan.reports.comparison import Side, differing_options, evaluations, filter_width, open_sides, results
from gluon_wgan.reports.template import refuse_foreign
from gluon_wgan.utils.formatting import UNKNOWN

PAGE = "comparison.html"
OUT = f"runs/{PAGE}"
DESCRIPTION = """Compare runs: a table here, and a page with their curves, samples, metrics and differing options.

    python tools/compare_runs.py runs/0001 runs/0002 --out runs/pil_and_cv2.html

Runs may still be training and differ in length. The samples are those that the runs saved; with --redraw they are
drawn from the checkpoints, from one set of latents.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare as the command line says and return the exit status: 0, or 2 for bad input."""
    arguments = _parser().parse_args(argv)

    def unwritable(error: OSError) -> str:
        return f"Cannot write {arguments.out} ({error.strerror or error}): choose another --out."

    return run_tool(program("compare"), lambda: compare(arguments), unwritable=unwritable)


def compare(arguments: argparse.Namespace) -> None:
    """Print the table, and write the page."""
    out = page_path(arguments.out)
    refuse_foreign(out)
    sides = open_sides(arguments.runs)
    print("\n".join(table(sides)))
    write_comparison(sides, out, redraw=arguments.redraw, noise_seed=arguments.noise_seed)
    print(f"\nWrote {out}")


def page_path(out: Path) -> Path:
    """Return the file that ``--out`` means: itself if it is named like a page, else a page inside that folder."""
    return out if out.suffix.lower() in (".html", ".htm") and not out.is_dir() else out / PAGE


def table(sides: Sequence[Side]) -> list[str]:
    """Return the lines of the table for the terminal."""
    rows: list[tuple[str, list[str]]] = [("", [side.name for side in sides])]
    rows += results(sides, filter_width(sides))
    for name, values, differing in evaluations(sides):
        texts = [
            f"{one.value} ({one.interval})" if one and one.interval else one.value if one else UNKNOWN for one in values
        ]
        rows.append((name + (" (protocols differ)" if differing else ""), texts))
    rows += differing_options(sides)
    widths = [max(len(row[1][run]) for row in rows) for run in range(len(sides))]
    first = max(len(name) for name, _ in rows)
    return [
        "  ".join([name.ljust(first), *(text.rjust(width) for text, width in zip(texts, widths))]).rstrip()
        for name, texts in rows
    ]


def _parser() -> argparse.ArgumentParser:
    parser = SentenceParser(prog=program("compare"), description=DESCRIPTION)
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN_DIR", help="run directories")
    add(
        "--out", type=Path, default=Path(OUT), metavar="PATH", help=f"the page, or a folder for {PAGE} (default: {OUT})"
    )
    add("--redraw", action="store_true", help="draw the samples anew from the checkpoints, from one set of latents")
    seed = f"which latents --redraw takes, and means it (default: {NOISE_SEED})"
    add("--noise-seed", type=_seed, metavar="N", help=seed)
    return parser


def _seed(words: str) -> int:
    if not words.isdecimal():
        raise argparse.ArgumentTypeError(f"{words!r} is not a whole number from 0")
    return int(words)
