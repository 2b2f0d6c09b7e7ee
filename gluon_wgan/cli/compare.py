"""Command-line interface of compare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.reports.comparison import (
    Side,
    differing_options,
    evaluations,
    filter_width,
    open_sides,
    results,
    same_noise,
)
from gluon_wgan.reports.comparison_images import (
    checkpoints,
    drawn_pictures,
    frames,
    moments,
    saved_pictures,
)
from gluon_wgan.reports.comparison_page import Shown, render_comparison
from gluon_wgan.reports.template import refuse_foreign, write_page
from gluon_wgan.utils.formatting import UNKNOWN
from gluon_wgan.utils.seeding import SAMPLING, draw_latents, make_rng

PAGE = "comparison.html"
OUT = f"runs/{PAGE}"
NOISE_SEED = 0
# As many as in a run's own grids: with batch norm on batch statistics, the others in a batch matter.
_LATENTS = 64
DESCRIPTION = """Compare runs: a table here, and a page with their curves, pictures, metrics and differing options.

    python tools/compare_runs.py runs/0001 runs/0002 --out runs/pil_and_cv2.html

Runs may still be training and differ in length. The pictures are those that the runs saved; with --redraw they are
drawn from the checkpoints, from one set of latents.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Compare as the command line says and return the exit status: 0, or 2 for bad input.

    Parameters
    ----------
    argv
        The words after the program's name; None takes them from ``sys.argv``.
    """
    arguments = _parser().parse_args(argv)

    def unwritable(error: OSError) -> str:
        return f"Cannot write {arguments.out} ({error.strerror or error}): choose another --out."

    return run_tool(program("compare"), lambda: compare(arguments), unwritable=unwritable)


def compare(arguments: argparse.Namespace) -> None:
    """Print the table, and write the page.

    Raises
    ------
    UserError
        For bad input.
    """
    out = page_path(arguments.out)
    refuse_foreign(out)
    sides = open_sides(arguments.runs)
    print("\n".join(table(sides)))
    seed = arguments.noise_seed
    shown = saved(sides) if seed is None and not arguments.redraw else redrawn(sides, seed or NOISE_SEED)
    text = render_comparison(sides, shown)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, text)
    print(f"\nWrote {out}")


def page_path(out: Path) -> Path:
    """Return the file that ``--out`` means: itself if it is named like a page, else a page inside that folder."""
    return out if out.suffix.lower() in (".html", ".htm") and not out.is_dir() else out / PAGE


def saved(sides: Sequence[Side]) -> Shown:
    """Return the pictures that the runs saved while they trained."""
    available = [[iteration for iteration, _ in side.record.samples()] for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    caution = same_noise(sides)
    if not chosen:
        return Shown([], [], [{} for _ in sides], "None of the runs has saved pictures yet.", None)
    return Shown(
        chosen,
        wanted,
        saved_pictures(sides, _by_side(wanted, len(sides))),
        "Drawn while the runs trained." if caution else "Drawn while the runs trained, all from the same latents.",
        f"{caution} --redraw draws them from one set." if caution else None,
    )


def redrawn(sides: Sequence[Side], seed: int) -> Shown:
    """Return pictures that the checkpoints' generators make of one set of latents.

    Raises
    ------
    UserError
        When a run has no checkpoint, or its latents have another length.
    """
    for side in sides:
        if not checkpoints(side):
            raise UserError(f"{side.record.run.path} has no checkpoint to draw from: leave --redraw out.")
    lengths = [side.record.values.get("nz") for side in sides]
    if len(set(lengths)) > 1 or not isinstance(lengths[0], int):
        listed = ", ".join(map(str, lengths))
        raise UserError(f"These runs' latents have different lengths ({listed}): leave --redraw out.")
    kinds = [side.record.values.get("latent", TrainConfig.latent) for side in sides]
    if len(set(kinds)) > 1:
        raise UserError(f"These runs' latents are drawn differently ({', '.join(kinds)}): leave --redraw out.")
    # Imported here because MXNet takes a second to load, which the rest can do without.
    from gluon_wgan.reports.redraw_samples import draw_checkpoint

    available = [sorted(checkpoints(side)) for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    latents = draw_latents(make_rng(seed, SAMPLING), _LATENTS, lengths[0], kinds[0])
    pictures = drawn_pictures(sides, _by_side(wanted, len(sides)), latents, draw_checkpoint)
    return Shown(chosen, wanted, pictures, f"Drawn from the checkpoints, all from the latents of seed {seed}.", None)


def table(sides: Sequence[Side]) -> list[str]:
    """Return the lines of the table for the terminal."""
    rows: list[tuple[str, list[str]]] = [("", [side.name for side in sides])]
    rows += results(sides, filter_width(sides))
    for name, figures, differing in evaluations(sides):
        texts = [
            f"{one.value} ({one.interval})" if one and one.interval else one.value if one else UNKNOWN
            for one in figures
        ]
        rows.append((name + (" (protocols differ)" if differing else ""), texts))
    rows += differing_options(sides)
    widths = [max(len(row[1][run]) for row in rows) for run in range(len(sides))]
    first = max(len(name) for name, _ in rows)
    return [
        "  ".join([name.ljust(first), *(text.rjust(width) for text, width in zip(texts, widths))]).rstrip()
        for name, texts in rows
    ]


def _by_side(wanted: Sequence[Sequence[Optional[int]]], sides: int) -> list[set[int]]:
    return [{row[side] for row in wanted if row[side] is not None} for side in range(sides)]  # type: ignore[misc]


def _parser() -> argparse.ArgumentParser:
    parser = SentenceParser(
        prog=program("compare"),
        description=DESCRIPTION,
    )
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN_DIR", help="run directories")
    add(
        "--out", type=Path, default=Path(OUT), metavar="PATH", help=f"the page, or a folder for {PAGE} (default: {OUT})"
    )
    add("--redraw", action="store_true", help="draw the pictures anew from the checkpoints, from one set of latents")
    add(
        "--noise-seed",
        type=_seed,
        metavar="N",
        help=f"which latents --redraw takes, and means it (default: {NOISE_SEED})",
    )
    return parser


def _seed(words: str) -> int:
    if not words.isdecimal():
        raise argparse.ArgumentTypeError(f"{words!r} is not a whole number from 0")
    return int(words)
