"""The report as text for a terminal."""

from __future__ import annotations

from textwrap import fill

from gluon_wgan.resize_parity.comparison_report import CaseReport, Report
from gluon_wgan.resize_parity.verdict import ALIASES, advice, answer, verdict, where_words

_NAMED = 12
_WIDTH = 110
_COLUMNS = ("l1_sum", "mean_abs", "max_abs", "off_by_8", "psnr", "ssim", "laplacian_ratio", "aliasing")


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
