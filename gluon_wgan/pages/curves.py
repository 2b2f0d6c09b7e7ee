"""Curves of any length in a page of bounded size: median-filtered, then lowest and highest of each bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from gluon_wgan.run.figures import median_filtered

BINS = 2000
"""Points along a curve: more than any screen is wide, so that zooming in has something to show."""

DIGITS = 7
"""Significant digits of a value in a page: as many as a float32 carries."""


class RunningMedian:
    """The median filter of a growing curve, computed once for each value.

    Parameters
    ----------
    width
        Width of the filter in values, odd. The curve's ends are repeated.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._final = np.empty(0)

    def update(self, curve: np.ndarray) -> np.ndarray:
        """Return the whole curve filtered; what was given before must be its beginning.

        Parameters
        ----------
        curve
            float64 (n,).
        """
        half = self.width // 2
        if len(curve) < len(self._final):
            self._final = np.empty(0)
        start = max(0, len(self._final) - half)
        fresh = median_filtered(curve[start:], self.width)[len(self._final) - start :] if len(curve) else curve
        whole = np.concatenate([self._final, fresh])
        # The last values' windows reach beyond the curve's end, so those will change.
        self._final = whole[: max(0, len(curve) - half)]
        return whole


@dataclass(frozen=True)
class Bins:
    """Equally many rows to each bin, so that there are at most so many.

    Parameters
    ----------
    rows
        Rows in all.
    most
        The most bins.
    """

    rows: int
    most: int = BINS

    @property
    def size(self) -> int:
        """Rows in a bin; the last bin may have fewer."""
        return max(1, -(-self.rows // self.most))

    @property
    def starts(self) -> np.ndarray:
        """Number of the first row of each bin."""
        return np.arange(0, self.rows, self.size)

    @property
    def ends(self) -> np.ndarray:
        """Number of the last row of each bin."""
        return np.minimum(self.starts + self.size, self.rows) - 1

    def lowest(self, values: np.ndarray) -> np.ndarray:
        """Return the lowest value of each bin, NaN only where a bin holds nothing else."""
        return np.fmin.reduceat(values, self.starts) if self.rows else values

    def highest(self, values: np.ndarray) -> np.ndarray:
        """Return the highest value of each bin, NaN only where a bin holds nothing else."""
        return np.fmax.reduceat(values, self.starts) if self.rows else values


def axis(metrics: dict[str, np.ndarray], bins: Bins) -> dict[str, Any]:
    """Return where the bins lie: first and last iteration, and the training time at their ends in seconds."""
    iterations, seconds = metrics["gen_iter"], np.cumsum(np.nan_to_num(metrics["seconds"]))
    found: dict[str, Any] = {
        "bin": bins.size,
        "rows": bins.rows,
        "last": [int(value) for value in iterations[bins.ends]],
        "seconds": [round(float(value), 2) for value in seconds[bins.ends]],
    }
    if bins.size > 1:
        found["first"] = [int(value) for value in iterations[bins.starts]]
    return found


def series(values: np.ndarray, filtered: Optional[np.ndarray], bins: Bins) -> dict[str, Any]:
    """Return a curve, JSON-able: its bins' lowest and highest values, raw and filtered.

    A bin of one row has one value, so the highest are left out then.
    """
    found = _extremes("raw", values, bins)
    return found if filtered is None else {**found, **_extremes("median", filtered, bins)}


def _extremes(name: str, values: np.ndarray, bins: Bins) -> dict[str, Any]:
    found = {f"{name}Low": _short(bins.lowest(values))}
    if bins.size > 1:
        found[f"{name}High"] = _short(bins.highest(values))
    return found


def _short(values: np.ndarray) -> list[Optional[float]]:
    # JSON has no NaN and no infinity; a gap in the curve stands for both.
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
