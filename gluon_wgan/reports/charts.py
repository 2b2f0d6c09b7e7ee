"""Which curves a page shows, of training and of metric values, as the JSON that ``charts.js`` draws from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from gluon_wgan.runs.curves import ELAPSED, FILTERED, RunCurves, Thinned
from gluon_wgan.runs.evaluations import MetricText, differing

CHARTS: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Wasserstein estimate",
        "\N{MINUS SIGN}Loss_D: mean D(fake) \N{MINUS SIGN} mean D(real), over the critic steps of an iteration",
        "estimate",
        (("w_estimate", "estimate"),),
    ),
    (
        "Critic's loss",
        "what the critic minimises, over the critic steps of an iteration",
        "loss",
        (("loss_d", "loss_d"),),
    ),
    ("Generator's loss", "what the generator minimises in its step", "loss", (("loss_g", "loss_g"),)),
    ("Critic's scores", "mean over each batch", "score", (("d_real", "D(real)"), ("d_fake", "D(fake)"))),
    (
        "Gradient penalty",
        "mean (norm of the gradient \N{MINUS SIGN} 1)², before its weight",
        "penalty",
        (("penalty", "penalty"),),
    ),
    ("Speed", "real images a second that the critic saw", "images / s", (("images_per_second", "images/s"),)),
)
"""Title, explanation, the y axis's title, and columns of ``metrics.csv`` with what a legend calls them."""

DIGITS = 7
"""Significant digits of a value in a page: as many as a float32 carries."""


def chart_data(curves: RunCurves) -> dict[str, Any]:
    """Return the charts of one run, JSON-able."""
    filtered = curves.filtered() if curves.applied > 1 else None
    charts = []
    for title, note, unit, columns in CHARTS:
        if not worth_showing(columns[0][0], curves):
            continue
        found = [
            {"label": label, "name": name, "axis": 0, "colour": place, **series(curves, name, filtered)}
            for place, (name, label) in enumerate(columns)
        ]
        charts.append({"title": title, "note": note, "unit": unit, "series": found})
    return {"axes": [axis(curves)], "charts": charts}


def axis(curves: RunCurves) -> dict[str, Any]:
    """Return where the bins lie: first and last iteration, and the training time at their ends in seconds."""
    found: dict[str, Any] = {
        "bin": curves.raw.size,
        "rows": curves.rows,
        "last": [int(value) for value in curves.column("gen_iter")],
        "seconds": [round(float(value), 2) for value in curves.column(ELAPSED)],
    }
    if curves.raw.size > 1:
        found["first"] = [int(value) for value in curves.column("gen_iter", "low")]
    return found


def series(curves: RunCurves, name: str, filtered: Optional[Thinned]) -> dict[str, Any]:
    """Return a curve, JSON-able: its bins' lowest and highest values, raw and filtered.

    A bin of one row has one value, so the highest are left out then.
    """
    found = extremes("raw", curves.column(name, "low"), curves.column(name, "high"), curves.raw.size)
    return found if filtered is None else {**found, **filtered_series("median", name, filtered)}


def filtered_series(prefix: str, name: str, filtered: Thinned) -> dict[str, Any]:
    """Return a filtered curve, JSON-able, as :func:`series` returns a raw one."""
    place = FILTERED.index(name)
    return extremes(prefix, filtered.low[:, place], filtered.high[:, place], filtered.size)


def extremes(prefix: str, low: np.ndarray, high: np.ndarray, size: int) -> dict[str, Any]:
    """Return the lowest and, where a bin has more than one row, the highest value of each bin, JSON-able."""
    found = {f"{prefix}Low": _short(low)}
    if size > 1:
        found[f"{prefix}High"] = _short(high)
    return found


def worth_showing(name: str, curves: RunCurves) -> bool:
    """Return whether a column of a run's ``metrics.csv`` says something that no other says."""
    estimated = bool(np.isfinite(curves.column("w_estimate", "low")).any())
    if name == "w_estimate":
        return estimated
    if name == "loss_d":  # elsewhere it is the estimate with the other sign
        return not estimated
    return name != "penalty" or bool(np.any(curves.column(name, "high")))


def _short(values: np.ndarray) -> list[Optional[float]]:
    # JSON has no NaN and no infinity; a gap in the curve stands for both.
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]


# Metrics of one unit share a chart of one run: title, unit, and names up to an underscore.
_TOGETHER: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Sliced Wasserstein distance", "distance, times 1000", ("swd",)),
    ("Precision, recall, density, coverage", "share", ("precision", "recall", "density", "coverage")),
)
_TITLES = {
    "fid": "Fréchet distance",
    "kid": "Kernel distance",
    "is": "Inception score",
    "face_rate": "Images with one face",
}
NOTE = "with intervals; dotted: real images against real images"


def history_of_run(values: Sequence[MetricText]) -> list[dict[str, Any]]:
    """Return the charts of one run's metrics: a line for each metric and protocol, a chart for what has one unit.

    A chart needs a metric that was evaluated at two checkpoints.
    """
    lines = [(line[0].metric, line) for line in _lines(values)]
    return _charts([(*_title(metric), metric, None, line) for metric, line in lines])


def history_of_runs(names: Sequence[str], values: Sequence[Sequence[MetricText]]) -> list[dict[str, Any]]:
    """Return a chart for each metric with a line for each run and protocol; none where no run has two checkpoints."""
    lines = [(line[0].metric, run, line) for run, mine in enumerate(values) for line in _lines(mine)]
    return _charts([(_TITLES.get(metric, metric), metric, names[run], run, line) for metric, run, line in lines])


def _charts(lines: Sequence[tuple[str, str, str, Optional[int], list[MetricText]]]) -> list[dict[str, Any]]:
    """Return charts of lines, each with the title and unit of its chart, its name in it, and its run if it has an axis.

    Lines of one name are told apart by the protocol fields in which they differ.
    """
    found = []
    for title, unit in dict.fromkeys(line[:2] for line in lines):
        mine = [line[2:] for line in lines if line[:2] == (title, unit)]
        if all(len(line) < 2 for _, _, line in mine):
            continue
        series = []
        for place, (name, run, line) in enumerate(mine):
            unlike = differing([other[0] for whose, _, other in mine if whose == name])
            label = " ".join([name, *(f"{field} {text}" for field, text in line[0].protocol if field in unlike)])
            series.append(
                {
                    "label": label,
                    "axis": run or 0,
                    "colour": place if run is None else run,
                    "at": [value.iteration for value in line],
                    "values": [value.numbers["value"] for value in line],
                    "low": [value.numbers["low"] for value in line],
                    "high": [value.numbers["high"] for value in line],
                    "baseline": line[-1].numbers["baseline"],
                }
            )
        found.append({"title": title, "note": NOTE, "unit": unit, "series": series})
    return found


def _lines(values: Sequence[MetricText]) -> list[list[MetricText]]:
    """Return values of one metric and protocol, the newest of each iteration, by iteration."""
    lines: dict[Any, dict[int, MetricText]] = {}
    for value in values:
        if value.iteration is not None and value.numbers.get("value") is not None:
            lines.setdefault((value.metric, value.protocol), {})[value.iteration] = value
    return [[line[iteration] for iteration in sorted(line)] for line in lines.values()]


def _title(metric: str) -> tuple[str, str]:
    """Return the title and the unit of the chart of a metric."""
    together = (one[:2] for one in _TOGETHER if metric.split("_")[0] in one[2])
    return next(together, (_TITLES.get(metric, metric), metric))
