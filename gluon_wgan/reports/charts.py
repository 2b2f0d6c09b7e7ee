"""Which curves a page shows, as the JSON that ``charts.js`` draws from."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from gluon_wgan.runs.curves import ELAPSED, FILTERED, RunCurves, Thinned

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
        if not _worth_showing(title, curves):
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


def _worth_showing(title: str, curves: RunCurves) -> bool:
    estimated = bool(np.isfinite(curves.column("w_estimate", "low")).any())
    if title == "Wasserstein estimate":
        return estimated
    if title == "Critic's loss":  # elsewhere the estimate upside down
        return not estimated
    return title != "Gradient penalty" or bool(np.any(curves.column("penalty", "high")))


def _short(values: np.ndarray) -> list[Optional[float]]:
    # JSON has no NaN and no infinity; a gap in the curve stands for both.
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
