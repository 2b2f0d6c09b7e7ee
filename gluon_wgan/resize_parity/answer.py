"""Whether the choice of a backend matters for these images, and which ones to avoid, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gluon_wgan.data.aliasing_options import AGAINST
from gluon_wgan.data.sources import BuiltInSource
from gluon_wgan.data.sources.base import all_parts
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report


@dataclass(frozen=True)
class Answer:
    """What to do, before any figure.

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
