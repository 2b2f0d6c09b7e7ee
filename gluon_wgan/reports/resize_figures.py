"""The figures of a report, as SVG: blue dots for clean backends, orange diamonds for aliasing ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from gluon_wgan.reports import svg
from gluon_wgan.reports.resize_images import worst_case_images
from gluon_wgan.resize_parity.comparison_report import CaseReport, Report

PANEL_WIDTH, PANEL_HEIGHT = 236.0, 172.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 226.0, 36.0, 142.0
_ROW = 24.0
_COLUMNS = 4
_TILE, _GAP, _HEAD = 128, 6, 22
_BINS = ((0, 0), (1, 1), (2, 3), (4, 7), (8, 15), (16, 31), (32, 63), (64, 127), (128, 255))


def distances(report: Report, found: CaseReport) -> str:
    """Draw every backend's mean absolute difference: median, its interval, 5th to 95th percentile."""
    leaders = [name for name in found.leaders() if name != report.plan.against]
    measured = [(name, found.summaries[name]["mean_abs"]) for name in leaders]
    most = max((one.p95 or 0 for _, one in measured), default=0) or 1
    left, right = 205.0, 690.0
    bottom = 30 + _ROW * len(leaders)

    def x_of(levels: float) -> float:
        return left + (right - left) * levels / most

    body = _value_axis(x_of, most, 22, bottom, "levels off on average, 0 to 255")
    for place, (name, one) in enumerate(measured):
        y, kind = 38 + _ROW * place, _kind(found, name)
        body.append(svg.text(left - 10, y + 4, found.short_title(name), "bold" if kind == "bad" else "", "end"))
        body.append(svg.line(x_of(one.p5 or 0), y, x_of(one.p95 or 0), y, f"span-{kind}"))
        body.append(svg.line(x_of(one.low or 0), y, x_of(one.high or 0), y, f"bar-{kind}"))
        mark = svg.diamond if kind == "bad" else svg.dot
        body.append(mark(x_of(one.median or 0), y, f"fill-{kind}"))
        body.append(svg.text(right + 8, y + 4, f"{one.median or 0:.2f}{' aliases' if kind == 'bad' else ''}", kind))
    title = f"Mean absolute difference from {report.plan.against} at {found.case.label}"
    return svg.figure(780, bottom + 34, body, title)


def data_sets(report: Report, found: CaseReport) -> str:
    """Draw both distances between data sets, with the distance between two halves of one as the baseline."""
    leaders = [name for name in found.leaders() if name != report.plan.against]
    bottom = 44 + _ROW * len(leaders)
    body = [svg.text(195, 47 + _ROW * place, found.short_title(name), "", "end") for place, name in enumerate(leaders)]
    body += _bars(found, leaders, "Fréchet", found.frechet, found.halves_frechet, 205)
    body += _bars(found, leaders, "sliced Wasserstein", found.sliced, found.halves_sliced, 500)
    return svg.figure(780, bottom + 18, body, f"Distances between data sets at {found.case.label}")


def _bars(
    found: CaseReport, names: Sequence[str], title: str, distance: dict[str, float], baseline: float, left: float
) -> list[str]:
    """Return a bar for each backend, and the baseline across them; an unknown baseline is left out."""
    bottom = 40 + _ROW * len(names)
    values = {name: 0.0 if math.isnan(distance[name]) else distance[name] for name in names}
    scale = 230 / (max(*values.values(), 0.0 if math.isnan(baseline) else baseline, 1e-9) * 1.05)
    body, labels = [svg.text(left, 14, title, "bold")], []
    for place, (name, value) in enumerate(values.items()):
        y, length = 36 + _ROW * place, value * scale
        body.append(svg.rect(left, y, length, 14, f"fill-{_kind(found, name)}"))
        if length > 170:
            labels.append(svg.text(left + length - 5, y + 11, _short(value), f"halo on-{_kind(found, name)}", "end"))
        else:
            labels.append(svg.text(left + length + 5, y + 11, _short(value), "outlined"))
    if not math.isnan(baseline):
        x = left + baseline * scale
        body.append(svg.line(x, 26, x, bottom, "baseline"))
        words = f"two halves: {_short(baseline)}"
        labels.append(svg.text(min(max(x, left + 20), left + 190), bottom + 14, words, "muted", "middle"))
    return body + labels


def spectrum(found: CaseReport, name: str) -> str:
    """Draw the radial power of a backend's images, the false detail in it, and that of an ideal filter."""
    assert found.ideal_power is not None
    power = [found.ideal_power, found.power[name], found.false_power[name]]
    most = float(max(found.ideal_power[1:].max(), found.power[name][1:].max()))
    highest = math.ceil(math.log10(most)) if most > 0 else 0  # images of one color have no power
    least = float(found.ideal_power[1:].min())
    lowest = highest - 5 if least <= 0 else min(highest - 5, max(highest - 8, math.floor(math.log10(least)) - 1))
    decades = highest - lowest

    def points(values: np.ndarray) -> list[tuple[float, float]]:
        logs = np.clip(np.log10(np.maximum(values[1:], 1e-12)), lowest, highest)
        places = np.linspace(0, 1, len(values))[1:]
        return [(_x(place), _y((value - lowest) / decades)) for place, value in zip(places, logs)]

    kind = _kind(found, name)
    body = _panel(name, found.twins[name], kind)
    body.append(svg.area(points(power[0]), _BOTTOM, "shade"))
    body.append(svg.curve(points(power[2]), "curve-false"))
    body.append(svg.curve(points(power[1]), f"curve-{kind}"))
    for exponent in range(lowest, highest + 1, 2):
        body.append(svg.text(_LEFT - 4, _y((exponent - lowest) / decades) + 4, f"1e{exponent}", "small muted", "end"))
    body += _below("0", "0.25", "0.5", "cycles a pixel")
    return svg.figure(PANEL_WIDTH, PANEL_HEIGHT, body, f"Power spectrum of {found.title(name)}")


