"""Figures as lines: of ``evaluation.jsonl``, and of the table that people read."""

from __future__ import annotations

import math
import re
from typing import Any

from gluon_wgan.metrics.all_metrics import Figure

HEAD = f"{'metric':12} {'value':>10}  {'95 % interval':>22}  {'floor':>8}   protocol"
_SHA256 = re.compile("[0-9a-f]{64}")


def as_line(figure: Figure, about: dict[str, Any], judged: dict[str, Any]) -> dict[str, Any]:
    """Return a figure as a line of ``evaluation.jsonl``; what is not a number is null."""
    value, low, high = (None if math.isnan(number) else number for number in figure.estimate)
    floor = None
    if figure.floor is not None:
        floor = {name: None if math.isnan(one) else one for name, one in figure.floor._asdict().items()}
    interval = {"low": low, "high": high, "floor": floor}
    protocol = {**about, **figure.protocol}
    return {"metric": figure.metric, "value": value, **interval, "protocol": protocol, "judged": judged}


def as_row(line: dict[str, Any]) -> str:
    """Return a line as a row of the table, below `HEAD`: its protocol with hashes cut to eight digits."""
    low, high, floor = line["low"], line["high"], line["floor"]
    interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
    least = "" if floor is None else _number(floor["value"])
    row = f"{line['metric']:12} {_number(line['value']):>10}  {interval:>22}  {least:>8}"
    return f"{row}   {', '.join(_words(line['protocol']))}"


def _number(value: Any) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _words(values: dict[str, Any], above: str = "") -> list[str]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _words(value, f"{above}{name} ")
        else:
            shown = value[:8] if isinstance(value, str) and _SHA256.fullmatch(value) else value
            found.append(f"{above}{name}".replace("_", " ") + f" {shown}")
    return found
