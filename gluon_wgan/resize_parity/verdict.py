"""What a report means: whether the choice of a backend matters for these images, and every finding, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gluon_wgan.data.aliasing_options import AGAINST
from gluon_wgan.data.sources import BuiltInSource
from gluon_wgan.data.sources.base import all_parts
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report

ALIASES, CLEAN, NOTE = "aliases", "clean", "note"


@dataclass(frozen=True)
class Finding:
    """One line of the verdict: `ALIASES`, `CLEAN` or `NOTE`, the size and the ratio, the backends, and what to know."""

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


@dataclass(frozen=True)
class Answer:
    """What to do, before any number.

    Attributes
    ----------
    matters
        Whether any backend is unfit at any size.
    headline
        Yes or no, without a full stop.
    avoid
        Unfit backends: where ("here" if the same are unfit at every size), and which.
    fine
        Backends that are fit at every size.
    same
        Backends that are one under several names; above only the first name of each is used.
    reason
        Why, in one or two sentences.
    """

    matters: bool
    headline: str
    avoid: list[tuple[str, list[str]]]
    fine: list[str]
    same: list[list[str]]
    reason: str

    def avoid_words(self) -> list[str]:
        """Return "do not use A or B here", for each place in turn."""
        return [f"do not use {listed(names, 'or')} {where}" for where, names in self.avoid]

    def fine_words(self) -> str:
        """Return "A and B are fine", or what to use where none is."""
        if not self.fine:
            return f"none of these is fine everywhere, use {AGAINST}"
        return f"{listed(self.fine, 'and')} {'is' if len(self.fine) == 1 else 'are'} fine"

    def sentence(self) -> str:
        """Return the whole answer but for the reason."""
        return f"{self.headline}: {'; '.join([*self.avoid_words(), self.fine_words()])}."


def answer(report: Report) -> Answer:
    """Return the answer that a comparison gives."""
    same = report.same_backends()
    order = report.cases[0].order
    names = sorted((group[0] for group in same), key=lambda name: ("nearest" in name, order.index(name)))
    avoid = _avoid(report, names)
    unfit = {name for _, group in avoid for name in group}
    built_in = any(isinstance(part, BuiltInSource) for part in all_parts(report.plan.images))
    whose = "the built-in portraits" if built_in else "your images"
    return Answer(
        matters=bool(avoid),
        headline=f"Yes, it matters for {whose}" if avoid else f"No, it hardly matters for {whose}",
        avoid=avoid,
        fine=[name for name in names if name not in unfit],
        same=[group for group in same if len(group) > 1],
        reason=_reason(report),
    )


def _avoid(report: Report, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return where which backends are unfit, sizes with the same ones together."""
    where: dict[tuple[str, ...], list[str]] = {}
    for found in report.cases:
        unfit = tuple(name for name in names if found.is_unfit(name))
        how = "at" if found.case.enlarged_from is None else "when enlarging"
        where.setdefault(unfit, []).append(f"{how} {found.case.label}")
    if len(where) == 1:
        where = {unfit: ["here"] for unfit in where}
    return [(listed(places, "and"), list(unfit)) for unfit, places in where.items() if unfit]


def listed(words: Sequence[str], last: str) -> str:
    """Return "a", "a or b", "a, b or c"."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _reason(report: Report) -> str:
    """Say why, at one size that shrinks, if possible one with unfit backends, and at one that enlarges."""
    shrunk = sorted((one for one in report.cases if one.is_shrunk), key=lambda one: not any(one.aliases.values()))
    reasons = [_why_shrinking(found) for found in shrunk[:1]]
    blocky = [found for found in report.cases if not found.is_shrunk and any(map(found.is_unfit, found.order))]
    reasons += [
        f"Where images are enlarged ({found.case.label}), the backends named only repeat pixels."
        for found in blocky[:1]
    ]
    return " ".join(reasons) or f"At {report.cases[0].case.label} no image is shrunk, so that nothing can alias."


def _why_shrinking(found: CaseReport) -> str:
    bad = [name for name in found.order if found.aliases[name]]
    good = [name for name in found.order if not found.aliases[name]]
    too_fine = f"the detail that is too fine for {found.case.label}"
    shares, levels = (_medians(found, good, measure) for measure in ("aliasing", "aliasing_rms"))
    if not bad:
        if not shares:
            return f"The images have next to none of {too_fine}."
        return f"At most {max(shares):.0%} of {too_fine} comes back as false detail, {max(levels):.1f} levels strong."
    words = f"Those turn {_range(_medians(found, bad, 'aliasing'))} of {too_fine} into false detail"
    words += f", the others {_range(shares)}." if shares else "."
    if found.halves_sliced > 0:
        moves = [found.sliced[name] / found.halves_sliced for name in bad]
        ends = sorted({f"{move:.1f}" for move in (min(moves), max(moves))}, key=float)
        words += f" That moves the finest detail of the data set {' to '.join(ends)} times as far"
        words += " as two halves of it lie apart."
    return words


def _medians(found: CaseReport, names: Iterable[str], measure: str) -> list[float]:
    medians = (found.summaries[name][measure].median for name in names)
    return [median for median in medians if median is not None]


def _range(shares: Sequence[float]) -> str:
    """Return "7 %" or "2 to 7 %"."""
    ends = sorted({round(100 * share) for share in (min(shares), max(shares))})
    return f"{' to '.join(map(str, ends))} %"
