"""Compare resize backends on images: the plan, the work and the files of the report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from gluon_wgan.commands import package_version
from gluon_wgan.data import aliasing_options
from gluon_wgan.data.resize import library_versions
from gluon_wgan.errors import UserError
from gluon_wgan.reports.resize_files import write_figures
from gluon_wgan.reports.resize_page import write_page
from gluon_wgan.resize_parity.compare_backends import Findings
from gluon_wgan.resize_parity.comparison_report import Report, build_report
from gluon_wgan.resize_parity.parallel import compare_all
from gluon_wgan.resize_parity.plan import Case, Plan
from gluon_wgan.resize_parity.save import write_csv, write_json


def cases_of(sizes: Sequence[int], *, enlarge: bool) -> tuple[Case, ...]:
    """Return what is compared.

    Parameters
    ----------
    sizes
        Heights and widths, in pixels.
    enlarge
        Whether to add an enlargement, after the sizes.

    Raises
    ------
    UserError
        When a size is out of range.
    """
    least, most = aliasing_options.SMALLEST, aliasing_options.LARGEST
    for size in sizes:
        if not least <= size <= most:
            raise UserError(f"Cannot compare at {size} pixels: use {least} to {most}.")
    enlarged = [Case(aliasing_options.ENLARGE_TO, aliasing_options.ENLARGE_FROM)] if enlarge else []
    return (*map(Case, sizes), *enlarged)


def compare_backends(plan: Plan, *, jobs: int, progress: bool, command: str) -> tuple[Findings, Report]:
    """Compare as a plan says, in some processes.

    Raises
    ------
    UserError
        When no image can be used.
    """
    findings = compare_all(plan, min(jobs, len(plan.images)), progress)
    if not any(tally.indices for tally in findings.tallies):
        index, reason = findings.skipped[0]
        raise UserError(f"No image can be used, {plan.images.names[index]} because: {reason}; check the data.")
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return findings, build_report(plan, findings, command, _versions(plan), when)


def write_report(folder: Path, findings: Findings, report: Report, *, figures: bool) -> None:
    """Write ``parity.csv``, ``parity.json`` and ``parity.html`` into a folder, and ``figures`` if wanted."""
    write_csv(folder / "parity.csv", report.plan, findings)
    write_json(folder / "parity.json", report)
    write_page(folder / "parity.html", report)
    if figures:
        write_figures(folder / "figures", report)


def _versions(plan: Plan) -> dict[str, str]:
    versions = {"gluon_wgan": package_version(), "python": sys.version.split()[0]}
    for name in plan.backends:
        versions.update(library_versions(name))
    for library in ("numpy", "scipy", "scikit-image"):
        versions[library] = metadata.version(library)
    return versions
