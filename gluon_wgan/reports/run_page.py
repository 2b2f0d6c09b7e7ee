"""``report.html``: everything that a run directory tells, on one page."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.reports.charts import chart_data, history_of_run
from gluon_wgan.reports.facts import data_of, environment_of, options_of, resize_warning
from gluon_wgan.reports.template import jpeg_uri, render, write_page
from gluon_wgan.runs.curves import CRITIC_STEPS, ELAPSED, FILTERED, RAW, RECENT, RunCurves
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.evaluations import MetricText, common_protocol, differing, metric_of, newest_by_protocol
from gluon_wgan.runs.run_record import REPORT, RunRecord
from gluon_wgan.utils.formatting import duration, number

log = logging.getLogger("gluon_wgan")

SCRIPTS = ("scales.js", "charts.js", "player.js", "page.js", "run.js")
MILESTONES = 12
"""Rows of the table that says the curves in numbers."""


class RunPage:
    """The page of one run, for writing it again and again while the run grows; curves that nobody keeps are read."""

    def __init__(self, run: RunDirectory, curves: Optional[RunCurves] = None) -> None:
        self.path = run.path / REPORT
        self._run = run
        self._curves = RunCurves(run.metrics_file, RunRecord(run).filter_width) if curves is None else curves
        self._refused = False

    def write(self) -> Path:
        """Write the page in one step and return where it is.

        Raises UserError when the run directory cannot be read, or something that is no page of ours is in the way.
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
        grids, charts = _grids(record), chart_data(curves)
        lines, unread = record.evaluations()
        values = [metric_of(line) for line in lines]
        evaluations = history_of_run(values)
        options = options_of(record)
        return render(
            "run.html",
            SCRIPTS,
            {**charts, "evaluations": evaluations, "grids": grids},
            name=record.name,
            summary=_summary(record, curves),
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
            warning=resize_warning(record),
            charts=charts["charts"],
            bin=charts["axes"][0]["bin"],
            filter=curves.applied,
            width=curves.width,
            milestones=_milestones(curves),
            grids=grids,
            last_grids=_last_grids(record),
            evaluations=evaluations,
            **_metrics(values),
            unread=unread,
            options=options,
            groups=list(dict.fromkeys(option.group for option in options)),
            preset=record.values.get("preset", "?"),
            environment=environment_of(record),
            data=data_of(record),
        )


def _grids(record: RunRecord) -> list[dict[str, Any]]:
    """Return the grids of samples beside the page: of each iteration, those of each kind that there is."""
    found: dict[int, dict[str, Any]] = {}
    for kind, prefix in (("samples", "fake"), ("averaged", "ema")):
        for iteration, path in record.samples(prefix):
            found.setdefault(iteration, {"at": iteration})[kind] = f"samples/{quote(path.name)}"
    return [found[iteration] for iteration in sorted(found) if "samples" in found[iteration]]


def _last_grids(record: RunRecord) -> list[tuple[str, str, Optional[str]]]:
    """Return kind, caption and data URI of the last grids, so that a page moved away from them shows something."""
    decay = record.values.get("ema")
    kinds = (("samples", "fake", "samples"), ("averaged", "ema", f"samples of the averaged generator, decay {decay}"))
    last = [(kind, words, record.samples(prefix)[-1:]) for kind, prefix, words in kinds]
    found = [(kind, words, jpeg_uri(files[0][1])) for kind, words, files in last if files]
    real = record.real()
    if real is not None:
        found.append(("real", "real images, as the critic sees them", jpeg_uri(real)))
    return found


def _metrics(values: list[MetricText]) -> dict[str, Any]:
    """Return the newest value of each metric and protocol, all values, and what their protocols share and do not."""
    common = common_protocol(values)
    metrics = {value.metric: [one for one in values if one.metric == value.metric] for value in values}
    # Metrics that share a protocol stand above it together.
    sharing: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, mine in metrics.items():
        own = tuple(one for one in common_protocol(mine) if one not in common)
        sharing.setdefault(own, []).append(name)
    return {
        "newest": newest_by_protocol(values),
        "all_values": values[::-1],
        "differing": {name: differing(mine) for name, mine in metrics.items()},
        "common": common,
        "own": [(", ".join(names), own) for own, names in sharing.items() if own],
    }


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
                **({"median": number(float(median))} if curves.applied > 1 else {}),
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
    return found + _machines(record)


def _machines(record: RunRecord) -> list[tuple[str, str]]:
    """Return on how many machines a run of several workers last ran, and by what they exchanged gradients."""
    sessions = record.sessions()
    values = sessions[-1][1] if sessions else {}
    hosts, workers = values.get("hosts"), values.get("workers")
    found = []
    if isinstance(workers, int):
        names = list(dict.fromkeys(map(str, hosts))) if isinstance(hosts, list) else []
        found.append(
            ("workers", f"{workers} on {', '.join(names[:3])}{', …' if names[3:] else ''}" if names else f"{workers}")
        )
    engine = values.get("engine", values.get("kvstore"))
    if isinstance(engine, str):
        found.append(("engine", engine))
    return found
