"""The report for a terminal, and for other programs: ``parity.csv`` and ``parity.json``."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import Any

from gluon_wgan.data.aliasing_options import ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.data.decode import COLOUR_HANDLING
from gluon_wgan.resize_parity.compare_backends import Findings
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report
from gluon_wgan.resize_parity.decoders import DECODERS
from gluon_wgan.resize_parity.measures import CSV_MEASURES, MEASURES, Summary
from gluon_wgan.resize_parity.plan import Plan
from gluon_wgan.resize_parity.probes import ENLARGING, SHRINKING
from gluon_wgan.resize_parity.verdict import ALIASES, advice, answer, verdict, where_words
from gluon_wgan.utils.text import csv_name

FORMAT_VERSION = 1
_NAMED = 12
_WIDTH = 110
_COLUMNS = ("l1_sum", "mean_abs", "max_abs", "off_by_8", "psnr", "ssim", "laplacian_ratio", "aliasing")


def write_csv(path: Path, plan: Plan, findings: Findings) -> None:
    """Write one row for each image, size and backend; enlarged images are not in it."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "size", "backend", *(measure.name for measure in CSV_MEASURES)])
        for case, tally in zip(plan.cases, findings.tallies):
            if case.enlarged_from is not None:
                continue
            for index, table in zip(tally.indices, tally.rows):
                for backend, values in zip(plan.backends, table):
                    measured = [f"{value:.7g}" for value in values[: len(CSV_MEASURES)]]
                    rows.writerow([csv_name(plan.images.names[index]), case.size, backend, *measured])


def write_json(path: Path, report: Report) -> None:
    """Write summaries, versions and command; null stands for infinite and for unknown."""
    text = json.dumps(as_finite_json(report), indent=1, allow_nan=False, ensure_ascii=True)
    path.write_text(text + "\n", encoding="utf-8")


def as_finite_json(report: Report) -> dict[str, Any]:
    """Return what ``parity.json`` holds; None stands for infinite and for unknown."""
    plan = report.plan
    found = {
        "format_version": FORMAT_VERSION,
        "command": report.command,
        "made": report.when,
        "versions": report.versions,
        "decoder": decoder_words(report),
        "against": plan.against,
        "backends": list(plan.backends),
        "crop": plan.crop,
        "fit": plan.fit,
        "images": {
            "label": plan.images.label,
            "count": len(plan.images),
            "skipped": [{"image": name, "reason": reason} for name, reason in report.skipped],
            "unusual": [{"image": name, "what": what} for name, what in report.odd],
        },
        "answer": answer(report).sentence(),
        "verdict": [asdict(finding) for finding in verdict(report)],
        "advice": advice(report),
        "aliasing_limits": {"share": ALIASING_SHARE, "levels": ALIASING_LEVELS},
        "measures": {measure.name: asdict(measure) for measure in MEASURES},
        "cases": [_case_as_json(report, found) for found in report.cases],
        "probes": _probes_as_json(report),
        "ratios": {
            "shrinking": SHRINKING,
            "aliasing": report.sweep.aliasing,
            "enlarging": ENLARGING,
            "equals_nearest": report.sweep.blocky,
        },
        "decoders": {
            "compared": {name: DECODERS[name] for name in plan.decoders},
            "probes": report.decoder_probes,
            "images": [
                {"kind": kind, "decoder": decoder, **asdict(agreement)}
                for (kind, decoder), agreement in sorted(report.decoding.items())
            ],
        },
    }
    return {name: _without_infinities(value) for name, value in found.items()}


def decoder_words(report: Report) -> str:
    """Say what decoded the images."""
    return f"Pillow {report.versions['pillow']} ({COLOUR_HANDLING})"


def _case_as_json(report: Report, found: CaseReport) -> dict[str, Any]:
    return {
        "label": found.case.label,
        "size": found.case.size,
        "enlarged_from": found.case.enlarged_from,
        "images": found.count,
        "ratio": dict(zip(("least", "median", "greatest"), found.ratios)),
        "nearest_first": found.order,
        "data_set_distances_between_halves": {
            "frechet": found.halves_frechet,
            "sliced_wasserstein": found.halves_sliced,
        },
        "backends": {
            name: {
                "aliases": found.aliases[name],
                "identical_to": found.twins[name],
                "frechet": found.frechet[name],
                "sliced_wasserstein": found.sliced[name],
                "measures": {key: _summary_as_json(report, one) for key, one in measured.items()},
            }
            for name, measured in found.summaries.items()
        },
        "mean_abs_matrix": found.matrix.round(4).tolist(),
    }


