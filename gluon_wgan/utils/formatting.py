"""Numbers, times and values as people read them."""

from __future__ import annotations

import json
import math
from typing import Any

UNKNOWN = "\N{EN DASH}"


def number(value: Any) -> str:
    """Return a number with four significant digits, and a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNKNOWN if value is None else str(value)
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else "\N{MINUS SIGN}∞" if value < 0 else "∞"
    if isinstance(value, int) or value == 0:
        text = f"{value:,.0f}"
    elif 1e-3 <= abs(value) < 1e6:
        text = f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.3e}"
    return text.replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Return a time as 12 s, 3 min 05 s, 2 h 07 min or 3 d 04 h."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def plain(value: Any) -> str:
    """Return an option's or a file's value as people write it: no quotes, no nulls, lists with commas."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value)) or UNKNOWN
    if isinstance(value, dict):
        return "; ".join(f"{name} {plain(one)}" for name, one in value.items()) or UNKNOWN
    return f"{value:g}" if isinstance(value, float) else str(value)


def exact(value: Any) -> str:
    """Return a value as JSON, whole, for comparing."""
    return json.dumps(value, sort_keys=True)
