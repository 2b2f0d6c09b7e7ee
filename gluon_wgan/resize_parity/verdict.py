"""What a report means, in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_wgan.data.aliasing_options import AGAINST
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report

ALIASES, CLEAN, NOTE = "aliases", "clean", "note"


@dataclass(frozen=True)
class Finding:
    """One line of the verdict.

    Attributes
    ----------
    kind
        `ALIASES`, `CLEAN` or `NOTE`.
    where
        The size and the ratio.
    about
        The backends.
    words
        What is said of them.
    """

    kind: str
    where: str
    about: str
    words: str


def verdict(report: Report) -> list[Finding]:
    """Return what was found, size by size, the worst first."""
    findings = []
    for found in report.cases:
        findings += _shrinking(report, found) if found.is_shrunk else _enlarging(report, found)
    return findings


def advice(report: Report) -> str:
    """Say in one sentence what to do."""
    clean = [
        name
        for name in report.plan.backends
        if not any(found.aliases[name] for found in report.cases) and report.probes[name].antialiases
    ]
    if not clean:
        return f"None of these is safe at these sizes: use {AGAINST}."
    pick = next((name for name in (report.plan.against, AGAINST) if name in clean), clean[0])
    return f"For new work on images like these use {pick}, and the same backend for all data that you compare."


def where_words(found: CaseReport) -> str:
    """Name the size and the ratio."""
    least, median, greatest = found.ratios
    spread = "" if greatest - least < 0.05 else f" ({least:.3g} to {greatest:.3g})"
    if median > 1:
        return f"{found.case.label}, {median:.3g} source pixels to one{spread}"
    return f"{found.case.label}, enlarged {1 / median:.3g} times"


def _shrinking(report: Report, found: CaseReport) -> list[Finding]:
    where = where_words(found)
    bad = [name for name in found.leaders() if found.aliases[name]]
    good = [name for name in found.leaders() if not found.aliases[name]]
    findings = [
        Finding(ALIASES, where, found.title(name), _aliasing_words(report, found, name)) for name in reversed(bad)
    ]
    if good:
        furthest = max(_distance(found, name) for name in good)
        words = "No aliasing to speak of"
        if furthest > 0:
            words += f", and within {furthest:.1f} levels of {report.plan.against} on average"
        findings.append(Finding(CLEAN, where, ", ".join(map(found.title, good)), words + "."))
    return findings


def _aliasing_words(report: Report, found: CaseReport, name: str) -> str:
    measured = found.summaries[name]
    share, levels = measured["aliasing"].median or 0, measured["aliasing_rms"].median or 0
    words = (
        f"Aliases at this ratio: {share:.0%} of the detail that is too fine returns as false detail, "
        f"{levels:.0f} levels strong."
    )
    if name != report.plan.against:
        words += (
            f" Off from {report.plan.against} by {_distance(found, name):.1f} levels on average, "
            f"by {measured['max_abs'].median or 0:.0f} in places."
        )
    return words + _data_set_words(found, name)


def _data_set_words(found: CaseReport, name: str) -> str:
    """Say whether it matters to a GAN: distances beside one that everybody accepts."""
    if not (found.halves_frechet > 0 and found.halves_sliced > 0):
        return ""
    critic = found.frechet[name] / found.halves_frechet
    detail = found.sliced[name] / found.halves_sliced
    return (
        f" The data set moves {critic:.1f} times as far as two halves of it lie apart to an untrained critic, "
        f"{detail:.1f} times in its finest detail."
    )


def _enlarging(report: Report, found: CaseReport) -> list[Finding]:
    where, against, findings = where_words(found), report.plan.against, []
    blocky = [name for name in found.summaries if "nearest" not in name and found.is_blocky(name)]
    if blocky:
        words = "The same as nearest neighbour, bit for bit: every source pixel becomes a block."
        findings.append(Finding(NOTE, where, ", ".join(blocky), words))
    close = [
        found.title(name)
        for name in found.leaders()
        if name != against and (found.summaries[name]["max_abs"].median or 0) <= 1
    ]
    if close:
        findings.append(Finding(CLEAN, where, ", ".join(close), f"Equal to {against} to within one level."))
    return findings or [Finding(NOTE, where, "all", "Nothing to alias: no image is shrunk.")]


def _distance(found: CaseReport, name: str) -> float:
    return found.summaries[name]["mean_abs"].median or 0.0