def _summary_as_json(report: Report, summary: Summary) -> dict[str, Any]:
    worst = summary.worst_index
    return {
        "median": summary.median,
        "median_ci95": [summary.low, summary.high],
        "mean": summary.mean,
        "p5": summary.p5,
        "p95": summary.p95,
        "worst": summary.worst,
        "worst_image": None if worst is None else report.name_of(worst),
    }


def _probes_as_json(report: Report) -> dict[str, Any]:
    return {
        name: {
            "constant_error": result.constant_error,
            "ramp_steps_back": result.ramp_steps_back,
            "checkerboard_contrast": result.checkerboard_contrast,
            "zone_plate_rings": result.zone_plate_rings,
            "antialiases": result.antialiases,
            "kernel_width": report.kernels[name].width,
            "shift_x": report.kernels[name].shift_x,
            "shift_y": report.kernels[name].shift_y,
        }
        for name, result in report.probes.items()
    }


def _without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_infinities(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_infinities(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_text(report: Report) -> str:
    """Return tables, the verdict, and the images that were skipped or are unusual."""
    parts = [_table(report, found) for found in report.cases]
    parts.append(_verdict(report))
    if report.decoder_probes:
        parts.append(_decoders(report))
    odd = [f"{name}: {', '.join(what)}" for name, what in report.odd]
    skipped = [f"{name}: {reason}" for name, reason in report.skipped]
    parts += _listed("Unusual images", odd) + _listed("Skipped", skipped)
    # The last lines are the ones that a terminal shows.
    told = answer(report)
    parts.append("\n".join(fill(words, _WIDTH) for words in (told.sentence(), told.reason, advice(report))))
    return "\n\n".join(parts)


def _verdict(report: Report) -> str:
    lines, where = [], ""
    for finding in verdict(report):
        if finding.where != where:
            where = finding.where
            lines.append(f"At {where}")
        said = f"{finding.about}: {finding.words}"
        mark = "! " if finding.kind == ALIASES else "  "
        lines.append(fill(said, _WIDTH, initial_indent=mark, subsequent_indent="    "))
    return "\n".join(lines)


def _table(report: Report, found: CaseReport) -> str:
    title = f"{where_words(found)}: medians of {found.count} images against {report.plan.against}"
    width = max(len(found.short_title(name)) for name in found.leaders())
    head = f"{'backend':{width}} {'L1 sum':>9} {'mean|d|':>7} {'max|d|':>6} {'off>8':>6} {'PSNR':>6} "
    head += f"{'SSIM':>6} {'Lapl.':>6} {'alias.':>6} {'Frechet':>8} {'SWD':>6}"
    rows = [_row(found, name, width) for name in found.leaders()]
    halves = f"{'two halves of the images':{width + 57}} {found.halves_frechet:8.4f} {found.halves_sliced:6.2f}"
    return "\n".join([title, head, *rows, halves])


def _row(found: CaseReport, name: str, width: int) -> str:
    l1, mean, most, off, psnr, ssim, laplacian, aliasing = (found.summaries[name][column].median for column in _COLUMNS)
    share = "-" if aliasing is None else f"{aliasing:.1%}"
    mark = "  aliases" if found.aliases[name] else ""
    return (
        f"{found.short_title(name):{width}} {l1:9,.0f} {mean:7.2f} {most:6.0f} {off:6.1%} {psnr:6.2f} {ssim:6.3f} "
        f"{laplacian:6.2f} {share:>6} {found.frechet[name]:8.4f} {found.sliced[name]:6.2f}{mark}"
    )


def _decoders(report: Report) -> str:
    first, *others = report.plan.decoders
    lines = [f"Decoders, against {first}"]
    for (kind, decoder), agreement in sorted(report.decoding.items()):
        lines.append(f"  {agreement.files} files ({kind}), {decoder}: {agreement.in_words()}")
    for kind, answers in report.decoder_probes.items():
        lines.append(f"  made-up {kind}: " + "; ".join(f"{name} {answers[name]}" for name in others))
    return "\n".join(lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - _NAMED} more, listed in parity.json"] if len(lines) > _NAMED else []
    return ["\n".join([f"{title} ({len(lines)})", *(f"  {line}" for line in lines[:_NAMED]), *more])]
