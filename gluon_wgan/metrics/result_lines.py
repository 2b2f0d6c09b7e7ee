"""Metric values as lines: of ``evaluation.jsonl``, and of the table that people read."""

from __future__ import annotations

import math
import re
from typing import Any, Optional

from gluon_wgan.metrics.all_metrics import MetricValue
from gluon_wgan.metrics.confidence_intervals import Estimate

HEAD = f"{'metric':12} {'value':>10}  {'95 % interval':>22}  {'baseline':>8}   protocol"
_SHA256 = re.compile("[0-9a-f]{64}")


def as_line(found: MetricValue, about: dict[str, Any], evaluated: dict[str, Any]) -> dict[str, Any]:
    """Return a metric value as a line of ``evaluation.jsonl``; what is not a number is null."""
    baseline = None if found.baseline is None else _finite(found.baseline)
    protocol = {**about, **found.protocol}
    about_value = {**_finite(found.estimate), "baseline": baseline}
    return {"metric": found.metric, **about_value, "protocol": protocol, "evaluated": evaluated}


def _finite(estimate: Estimate) -> dict[str, Optional[float]]:
    return {name: None if math.isnan(number) else number for name, number in estimate._asdict().items()}


def as_row(line: dict[str, Any]) -> str:
    """Return a line as a row of the table, below `HEAD`: its protocol with hashes cut to eight digits."""
    low, high, baseline = line["low"], line["high"], line["baseline"]
    interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
    shown_baseline = "" if baseline is None else _number(baseline["value"])
    row = f"{line['metric']:12} {_number(line['value']):>10}  {interval:>22}  {shown_baseline:>8}"
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
