"""Curves of a run of any length in bounded memory: median-filtered, then lowest and highest of each bin."""

from __future__ import annotations

import bisect
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter

from gluon_wgan.runs.metrics_csv import COLUMNS, BlockReader

BINS = 2000
"""Most bins along a curve: more than any screen is wide, so that zooming in has something to show."""

FILTERED = ("w_estimate", "loss_d", "loss_g", "d_real", "d_fake", "penalty", "images_per_second")
"""Columns of ``metrics.csv`` that are median-filtered."""

# Sums from the first row on, kept beside the columns.
ELAPSED, CRITIC_STEPS = "elapsed", "critic_steps_so_far"
RAW = (*COLUMNS, ELAPSED, CRITIC_STEPS)
RECENT = 100
"""Rows at the end that are kept as they are, at least."""


def median_filtered(curve: np.ndarray, width: int) -> np.ndarray:
    """Filter a curve as the paper's figures are, repeating its ends so that they do not bend to zero."""
    return median_filter(curve, size=width, mode="nearest")


def median_of_rows(curve: np.ndarray, width: int) -> np.ndarray:
    """Return each value's running median over the rows of its window that exist: at the ends, fewer than `width`.

    Repeating the ends, as :func:`median_filtered` does, would make the last value count half a window times, so that
    the curve's end would be the last raw value.
    """
    half, found = min(width // 2, len(curve)), median_filtered(curve, width)
    if half:
        found[-half:] = _beginning(curve[::-1], width // 2)[::-1]
        found[:half] = _beginning(curve, width // 2)
    return found


def _beginning(curve: np.ndarray, half: int) -> np.ndarray:
    """Return the running medians of the first `half` rows, whose windows begin with the curve itself."""
    ordered: list[float] = []
    medians = []
    for value in curve[: 2 * half].tolist():
        if value == value:  # NaN has no place in an order
            bisect.insort(ordered, value)
        middle = len(ordered) // 2
        medians.append((ordered[middle] + ordered[~middle]) / 2 if ordered else np.nan)
    count = min(half, len(curve))
    ends = np.minimum(np.arange(count) + half, len(curve) - 1)
    return np.array(medians)[ends]


class Thinned:
    """Lowest, highest and last values of a growing table's bins, each of equally many rows.

    The rows of a bin are the smallest power of two with which the bins are not too many: what is kept depends on
    the rows alone, not on how many arrived at once.

    Attributes
    ----------
    rows, size
        Rows so far, and rows in a bin; the last bin may have fewer.
    low, high, last
        float64 (bins, columns); the extremes are NaN only where a bin holds nothing else.
    """

    def __init__(self, columns: int, most: int = BINS) -> None:
        self.most, self.rows, self.size = most, 0, 1
        self.low = self.high = self.last = np.empty((0, columns))

    def append(self, values: np.ndarray) -> Thinned:
        """Take more rows (n, columns) and return the object itself."""
        total = self.rows + len(values)
        while -(-total // self.size) > self.most:
            self._halve()
        inside = -self.rows % self.size  # rows that the last bin still takes
        start, rest = values[:inside], values[inside:]
        if len(start):
            self.low[-1] = np.fmin(self.low[-1], np.fmin.reduce(start))
            self.high[-1] = np.fmax(self.high[-1], np.fmax.reduce(start))
            self.last[-1] = start[-1]
        if len(rest):
            starts = np.arange(0, len(rest), self.size)
            ends = np.minimum(starts + self.size, len(rest)) - 1
            self.low = np.concatenate([self.low, np.fmin.reduceat(rest, starts)])
            self.high = np.concatenate([self.high, np.fmax.reduceat(rest, starts)])
            self.last = np.concatenate([self.last, rest[ends]])
        self.rows = total
        return self

    def extended(self, values: np.ndarray) -> Thinned:
        """Return a copy that has taken more rows."""
        return copy.deepcopy(self).append(values)

    def selected(self, places: Sequence[int]) -> Thinned:
        """Return some of the columns, as they are."""
        found = copy.copy(self)
        found.low, found.high, found.last = (kept[:, places] for kept in (self.low, self.high, self.last))
        return found

    def _halve(self) -> None:
        self.size *= 2
        if len(self.low):
            starts = np.arange(0, len(self.low), 2)
            self.low, self.high = np.fmin.reduceat(self.low, starts), np.fmax.reduceat(self.high, starts)
            self.last = self.last[np.minimum(starts + 1, len(self.last) - 1)]


class RunCurves:
    """The curves of a growing ``metrics.csv``: each look costs its new rows alone, and the memory is bounded.

    Parameters
    ----------
    width
        Width of the median filter in iterations, odd; 1 for none. At the ends it takes the rows that there are.

    Attributes
    ----------
    raw : Thinned
        The columns :data:`RAW`.
    first : numpy.ndarray
        The first row, (1, len(RAW)); without rows (0, len(RAW)).
    recent : numpy.ndarray
        The last rows, at least ``width`` and :data:`RECENT` of them if there are so many.
    """

    def __init__(self, path: Path, width: int, most: int = BINS) -> None:
        self.width, self._most = width, most
        self._reader = BlockReader(path)
        self._begin()

    def update(self) -> RunCurves:
        """Read what is new and return the object itself.

        Raises UserError when the file is missing, is no ``metrics.csv``, or is damaged.
        """
        restarts = self._reader.restarts
        for rows, _ in self._reader.blocks():
            if self._reader.restarts != restarts:
                restarts = self._reader.restarts
                self._begin()
            self._take(rows)
        if self._reader.restarts != restarts:
            self._begin()
        return self

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.raw.rows

    @property
    def applied(self) -> int:
        """Width of the filter that is applied: 1 while a curve has fewer rows than two windows.

        Most of so short a curve would be medians of parts of windows.
        """
        return self.width if self.rows >= 2 * self.width else 1

    def column(self, name: str, kind: str = "last") -> np.ndarray:
        """Return ``"low"``, ``"high"`` or ``"last"`` of each bin of a column of :data:`RAW`."""
        return getattr(self.raw, kind)[:, RAW.index(name)]

    def filtered(self) -> Thinned:
        """Return the columns :data:`FILTERED`, median-filtered as a whole; with an applied width of 1 as they are."""
        if self.applied == 1:
            return self.raw.selected([RAW.index(name) for name in FILTERED])
        return self._final.extended(self._pending)

    def first_filtered(self, name: str) -> float:
        """Return the filtered value of the first row."""
        first = self._first_filtered[FILTERED.index(name)] if self.applied > 1 else self.first[0, RAW.index(name)]
        return float(first)

    def _begin(self) -> None:
        self.raw, self._final = Thinned(len(RAW), self._most), Thinned(len(FILTERED), self._most)
        self.first = self.recent = np.empty((0, len(RAW)))
        self._pending = np.empty((0, len(FILTERED)))
        self._first_filtered = np.full(len(FILTERED), np.nan)

    def _take(self, rows: np.ndarray) -> None:
        sums = rows[:, [COLUMNS.index("seconds"), COLUMNS.index("critic_steps")]]
        before = self.recent[-1, -2:] if len(self.recent) else np.zeros(2)
        rows = np.hstack([rows, before + np.cumsum(np.nan_to_num(sums), axis=0)])
        self.first = self.first if len(self.first) else rows[:1].copy()
        self.raw.append(rows)
        window = np.concatenate([self.recent, rows])
        self._filter(window)
        self.recent = window[-max(self.width, RECENT) :].copy()

    def _filter(self, window: np.ndarray) -> None:
        """Filter what is new; the window ends with the newest row and reaches back ``width`` rows before the new."""
        half = self.width // 2
        columns = [window[:, RAW.index(name)] for name in FILTERED]
        # Half a window of rows before the first value that is not final yet is enough.
        start = self.raw.rows - len(window)
        skipped = max(0, self._final.rows - half - start)
        found = [median_of_rows(column[skipped:], self.width) if half else column[skipped:] for column in columns]
        fresh = np.stack(found, axis=1)[self._final.rows - start - skipped :]
        # The last values' windows reach beyond the curve's end, so those will change.
        final = max(0, len(fresh) - half)
        if self._final.rows == 0:
            self._first_filtered = fresh[0]
        self._final.append(fresh[:final])
        self._pending = fresh[final:].copy()
