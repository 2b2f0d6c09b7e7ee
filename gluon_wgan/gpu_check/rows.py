"""What a part of the check finds: rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np


@dataclass(frozen=True)
class Row:
    """One thing that was looked at, and what was found: a number, a text, or a list or dict of them.

    The limit is the largest number that passes, None where there is none.
    """

    what: str
    value: Any
    limit: Optional[float] = None
    ok: bool = True


def at_most(what: str, value: float, limit: float) -> Row:
    """Return a row that passes when the value is at most the limit; NaN does not pass."""
    return Row(what, float(value), limit, bool(value <= limit))


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the largest difference, relative to the largest wanted value; infinite where shapes differ."""
    if found.shape != wanted.shape:
        return float("inf")
    scale = float(np.abs(wanted).max(initial=0.0)) or 1.0
    return float(np.abs(found.astype(np.float64) - wanted).max(initial=0.0)) / scale
