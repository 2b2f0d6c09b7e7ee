"""The rows of ``evaluation.jsonl`` as a table, whatever fields a line has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gluon_wgan.utils.formatting import exact, number, plain

# Shown in columns of their own, or no part of how a figure was made: what was judged, and when.
_SHOWN = ("metric", "value", "low", "high", "floor", "judged")


@dataclass(frozen=True)
class Figure:
    """One figure of an evaluation.

    Attributes
    ----------
    metric
        Its name.
    value, interval
        As text; the interval is empty where there is none.
    floor
        The same figure of real images alone, as text; a dash where there is none.
    checkpoint
        Which one was judged; a dash where that is not known.
    protocol
        How it was made: every other field of the line, as (name, text), nested fields joined by a dot.
    """

    metric: str
    value: str
    interval: str
    floor: str
    checkpoint: str
    protocol: tuple[tuple[str, str], ...]


def figure_of(line: dict[str, Any]) -> Figure:
    """Return one line of ``evaluation.jsonl`` as a figure."""
    low, high = line.get("low"), line.get("high")
    others = {name: value for name, value in line.items() if name not in _SHOWN}
    protocol = others.pop("protocol", {})
    fields = {**others, **(protocol if isinstance(protocol, dict) else {"protocol": protocol})}
    return Figure(
        metric=plain(line.get("metric")),
        value=number(line.get("value")),
        interval="" if low is None or high is None else f"{number(low)} \N{EN DASH} {number(high)}",
        floor=number(_inside(line, "floor", "value")),
        checkpoint=plain(_inside(line, "judged", "checkpoint")),
        protocol=tuple(_flat(fields)),
    )


def _inside(line: dict[str, Any], name: str, inner: str) -> Any:
    found = line.get(name)
    return found.get(inner) if isinstance(found, dict) else None


def newest(lines: list[dict[str, Any]]) -> dict[str, Figure]:
    """Return the newest figure of each metric, by its name; a later line is newer."""
    found: dict[str, Figure] = {}
    for line in lines:
        figure = figure_of(line)
        found.pop(figure.metric, None)
        found[figure.metric] = figure
    return found


def differing(figures: list[Figure]) -> set[str]:
    """Return the names of protocol fields in which figures of one metric differ."""
    tables = [dict(figure.protocol) for figure in figures]
    names = {name for table in tables for name in table}
    return {name for name in names if len({exact(table.get(name)) for table in tables}) > 1}


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        whole = f"{above}{name}"
        if isinstance(value, dict) and value:
            found += _flat(value, whole + ".")
        else:
            found.append((whole, plain(value)))
    return found
