"""Curves of a growing metrics.csv, filtered and binned, against SciPy's medfilt and plain Python."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import generic_filter
from scipy.signal import medfilt

from gluon_wgan.reports.charts import axis, chart_data, extremes, series
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.runs import metrics_csv
from gluon_wgan.runs.curves import BINS, FILTERED, RAW, RunCurves, Thinned, median_of_rows
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.figures import save_curves
from gluon_wgan.runs.metrics_csv import COLUMNS, COUNTS
from tests.reports.conftest import make_run, read_csv, write_metrics

__all__ = ["make_run"]

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300)
CUTS = st.lists(st.integers(0, 300), max_size=5)


def write_estimates(path: Path, values: list[float], begin: int = 0) -> Path:
    """Write, or from the row `begin` on append, a metrics.csv whose w_estimate is given."""
    with path.open("a" if begin else "w") as file:
        if not begin:
            file.write(",".join(COLUMNS) + "\n")
        for place, value in enumerate(values[begin:], begin):
            row = dict.fromkeys(COLUMNS, 0.5) | dict.fromkeys(COUNTS, place + 1) | {"w_estimate": value}
            file.write(",".join(map(repr, row.values())) + "\n")
    return path


def filtered(curves: RunCurves, name: str = "w_estimate") -> np.ndarray:
    return curves.filtered().last[:, FILTERED.index(name)]


@settings(max_examples=30)
@given(VALUES, st.sampled_from([3, 5, 11, 101]))
def test_median_is_scipys_and_at_the_ends_that_of_the_rows_there_are(tmp_path_factory, values, width):
    curve, half = np.array(values * (2 * width // len(values) + 1)), width // 2
    path = write_estimates(tmp_path_factory.mktemp("median") / "metrics.csv", curve.tolist())
    ours = filtered(RunCurves(path, width).update())
    assert len(ours) == len(curve)
    assert np.array_equal(ours[half : len(curve) - half], medfilt(curve, width)[half : len(curve) - half])
    assert np.array_equal(ours, generic_filter(curve, np.nanmedian, width, mode="constant", cval=np.nan))


@pytest.mark.parametrize("rows", [1, 2, 49, 50, 51, 100, 101, 102])
def test_a_curve_shorter_than_its_window_has_medians_of_what_there_is(rows):
    curve = np.random.default_rng(rows).normal(size=rows)
    curve[rows // 3] = np.nan if rows == 51 else curve[rows // 3]
    begins, ends = median_of_rows(curve, 101)[:50], median_of_rows(curve, 101)[-50:]
    expected = generic_filter(curve, np.nanmedian, 101, mode="constant", cval=np.nan)
    assert np.array_equal(begins, expected[:50]) and np.array_equal(ends, expected[-50:])


@pytest.mark.parametrize(("rows", "applied"), [(0, 1), (201, 1), (202, 101), (500, 101)])
def test_short_runs_are_not_filtered(tmp_path, rows, applied):
    write_metrics(tmp_path / "metrics.csv", rows)
    curves = RunCurves(tmp_path / "metrics.csv", 101).update()
    assert curves.applied == applied
    raw = np.array(read_csv(tmp_path / "metrics.csv")["loss_g"]) if rows else np.empty(0)
    assert np.array_equal(filtered(curves, "loss_g"), raw) == (applied == 1)
    assert ("medianLow" in chart_data(curves)["charts"][-1]["series"][0]) == (applied > 1)


@settings(max_examples=30)
@given(VALUES, st.sampled_from([1, 3, 11, 101]), CUTS, st.sampled_from([3, 16, 2000]))
def test_a_growing_curve_is_that_of_the_whole(tmp_path_factory, values, width, cuts, most):
    path = tmp_path_factory.mktemp("growing") / "metrics.csv"
    write_estimates(path, values[:1])
    growing, begin = RunCurves(path, width, most).update(), 1
    for cut in sorted({min(cut, len(values)) for cut in [*cuts, len(values)] if cut > 1}):
        write_estimates(path, values[:cut], begin)
        begin = cut
        growing.update()
    whole = RunCurves(path, width, most).update()
    assert chart_data(growing) == chart_data(whole)
    assert np.array_equal(growing.recent[-width:], whole.recent[-width:])
    assert growing.first_filtered("w_estimate") == whole.first_filtered("w_estimate")


def test_memory_is_bounded(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics(path, 5000)
    curves = RunCurves(path, 5, most=64).update()
    assert curves.rows == 5000 and len(curves.raw.low) == 40 and curves.raw.size == 128
    assert len(curves.recent) == 100 and len(curves.filtered().low) == 40
    rows = read_csv(path)
    # Each bin of 128 rows against the standard library's csv and plain Python.
    for place in range(40):
        inside = rows["loss_d"][128 * place : 128 * (place + 1)]
        low, high = curves.column("loss_d", "low")[place], curves.column("loss_d", "high")[place]
        assert (low, high, curves.column("loss_d")[place]) == (min(inside), max(inside), inside[-1])
    assert curves.column("elapsed")[-1] == pytest.approx(math.fsum(rows["seconds"]))
    assert curves.column("critic_steps_so_far")[-1] == 25_000


class Counted(io.BufferedReader):
    """A file that counts the bytes that are read from it."""

    total = 0

    def read(self, size: Optional[int] = -1) -> bytes:
        content = super().read(size)
        Counted.total += len(content)
        return content

    def readline(self, size: Optional[int] = -1) -> bytes:
        line = super().readline(-1 if size is None else size)
        Counted.total += len(line)
        return line


@pytest.mark.slow
def test_a_redraw_reads_new_rows_alone_however_many_there_are(tmp_path, make_run, monkeypatch):
    """The page and the curves are drawn again and again while training adds rows."""
    run = RunDirectory(make_run(rows=0))
    row = ",".join(["{0}", *["1"] * 2, *["0.5"] * (len(COLUMNS) - 3)]) + "\n"
    with run.metrics_file.open("a") as file:
        file.writelines(map(row.format, range(1, 200_001)))
    monkeypatch.setattr(metrics_csv, "open_regular", lambda path: Counted(io.FileIO(path)))
    curves = RunCurves(run.metrics_file, 101)
    page = RunPage(run, curves)
    for rows in (200_000, 200_002):
        Counted.total = 0
        save_curves(run.curves_file, curves.update())
        assert len(page.render()) < 1_000_000
        assert curves.rows == rows and len(curves.raw.low) <= BINS
        if rows == 200_000:
            assert Counted.total >= run.metrics_file.stat().st_size
            with run.metrics_file.open("a") as file:
                file.writelines(map(row.format, (200_001, 200_002)))
    header = len(",".join(COLUMNS)) + 1
    # Twice the first line, for the curves and the page, which tells that it is still the same file.
    assert Counted.total == 2 * header + 2 * len(row.format(200_001))


def test_a_file_that_got_shorter_is_read_anew(tmp_path):
    path = tmp_path / "metrics.csv"
    write_estimates(path, [float(n) for n in range(50)])
    curves = RunCurves(path, 3).update()
    write_estimates(path, [-float(n) for n in range(7)])
    assert chart_data(curves.update()) == chart_data(RunCurves(path, 3).update())
    assert curves.rows == 7


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6, width=32), st.just(math.nan)), min_size=1, max_size=400),
    st.integers(1, 50),
    CUTS,
)
def test_bins_keep_the_extremes_and_say_where_they_are(values, most, cuts):
    table, bins = np.stack([np.array(values), np.arange(len(values))], axis=1), Thinned(2, most)
    begin = 0
    for cut in sorted([*cuts, len(values)]):
        bins.append(table[begin:cut])
        begin = max(begin, min(cut, len(values)))
    assert bins.rows == len(values) and len(bins.low) <= most
    assert bins.size == 1 or -(-len(values) // (bins.size // 2)) > most
    for place, last in enumerate(bins.last[:, 1].astype(int)):
        first = place * bins.size
        assert (bins.low[place, 1], bins.high[place, 1]) == (first, last)
        inside = [value for value in values[first : last + 1] if not math.isnan(value)]
        assert bins.low[place, 0] == min(inside) if inside else math.isnan(bins.low[place, 0])
        assert bins.high[place, 0] == max(inside) if inside else math.isnan(bins.high[place, 0])


def test_hand_computed_bins(tmp_path):
    path = write_estimates(tmp_path / "metrics.csv", [1, 5, 2, -3, 0, 4, 9.0])
    curves = RunCurves(path, 3, most=4).update()
    assert series(curves, "w_estimate", curves.filtered()) == {
        "rawLow": [1, -3, 0, 9],
        "rawHigh": [5, 2, 4, 9],
        "medianLow": [2, 0, 0, 6.5],
        "medianHigh": [3, 2, 4, 6.5],
    }
    assert axis(curves) == {
        "bin": 2,
        "rows": 7,
        "first": [1, 3, 5, 7],
        "last": [2, 4, 6, 7],
        "seconds": [1.0, 2.0, 3.0, 3.5],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_a_gap(value):
    assert extremes("raw", np.array([1.0, value]), np.empty(0), 1) == {"rawLow": [1.0, None]}


def test_seven_digits_are_kept():
    values = np.array([0.0641398608808322, -123456789.0])
    assert extremes("raw", values, values, 1) == {"rawLow": [0.06413986, -123456800.0]}


def test_no_rows(tmp_path):
    curves = RunCurves(write_estimates(tmp_path / "metrics.csv", []), 101).update()
    assert curves.rows == 0 and curves.raw.last.shape == (0, len(RAW))
    assert series(curves, "w_estimate", curves.filtered()) == {"rawLow": [], "medianLow": []}
