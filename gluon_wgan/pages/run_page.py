"""``report.html``: everything that a run directory tells, on one page."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.pages.charts import Curves
from gluon_wgan.pages.evaluations import figure_of
from gluon_wgan.pages.facts import data_of, environment_of, options_of, resize_warning
from gluon_wgan.pages.metrics_reader import MetricsReader
from gluon_wgan.pages.run_record import REPORT, RunRecord
from gluon_wgan.pages.template import render, write_page
from gluon_wgan.pages.words import duration, number
from gluon_wgan.run.directory import RunDirectory

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
    """

    def __init__(self, run: RunDirectory) -> None:
        self.path = run.path / REPORT
        self._run = run
        self._reader = MetricsReader(run.metrics_file)
        self._curves = Curves(RunRecord(run).filter_width)
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
        record, metrics = RunRecord(self._run), self._reader.read()
        pictures = [{"at": iteration, "src": f"samples/{quote(path.name)}"} for iteration, path in record.samples()]
        charts = self._curves.chart_data(metrics)
        lines, unread = record.evaluations()
        options = options_of(record)
        return render(
            "run.html",
            SCRIPTS,
            {**charts, "pictures": pictures},
            name=record.name,
            summary=_summary(record, metrics),
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
            warning=resize_warning(record),
            charts=charts["charts"],
            bin=charts["axes"][0]["bin"],
            filter=self._curves.width,
            milestones=self._milestones(metrics),
            pictures=pictures,
            real="samples/real.png" if record.real() else None,
            figures=[figure_of(line) for line in reversed(lines)],
            unread=unread,
            options=options,
            groups=list(dict.fromkeys(option.group for option in options)),
            preset=record.values.get("preset", "?"),
            environment=environment_of(record),
            data=data_of(record),
        )

    def _milestones(self, metrics: dict[str, np.ndarray]) -> list[dict[str, str]]:
        """Return a few evenly spread rows of ``metrics.csv``, the first and the last among them."""
        rows = len(metrics["gen_iter"])
        if not rows:
            return []
        estimate = np.isfinite(metrics["w_estimate"]).any()
        name = "w_estimate" if estimate else "loss_d"
        filtered = self._curves.filtered(name, metrics[name])
        seconds = np.cumsum(metrics["seconds"])
        return [
            {
                "iteration": f"{metrics['gen_iter'][row]:,.0f}",
                "time": duration(seconds[row]),
                name: number(float(metrics[name][row])),
                "median": number(None if filtered is None else float(filtered[row])),
                "loss_g": number(float(metrics["loss_g"][row])),
                "D(real)": number(float(metrics["d_real"][row])),
                "D(fake)": number(float(metrics["d_fake"][row])),
            }
            for row in np.unique(np.linspace(0, rows - 1, MILESTONES).round().astype(int))
        ]


def _summary(record: RunRecord, metrics: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Return what a reader wants to know first, as (name, text)."""
    values, rows = record.values, len(metrics["gen_iter"])
    done = int(metrics["gen_iter"][-1]) if rows else 0
    until: Any = values.get("gen_iters")
    epochs = values.get("epochs")
    goal = f" of {until:,}" if isinstance(until, int) else f", until epoch {epochs}" if epochs else ""
    found = [("generator iterations", f"{done:,}{goal}"), ("preset", str(values.get("preset", "?")))]
    if rows:
        found += [
            ("epochs", f"{metrics['epoch'][-1]:,.0f}"),
            ("critic steps", f"{metrics['critic_steps'].sum():,.0f}"),
            ("training time", duration(float(np.nansum(metrics["seconds"])))),
            ("images a second", number(float(np.nanmedian(metrics["images_per_second"][-100:])))),
        ]
    return found
