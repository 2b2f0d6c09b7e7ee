"""``report.html``: everything that a run directory tells, on one page."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.reports.charts import chart_data
from gluon_wgan.reports.facts import data_of, environment_of, options_of, resize_warning
from gluon_wgan.reports.template import render, write_page
from gluon_wgan.runs.curves import CRITIC_STEPS, ELAPSED, FILTERED, RAW, RECENT, RunCurves
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.evaluations import metric_of
from gluon_wgan.runs.run_record import REPORT, RunRecord
from gluon_wgan.utils.formatting import duration, number

log = logging.getLogger("gluon_wgan")

SCRIPTS = ("scales.js", "charts.js", "pictures.js", "page.js", "run.js")
MILESTONES = 12
"""Rows of the table that says the curves in numbers."""


class RunPage:
    """The page of one run, for writing it again and again while the run grows.

    Parameters
    ----------
    run
        The run directory; ``report.html`` goes into it.
    curves
        Its curves, if they are kept already; None reads them.
    """

    def __init__(self, run: RunDirectory, curves: Optional[RunCurves] = None) -> None:
        self.path = run.path / REPORT
        self._run = run
        self._curves = RunCurves(run.metrics_file, RunRecord(run).filter_width) if curves is None else curves
        self._refused = False

    def write(self) -> Path:
        """Write the page in one step and return where it is.

        Raises
        ------
        UserError
            When the run directory cannot be read, or something that is no page of this project is in the way.
        """
        write_page(self.path, self.render())
        return self.path

    def write_if_possible(self) -> None:
        """Write the page, or warn once: training is worth more than its page."""
        try:
            self.write()
        except UserError as error:
            if not self._refused:
                log.warning("No %s: %s", REPORT, error)
            self._refused = True

    def render(self) -> str:
        """Return the page as HTML."""
        record, curves = RunRecord(self._run), self._curves.update()
        pictures = [{"at": iteration, "src": f"samples/{quote(path.name)}"} for iteration, path in record.samples()]
        charts = chart_data(curves)
        lines, unread = record.evaluations()
        options = options_of(record)
        return render(
            "run.html",
            SCRIPTS,
            {**charts, "pictures": pictures},
            name=record.name,
            summary=_summary(record, curves),
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
            warning=resize_warning(record),
            charts=charts["charts"],
            bin=charts["axes"][0]["bin"],
            filter=self._curves.width,
            milestones=_milestones(curves),
            pictures=pictures,
            real="samples/real.png" if record.real() else None,
            figures=[metric_of(line) for line in reversed(lines)],
            unread=unread,
            options=options,
            groups=list(dict.fromkeys(option.group for option in options)),
            preset=record.values.get("preset", "?"),
            environment=environment_of(record),
            data=data_of(record),
        )


def _milestones(curves: RunCurves) -> list[dict[str, str]]:
    """Return a few evenly spread rows of ``metrics.csv``, the first and the last among them."""
    if not curves.rows:
        return []
    estimate = np.isfinite(curves.column("w_estimate")).any()
    name = "w_estimate" if estimate else "loss_d"
    medians = curves.filtered().last[:, FILTERED.index(name)]
    # The last row of each bin; before them the first row, where that has no bin of its own.
    rows = [(curves.first[0], curves.first_filtered(name))] if curves.raw.size > 1 else []
    rows += list(zip(curves.raw.last, medians))
    chosen = np.unique(np.linspace(0, len(rows) - 1, MILESTONES).round().astype(int))
    found = []
    for values, median in (rows[place] for place in chosen):
        row = dict(zip(RAW, values.tolist()))
        found.append(
            {
                "iteration": f"{row['gen_iter']:,.0f}",
                "time": duration(row[ELAPSED]),
                name: number(row[name]),
                "median": number(float(median) if curves.width > 1 else None),
                "loss_g": number(row["loss_g"]),
                "D(real)": number(row["d_real"]),
                "D(fake)": number(row["d_fake"]),
            }
        )
    return found


def _summary(record: RunRecord, curves: RunCurves) -> list[tuple[str, str]]:
    """Return what a reader wants to know first, as (name, text)."""
    values = record.values
    row = dict(zip(RAW, curves.raw.last[-1].tolist())) if curves.rows else {}
    done = int(row.get("gen_iter", 0))
    until: Any = values.get("gen_iters")
    epochs = values.get("epochs")
    goal = f" of {until:,}" if isinstance(until, int) else f", until epoch {epochs}" if epochs else ""
    found = [("generator iterations", f"{done:,}{goal}"), ("preset", str(values.get("preset", "?")))]
    if values.get("branch"):
        origin = Path(str(values["branch"]))
        found.append(("branched from", f"{origin.parent.parent.name}, {origin.name}"))
    if row:
        speeds = curves.recent[-RECENT:, RAW.index("images_per_second")]
        found += [
            ("epochs", f"{row['epoch']:,.0f}"),
            ("critic steps", f"{row[CRITIC_STEPS]:,.0f}"),
            ("training time", duration(row[ELAPSED])),
            ("images a second", number(float(np.nanmedian(speeds)))),
        ]
    return found
