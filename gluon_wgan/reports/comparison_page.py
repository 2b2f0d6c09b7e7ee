"""The page on which several runs lie side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

import numpy as np

from gluon_wgan.reports.charts import CHARTS, axis, filtered_series
from gluon_wgan.reports.comparison import (
    Side,
    differing_options,
    evaluations,
    filter_width,
    is_machine_option,
    results,
)
from gluon_wgan.reports.comparison_images import COLUMNS, Grids
from gluon_wgan.reports.metric_history import history_of_runs
from gluon_wgan.reports.template import render
from gluon_wgan.runs.evaluations import common_protocol, metric_of

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
    words
        Where they come from.
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
