"""Compare runs: what they report of themselves, and a page with their samples from one set of latents or their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.reports.charts import CHARTS, axis, filtered_series, history_of_runs
from gluon_wgan.reports.comparison import (
    Side,
    differing_options,
    differing_values,
    evaluations,
    filter_width,
    is_machine_option,
    last_values,
    newest_values,
    results,
    same_noise,
)
from gluon_wgan.reports.comparison_images import COLUMNS, Grids, checkpoints, drawn_grids, frames, moments, saved_grids
from gluon_wgan.reports.template import refuse_foreign, render, write_page
from gluon_wgan.runs.evaluations import common_protocol, metric_of
from gluon_wgan.utils.formatting import plain
from gluon_wgan.utils.seeding import SAMPLING, draw_latents, make_rng

NOISE_SEED = 0
# As many as in a run's own grids: with batch norm on batch statistics, the others in a batch matter.
_LATENTS = 64


@dataclass(frozen=True)
class RunSummary:
    """What one of several compared runs reports of itself.

    Attributes
    ----------
    gen_iters, seconds
        Generator iterations and training time so far.
    w_estimate, loss_g, images_per_second
        Medians over its last iterations; None where it has none.
    options
        The options in which the runs differ, by name.
    """

    name: str
    path: Path
    gen_iters: int
    seconds: float
    w_estimate: Optional[float]
    loss_g: Optional[float]
    images_per_second: Optional[float]
    metrics: dict[str, Optional[float]]
    options: dict[str, Any]


def summarise(sides: Sequence[Side]) -> list[RunSummary]:
    """Return what each run reports of itself."""
    width, options = filter_width(sides), differing_values(sides)
    return [
        RunSummary(
            name=side.name,
            path=side.record.run.path,
            gen_iters=side.iterations,
            seconds=side.seconds,
            **last_values(side, width),
            metrics=newest_values(side),
            options={name: values[place] for name, values in options.items()},
        )
        for place, side in enumerate(sides)
    ]


def write_comparison(sides: Sequence[Side], out: Path, *, redraw: bool, noise_seed: Optional[int]) -> None:
    """Write the page; UserError when ``out`` holds something else, or a run has nothing to draw from."""
    refuse_foreign(out)
    shown = redrawn(sides, noise_seed or NOISE_SEED) if redraw or noise_seed is not None else saved(sides)
    text = render_comparison(sides, shown)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, text)


def saved(sides: Sequence[Side]) -> Shown:
    """Return the images that the runs saved while they trained."""
    available = [[iteration for iteration, _ in side.record.samples()] for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    caution = same_noise(sides)
    if not chosen:
        return Shown([], [], [{} for _ in sides], "None of the runs has saved images yet.", None)
    return Shown(
        chosen,
        wanted,
        saved_grids(sides, _by_side(wanted, len(sides))),
        "Drawn while the runs trained." if caution else "Drawn while the runs trained, all from the same latents.",
        f"{caution} --redraw draws them from one set." if caution else None,
    )


def redrawn(sides: Sequence[Side], seed: int) -> Shown:
    """Return images that the checkpoints' generators make of one set of latents.

    Raises UserError when a run has no checkpoint, or its latents have another length.
    """
    for side in sides:
        if not checkpoints(side):
            raise UserError(f"{side.record.run.path} has no checkpoint to draw from: leave --redraw out.")
    for name, words in (("nz", "latents have different lengths"), ("latent", "latents are drawn differently")):
        listed = [plain(side.record.values.get(name, getattr(TrainConfig, name))) for side in sides]
        if len(set(listed)) > 1:
            raise UserError(f"These runs' {words} ({', '.join(listed)}): leave --redraw out.")
    # Checked by making a configuration of them: another may have written these files.
    first = sides[0].record.values
    config = TrainConfig(**{name: first[name] for name in ("nz", "latent") if name in first})
    available = [sorted(checkpoints(side)) for side in sides]
    chosen = moments(available)
    wanted = frames(available, chosen)
    latents = draw_latents(make_rng(seed, SAMPLING), _LATENTS, config.nz, config.latent)
    grids = drawn_grids(sides, _by_side(wanted, len(sides)), latents)
    return Shown(chosen, wanted, grids, f"Drawn from the checkpoints, all from the latents of seed {seed}.", None)


def _by_side(wanted: Sequence[Sequence[Optional[int]]], sides: int) -> list[set[int]]:
    return [{row[side] for row in wanted if row[side] is not None} for side in range(sides)]  # type: ignore[misc]


SCRIPTS = ("scales.js", "charts.js", "player.js", "page.js", "compare.js")
LINES = 8
"""Colours that ``pages.css`` has for the runs."""
_OVERLAID = ("w_estimate", "loss_d", "loss_g", "penalty", "images_per_second")


@dataclass(frozen=True)
class Shown:
    """The images on the page.

    Attributes
    ----------
    moments
        The iterations that the slider stops at.
    frames
        For each of them and each run, of which iteration the image is; None for none.
    grids
        For each run, the images by their iteration.
    caution
        Why they cannot be compared one by one, or None.
    """

    moments: list[int]
    frames: list[list[Optional[int]]]
    grids: Grids
    words: str
    caution: Optional[str]


def render_comparison(sides: Sequence[Side], shown: Shown) -> str:
    """Return the page as HTML."""
    width = filter_width(sides)
    differing = differing_options(sides)
    values = [[metric_of(line) for line in side.record.evaluations()[0]] for side in sides]
    history = history_of_runs([side.name for side in sides], values)
    unfiltered = [side.name for side in sides if side.curves.applied < width]
    return render(
        "compare.html",
        SCRIPTS,
        {
            **overlaid(sides),
            "evaluations": history,
            "moments": shown.moments,
            "frames": shown.frames,
            "images": shown.grids,
        },
        names=[side.name for side in sides],
        lines=LINES,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
        filter=width,
        filtered=len(unfiltered) < len(sides) and width > 1,
        raw_names=unfiltered,
        history=history,
        common=common_protocol([one for _, row, _ in evaluations(sides) for one in row if one is not None]),
        curves=any(side.iterations for side in sides),
        results=results(sides, width),
        metrics=evaluations(sides),
        options=[row for row in differing if not is_machine_option(row[0])],
        machine=[row for row in differing if is_machine_option(row[0])],
        shown=shown,
        columns=COLUMNS,
        unread=[(side.name, side.record.evaluations()[1]) for side in sides if side.record.evaluations()[1]],
    )


def overlaid(sides: Sequence[Side]) -> dict[str, Any]:
    """Return the charts, JSON-able: one curve for each run, median-filtered, each along its own axis."""
    medians = [side.curves.filtered() for side in sides]
    charts = []
    for title, note, unit, columns in CHARTS:
        for name, _ in columns:
            curves = [
                {"label": side.name, "name": name, "axis": run, "colour": run % LINES}
                | filtered_series("raw", name, one)
                for run, (side, one) in enumerate(zip(sides, medians))
                if name in _OVERLAID and np.isfinite(side.curves.column(name, "low")).any()
            ]
            if curves and _says_something(name, sides):
                charts.append({"title": title, "note": note, "unit": unit, "series": curves})
    return {"axes": [axis(side.curves) for side in sides], "charts": charts}


def _says_something(name: str, sides: Sequence[Side]) -> bool:
    if name == "penalty":
        return any(bool(np.any(side.curves.column(name, "high"))) for side in sides)
    # Where every run has an estimate, the critic's loss is only that upside down.
    without = any(side.iterations and not np.isfinite(side.curves.column("w_estimate", "low")).any() for side in sides)
    return name != "loss_d" or without