def histogram(found: CaseReport, name: str) -> str:
    """Draw how many values are off by how much."""
    shares = [found.histogram[name][low : high + 1].sum() for low, high in _BINS]
    most = max(shares)
    kind, width = _kind(found, name), (_RIGHT - _LEFT) / len(_BINS)
    body = _panel(name, found.twins[name], kind)
    for place, (share, (low, _)) in enumerate(zip(shares, _BINS)):
        x, top = _LEFT + width * place, _BOTTOM - (_BOTTOM - _TOP - 12) * share / most
        body.append(svg.rect(x + 1.5, top, width - 3, _BOTTOM - top, f"fill-{kind}"))
        body.append(svg.text(x + width / 2, top - 3, _percent(share), "small", "middle"))
        body.append(svg.text(x + width / 2, _BOTTOM + 12, f"{low}", "small muted", "middle"))
    body.append(svg.text((_LEFT + _RIGHT) / 2, _BOTTOM + 26, "off by at least so many levels", "small muted", "middle"))
    return svg.figure(PANEL_WIDTH, PANEL_HEIGHT, body, f"Differences of {found.title(name)}")


def kernel(report: Report, name: str, twins: Sequence[str]) -> str:
    """Draw the weights of source pixels around a target pixel; `twins` have the same."""
    measured = report.kernels[name]
    kind = "clean" if report.probes[name].antialiases else "bad"
    highest = max(1.2, float(measured.weights.max()) * 1.08)
    lowest = -0.25 * highest

    def y_of(weight: float) -> float:
        return _y((weight - lowest) / (highest - lowest))

    body = _panel(name, twins, kind)
    body.append(svg.line(_LEFT, y_of(0), _RIGHT, y_of(0), "rule"))
    inside = np.abs(measured.offsets) <= 3
    for offset, weight in zip(measured.offsets[inside], measured.weights[inside]):
        x = _x((offset + 3) / 6)
        body.append(svg.line(x, y_of(0), x, y_of(max(lowest, weight)), f"bar-{kind}"))
    words = f"{measured.width:g} source pixels wide"
    shift = max(abs(measured.shift_x), abs(measured.shift_y))
    words += f", shifts by {measured.shift_x:+.2f} px" if shift > 0.01 else ", centred"
    body.append(svg.text(8, _TOP + 6, words, "small"))
    body += _below("-3", "0", "3", "target pixels from the centre")
    return svg.figure(PANEL_WIDTH, PANEL_HEIGHT, body, f"Kernel of {name}: {words}")


def worst_sheet(report: Report, found: CaseReport) -> str:
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


def side_by_side(panels: Sequence[str], title: str) -> str:
    """Return panels in rows of four as one figure."""
    body = []
    for place, panel in enumerate(panels):
        x, y = PANEL_WIDTH * (place % _COLUMNS), PANEL_HEIGHT * (place // _COLUMNS)
        where = f'x="{x:g}" y="{y:g}" width="{PANEL_WIDTH:g}" height="{PANEL_HEIGHT:g}"'
        body.append(panel.replace("<svg ", f"<svg {where} ", 1))
    rows = -(-len(panels) // _COLUMNS)
    return svg.figure(PANEL_WIDTH * min(_COLUMNS, len(panels)), PANEL_HEIGHT * rows, body, title)


def _kind(found: CaseReport, name: str) -> str:
    return "bad" if found.aliases[name] else "clean"


def _panel(name: str, twins: Sequence[str], kind: str) -> list[str]:
    body = [svg.text(8, 14, name, "bold"), svg.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis")]
    if kind == "bad":
        body.append(svg.text(_RIGHT, 14, "▲ aliases", "bad small", "end"))
    if twins:
        same = f"= {twins[0]}" if len(twins) == 1 else f"and {len(twins)} more"
        body.append(svg.text(8, 27, same, "small muted"))
    return body


def _below(first: str, middle: str, last: str, words: str) -> list[str]:
    y = _BOTTOM + 12
    return [
        svg.text(_LEFT, y, first, "small muted"),
        svg.text((_LEFT + _RIGHT) / 2, y, middle, "small muted", "middle"),
        svg.text(_RIGHT, y, last, "small muted", "end"),
        svg.text((_LEFT + _RIGHT) / 2, y + 14, words, "small muted", "middle"),
    ]


def _x(share: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * share


def _y(share: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP - 6) * share


def _value_axis(x_of: Callable[[float], float], most: float, top: float, bottom: float, words: str) -> list[str]:
    """Return a scale of round values from 0, with rules through the figure."""
    step = 10 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (step * part) <= 8)
    body = []
    for value in np.arange(0, most * 1.0001, step):
        body.append(svg.line(x_of(value), top, x_of(value), bottom, "rule"))
        body.append(svg.text(x_of(value), bottom + 14, f"{value:g}", "small muted", "middle"))
    return [*body, svg.text(x_of(0), bottom + 29, words, "small muted")]


def _short(value: float) -> str:
    return f"{value:.3g}" if value >= 0.001 else f"{value:.5f}"


def _percent(share: float) -> str:
    return "" if share < 0.0005 else f"{share:.1%}".rstrip("%") if share < 0.0995 else f"{share:.0%}".rstrip("%")
