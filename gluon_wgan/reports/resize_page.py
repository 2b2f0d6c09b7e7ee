"""The files of a resize comparison, above all ``parity.html``: the whole report in one page that needs nothing else."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Optional

import numpy as np
from markupsafe import Markup, escape

from gluon_wgan.data.aliasing_options import ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.reports import resize_figures, svg
from gluon_wgan.reports.resize_images import HEAT_FULL, heat_scale, worst_case_images
from gluon_wgan.reports.template import BASE, HERE, environment, png_uri, policy
from gluon_wgan.resize_parity.compare_backends import Findings
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report
from gluon_wgan.resize_parity.decoders import DECODERS
from gluon_wgan.resize_parity.measures import MEASURES, Measure
from gluon_wgan.resize_parity.output import decoder_words, write_csv, write_json
from gluon_wgan.resize_parity.probes import ENLARGING, RATIO, SHRINKING
from gluon_wgan.resize_parity.verdict import advice, answer, verdict, where_words
from gluon_wgan.utils.formatting import UNKNOWN


def write_report(folder: Path, findings: Findings, report: Report, *, figures: bool) -> None:
    """Write ``parity.csv``, ``parity.json`` and ``parity.html`` into a folder, and ``figures`` if wanted."""
    write_csv(folder / "parity.csv", report.plan, findings)
    write_json(folder / "parity.json", report)
    (folder / "parity.html").write_text(render(report), encoding="utf-8", errors="backslashreplace")
    if figures:
        (folder / "figures").mkdir()
        for name, content in _figures(report).items():
            path = folder / "figures" / name
            path.write_text(content, encoding="utf-8", errors="backslashreplace")


def _figures(report: Report) -> dict[str, str]:
    """Return every figure as SVG and every table as Markdown, to be put into documents, by the file's name."""
    # Markdown keeps quotes and brackets as they are.
    tables: Any = environment().overlay(autoescape=False).get_template("resize_tables.md").module
    files = {}
    for case in (_case(report, found) for found in report.cases):
        found = case["found"]
        size = found.case.label.replace(" ", "-").removesuffix("-px")
        files[f"table-{size}.md"] = tables.medians(report, found, case["where"])
        if not case["distances"]:
            continue
        files[f"distances-{size}.svg"] = svg.standalone(case["distances"])
        files[f"data-sets-{size}.svg"] = svg.standalone(case["data_sets"])
        files[f"histograms-{size}.svg"] = _tiled(case["histograms"], "Histograms of differences")
        if case["spectra"]:
            files[f"spectra-{size}.svg"] = _tiled(case["spectra"], "Power spectra")
            if found is report.cases[0] and found.worst_cases:
                files[f"worst-{size}.svg"] = svg.standalone(resize_figures.worst_sheet(report, found))
    files["kernels.svg"] = _tiled([row["figure"] for row in _probes(report)], "Kernels")
    files["ratios.md"] = tables.ratios(report, ENLARGING, SHRINKING)
    if report.decoder_probes:
        files["decoders.md"] = tables.decoders(report)
    return files


def _tiled(panels: list[str], title: str) -> str:
    return svg.standalone(resize_figures.side_by_side(panels, title))


def render(report: Report) -> str:
    """Return the page as HTML."""
    templates = environment()
    templates.filters.update(
        number=number,
        percent=percent,
        fixed=fixed,
        names=_names,
        capitalized=lambda words: words[:1].upper() + words[1:],
    )
    shrinking = [found for found in report.cases if found.case.enlarged_from is None]
    style = svg.STYLE + BASE + (HERE / "resize_page.css").read_text(encoding="utf-8")
    return templates.get_template("resize_page.html").render(
        report=report,
        # The lengths of bars and the shades of a table's cells are style attributes.
        policy=policy(style, "style-src-attr 'unsafe-inline'", "img-src data:"),
        style=Markup(style),
        answer=answer(report),
        findings=verdict(report),
        advice=advice(report),
        decoder=decoder_words(report),
        decoder_meanings=DECODERS,
        cases=[_case(report, found) for found in report.cases],
        shrinking=shrinking,
        same_images=report.same_backends(),
        same_texture=_same_on_texture(report),
        worst_cases=[worst_case_images(report, found, one) for found in report.cases[:1] for one in found.worst_cases],
        heat_scale=heat_scale(),
        heat_full=HEAT_FULL,
        measures=MEASURES,
        limits=(ALIASING_SHARE, ALIASING_LEVELS),
        probes=_probes(report),
        probe_ratio=RATIO,
        sweep_shrinking=SHRINKING,
        sweep_enlarging=ENLARGING,
        backends=BACKENDS,
    )


def number(value: Optional[float], measure: Optional[Measure] = None) -> str:
    """Return a number as people read it: as many digits as carry meaning, no exponents."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞"
    if measure is not None and (measure.unit.startswith("share")):
        return percent(value)
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def percent(value: Optional[float]) -> str:
    """Return a share as per cent."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return "0 %" if value == 0 else f"{value * 100:.1f} %" if value < 0.0995 else f"{value * 100:.0f} %"


def fixed(value: Optional[float], places: int) -> str:
    """Return a number with so many places, as the rows of a column need it."""
    if value is None or not math.isfinite(value):
        return number(value)
    return "0" if abs(value) < 1e-9 else f"{value:,.{places}f}"


def _names(words: str) -> Markup:
    """Keep the backends' names in one piece where lines break."""
    return Markup(re.sub(r"(?:= )?\b(?:pil|cv2|mxnet)-\w+", r'<span class="nowrap">\g<0></span>', str(escape(words))))


def _case(report: Report, found: CaseReport) -> dict[str, Any]:
    leaders = found.leaders()
    others = [name for name in leaders if name != report.plan.against]
    places = [report.plan.backends.index(name) for name in leaders]
    farthest = max((found.summaries[name]["mean_abs"].median or 0 for name in leaders), default=0)
    return {
        "found": found,
        "where": where_words(found),
        "leaders": leaders,
        "farthest": farthest or 1,
        "matrix": [(name, found.matrix[place][places].tolist()) for name, place in zip(leaders, places)],
        "distances": resize_figures.distances(report, found) if others else "",
        "data_sets": resize_figures.data_sets(report, found) if others else "",
        "histograms": [resize_figures.histogram(found, name) for name in others],
        "spectra": [resize_figures.spectrum(found, name) for name in leaders if found.ideal_power is not None],
    }


def _probes(report: Report) -> list[dict[str, Any]]:
    """Return one row for each group of backends that answer every probe alike."""
    return [
        {
            "title": " = ".join(names),
            "result": report.probes[names[0]],
            "kernel": report.kernels[names[0]],
            "figure": resize_figures.kernel(report, names[0], names[1:]),
            "images": {
                # The dots would hardly be seen.
                kind: png_uri(
                    np.rint(one * (255 / max(1, one.max()))).astype(np.uint8) if kind == "impulse grid" else one
                )
                for kind, one in report.probes[names[0]].images.items()
            },
        }
        for names in report.kernel_groups()
    ]


def _same_on_texture(report: Report) -> list[list[str]]:
    """Return the backends, those in one group that have the same values at every ratio of the sweep."""
    groups: dict[str, list[str]] = {}
    for name in report.plan.backends:
        groups.setdefault(str((report.sweep.aliasing[name], report.sweep.blocky[name])), []).append(name)
    return list(groups.values())
