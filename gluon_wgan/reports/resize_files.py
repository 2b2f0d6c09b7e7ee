"""Every figure of a report as an SVG file, and every table as Markdown, to be put into documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from gluon_wgan.reports import resize_figures, svg
from gluon_wgan.reports.resize_images import worst_case_images
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report
from gluon_wgan.resize_parity.probes import ENLARGING, SHRINKING
from gluon_wgan.resize_parity.verdict import where_words

_COLUMNS = 4
_TILE, _GAP, _HEAD = 128, 6, 22


def write_figures(folder: Path, report: Report) -> None:
    """Write all figures and tables into a folder.

    Parameters
    ----------
    folder
        Made if missing; files of the same name are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for found in report.cases:
        name = found.case.label.replace(" ", "-").removesuffix("-px")
        for kind, drawn in _figures_of(report, found).items():
            _write(folder / f"{kind}-{name}.svg", svg.standalone(drawn))
        _write(folder / f"table-{name}.md", _table(report, found))
    kernels = [resize_figures.kernel(report, names[0], names[1:]) for names in report.kernel_groups()]
    _write(folder / "kernels.svg", svg.standalone(_panels(kernels, "Kernels")))
    _write(folder / "ratios.md", _ratios(report))
    if report.decoder_probes:
        _write(folder / "decoders.md", _decoders(report))


def _figures_of(report: Report, found: CaseReport) -> dict[str, str]:
    """Return the figures of one size by kind."""
    leaders = found.leaders()
    others = [name for name in leaders if name != report.plan.against]
    if not others:
        return {}
    drawn = {
        "distances": resize_figures.distances(report, found),
        "data-sets": resize_figures.data_sets(report, found),
        "histograms": _panels([resize_figures.histogram(found, name) for name in others], "Histograms of differences"),
    }
    if found.ideal_power is not None:
        drawn["spectra"] = _panels([resize_figures.spectrum(found, name) for name in leaders], "Power spectra")
        if found is report.cases[0] and found.worst_cases:
            drawn["worst"] = _sheet(report, found)
    return drawn


def _panels(panels: Sequence[str], title: str) -> str:
    return svg.tiled(
        [(resize_figures.PANEL_WIDTH, resize_figures.PANEL_HEIGHT, panel) for panel in panels], _COLUMNS, title
    )


def _sheet(report: Report, found: CaseReport) -> str:
    """Draw the image on which backends disagree most: a column for each, of image, difference and piece."""
    shown = worst_case_images(report, found, found.worst_cases[0])
    columns: list[tuple[str, str, list[Optional[str]]]] = [("the source", "", [shown.source, None, shown.source_piece])]
    for card in (shown.reference, *shown.cards):
        words = f"{'▲ aliases, ' if card.aliases else ''}off by {card.off:.1f}"
        columns.append((card.title.split(" = ")[0], words, [card.image, card.heat, card.piece]))
    step, per_row = _TILE + _GAP, 6
    row_height = _HEAD + 14 + 3 * step + 10
    body = []
    for place, (title, words, images) in enumerate(columns):
        x, y = step * (place % per_row), row_height * (place // per_row)
        body.append(svg.text(x, y + 13, title, "bold"))
        body.append(svg.text(x, y + 27, words, "small bad" if "aliases" in words else "small muted"))
        for row, uri in enumerate(images):
            if uri is not None:
                body.append(svg.image(x, y + _HEAD + 14 + row * step, _TILE, uri))
    rows = -(-len(columns) // per_row)
    title = f"{shown.name} at {found.case.label}: image, difference, the piece that differs most"
    return svg.figure(step * per_row - _GAP, row_height * rows, body, title)


def _table(report: Report, found: CaseReport) -> str:
    """Return the medians as Markdown, backends with the same pixels in one row."""
    lines = [
        f"{where_words(found)}; medians of {found.count} images against "
        f"`{report.plan.against}`, with the 95 % bootstrap interval of the L1 sum.\n",
        "| backend | L1 sum | max | off > 8 | PSNR | SSIM | Laplacian | aliasing | Fréchet | sliced W. | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in found.leaders():
        one = {key: summary.median for key, summary in found.summaries[name].items()}
        l1 = found.summaries[name]["l1_sum"]
        span = "" if l1.low == l1.high else f" ({l1.low:,.0f} to {l1.high:,.0f})"
        share = "" if one["aliasing"] is None else f"{one['aliasing']:.1%}"
        psnr = f"{one['psnr']:.1f}".replace("inf", "∞")
        cells = [
            f"`{found.title(name).replace(' = ', '` = `')}`",
            f"{one['l1_sum']:,.0f}{span}",
            f"{one['max_abs']:.0f}",
            f"{one['off_by_8']:.1%}",
            psnr,
            f"{one['ssim']:.3f}",
            f"{one['laplacian_ratio']:.2f}",
            share,
            f"{found.frechet[name]:.4f}",
            f"{found.sliced[name]:.2f}",
            "aliases" if found.aliases[name] else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    halves = f"{found.halves_frechet:.4f} | {found.halves_sliced:.2f}"
    lines.append(f"| two halves of the images | | | | | | | | {halves} | |")
    return "\n".join(lines) + "\n"


def _ratios(report: Report) -> str:
    """Return the sweep over ratios as Markdown."""
    head = [f"enlarged {ratio:g}x" for ratio in ENLARGING] + [f"{ratio:g} to 1" for ratio in SHRINKING]
    lines = ["| backend | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for name in report.plan.backends:
        cells = ["blocks" if blocky else "" for blocky in report.sweep.blocky[name]]
        safe = report.sweep.safe_ratios(name)
        for ratio, share in zip(SHRINKING, report.sweep.aliasing[name]):
            cells.append(f"{share:.0%}" if ratio in safe else f"**{share:.0%}**")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _decoders(report: Report) -> str:
    """Return what decoders make of made-up files as Markdown."""
    others = report.plan.decoders[1:]
    lines = [
        "| file | " + " | ".join(f"`{name}`" for name in others) + " |",
        "|---" * (len(others) + 1) + "|",
    ]
    for kind, answers in report.decoder_probes.items():
        lines.append(f"| {kind} | " + " | ".join(answers[name] for name in others) + " |")
    return "\n".join(lines) + "\n"


def _write(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", errors="backslashreplace")
