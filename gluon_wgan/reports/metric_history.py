"""How metric values went over the checkpoints that were evaluated, as the JSON that ``charts.js`` draws from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_wgan.runs.evaluations import MetricText, differing

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
    charts: dict[tuple[str, str], list[list[MetricText]]] = {}
    for line in _lines(values):
        charts.setdefault(_title(line[0].metric), []).append(line)
    found = []
    for (title, unit), lines in charts.items():
        if any(len(line) > 1 for line in lines):
            series = [_series(line, _label(line, lines), 0, place) for place, line in enumerate(lines)]
            found.append({"title": title, "note": NOTE, "unit": unit, "series": series})
    return found


def history_of_runs(names: Sequence[str], values: Sequence[Sequence[MetricText]]) -> list[dict[str, Any]]:
    """Return a chart for each metric with a line for each run and protocol; none where no run has two checkpoints."""
    lines = [(run, line) for run, mine in enumerate(values) for line in _lines(mine)]
    found = []
    for metric in dict.fromkeys(line[0].metric for _, line in lines):
        mine = [(run, line) for run, line in lines if line[0].metric == metric]
        if any(len(line) > 1 for _, line in mine):
            series = [
                _series(
                    line, " ".join([names[run], *_unlike(line, [other for one, other in mine if one == run])]), run, run
                )
                for run, line in mine
            ]
            found.append({"title": _TITLES.get(metric, metric), "note": NOTE, "unit": metric, "series": series})
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


def _label(line: list[MetricText], others: Sequence[list[MetricText]]) -> str:
    alike = [other for other in others if other[0].metric == line[0].metric]
    return " ".join([line[0].metric, *_unlike(line, alike)])


def _unlike(line: list[MetricText], others: Sequence[list[MetricText]]) -> list[str]:
    """Return the protocol fields of a line in which it differs from the others of the same metric."""
    names = differing([other[0] for other in others])
    return [f"{name} {text}" for name, text in line[0].protocol if name in names]


def _series(line: list[MetricText], label: str, axis: int, colour: int) -> dict[str, Any]:
    kept = {name: [value.numbers[name] for value in line] for name in ("value", "low", "high")}
    return {
        "label": label,
        "axis": axis,
        "colour": colour,
        "at": [value.iteration for value in line],
        "values": kept["value"],
        "low": kept["low"],
        "high": kept["high"],
        "baseline": line[-1].numbers["baseline"],
    }
