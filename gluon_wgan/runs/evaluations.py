"""The rows of ``evaluation.jsonl`` as a table, whatever fields a line has."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Optional

from gluon_wgan.runs.checkpoints import numbers_in
from gluon_wgan.utils.formatting import exact, number, plain

MAX_FLOAT = sys.float_info.max

# Shown in columns of their own, or no part of the protocol: what was evaluated, and when.
_SHOWN = ("metric", "value", "low", "high", "baseline", "evaluated")
# Names of fields in the lines of earlier versions, and what they are now.
_RENAMED = {"floor": "baseline", "judged": "evaluated", "floor_images": "baseline_images"}


@dataclass(frozen=True)
class MetricText:
    """One metric value of an evaluation, as text.

    Attributes
    ----------
    value, interval
        As text; the interval is empty where there is none.
    baseline
        The same metric of real images alone, as text; a dash where there is none.
    checkpoint
        Which one was evaluated; a dash where that is not known.
    protocol
        How it was made: every other field of the line, as (name, text), nested fields joined by a dot.
    iteration
        The generator iteration of the checkpoint; None where its name tells none.
    numbers
        ``value``, ``low``, ``high`` and ``baseline``; None where there is none.
    """

    metric: str
    value: str
    interval: str
    baseline: str
    checkpoint: str
    protocol: tuple[tuple[str, str], ...]
    iteration: Optional[int] = None
    numbers: dict[str, Optional[float]] = field(default_factory=dict)


def metric_of(line: dict[str, Any]) -> MetricText:
    """Return one line of ``evaluation.jsonl`` as text."""
    line = _renamed(line)
    low, high = line.get("low"), line.get("high")
    others = {name: value for name, value in line.items() if name not in _SHOWN}
    protocol = others.pop("protocol", {})
    fields = {**others, **(_renamed(protocol) if isinstance(protocol, dict) else {"protocol": protocol})}
    return MetricText(
        metric=plain(line.get("metric")),
        value=number(line.get("value")),
        interval="" if low is None or high is None else f"{number(low)} \N{EN DASH} {number(high)}",
        baseline=number(_inside(line, "baseline", "value")),
        checkpoint=plain(_inside(line, "evaluated", "checkpoint")),
        protocol=tuple(_flat(fields)),
        iteration=_iteration(_inside(line, "evaluated", "checkpoint")),
        numbers={
            **{name: _finite(line.get(name)) for name in ("value", "low", "high")},
            "baseline": _finite(_inside(line, "baseline", "value")),
        },
    )


def _iteration(checkpoint: Any) -> Optional[int]:
    numbers = numbers_in(checkpoint) if isinstance(checkpoint, str) else []
    return numbers[0] if numbers and checkpoint.startswith("iter_") else None


def _finite(value: Any) -> Optional[float]:
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if real and abs(value) <= MAX_FLOAT else None


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): value for name, value in fields.items()}


def _inside(line: dict[str, Any], name: str, inner: str) -> Any:
    found = line.get(name)
    return found.get(inner) if isinstance(found, dict) else None


def newest(lines: list[dict[str, Any]]) -> dict[str, MetricText]:
    """Return the newest value of each metric, by its name; a later line is newer."""
    found: dict[str, MetricText] = {}
    for line in lines:
        value = metric_of(line)
        found.pop(value.metric, None)
        found[value.metric] = value
    return found


def newest_by_protocol(values: list[MetricText]) -> list[MetricText]:
    """Return the newest value of each metric and protocol, in the order in which the metrics appeared first."""
    found = {(value.metric, value.protocol): value for value in values}
    order = list(dict.fromkeys(metric for metric, _ in found))
    return sorted(found.values(), key=lambda value: order.index(value.metric))


def common_protocol(values: list[MetricText]) -> list[tuple[str, str]]:
    """Return the protocol fields that all values have alike."""
    unlike = differing(values)
    return [one for one in values[0].protocol if one[0] not in unlike] if values else []


def differing(values: list[MetricText]) -> set[str]:
    """Return the names of protocol fields in which values of one metric differ."""
    tables = [dict(value.protocol) for value in values]
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
