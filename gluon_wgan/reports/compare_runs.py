"""Compare runs: what they report of themselves, and a page with their samples from one set of latents or their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.reports import comparison
from gluon_wgan.reports.charts import CHARTS, axis, filtered_series, history_of_runs, worth_showing
from gluon_wgan.reports.comparison import Side
from gluon_wgan.reports.comparison_images import COLUMNS, Shown, redrawn, saved
from gluon_wgan.reports.template import refuse_foreign, render, write_page
from gluon_wgan.runs.evaluations import common_protocol, metric_of, newest

NOISE_SEED = 0


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
    width, options = comparison.filter_width(sides), comparison.differing_values(sides)
    return [
        RunSummary(
            name=side.name,
            path=side.record.run.path,
            gen_iters=side.iterations,
            seconds=side.seconds,
            **comparison.last_values(side, width),
            metrics={name: one.numbers["value"] for name, one in newest(side.record.evaluations()[0]).items()},
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


SCRIPTS = ("scales.js", "charts.js", "player.js", "page.js", "compare.js")
LINES = 8
"""Colours that ``pages.css`` has for the runs."""
_OVERLAID = ("w_estimate", "loss_d", "loss_g", "penalty", "images_per_second")


def render_comparison(sides: Sequence[Side], shown: Shown) -> str:
    """Return the page as HTML."""
    width = comparison.filter_width(sides)
    differing = comparison.differing_options(sides)
    values = [[metric_of(line) for line in side.record.evaluations()[0]] for side in sides]
    history = history_of_runs([side.name for side in sides], values)
    unfiltered = [side.name for side in sides if side.curves.applied < width]
    return render(
        "compare.html",
        SCRIPTS,
        {
            **overlaid(sides),
            "evaluations": history,
            "iterations": shown.iterations,
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
        common=common_protocol([one for _, row, _ in comparison.evaluations(sides) for one in row if one is not None]),
        curves=any(side.iterations for side in sides),
        results=comparison.results(sides, width),
        metrics=comparison.evaluations(sides),
        options=[row for row in differing if row[0] not in comparison.MACHINE_FLAGS],
        machine=[row for row in differing if row[0] in comparison.MACHINE_FLAGS],
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
            if curves and any(worth_showing(name, side.curves) for side in sides if side.iterations):
                charts.append({"title": title, "note": note, "unit": unit, "series": curves})
    return {"axes": [axis(side.curves) for side in sides], "charts": charts}
