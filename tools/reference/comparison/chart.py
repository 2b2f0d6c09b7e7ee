"""Chart of one comparison: six panels with logarithmic axes; the lines differ by dash pattern, not by color."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gluon_wgan.reports import svg
from tools.reference.comparison.difference import GROUPS
from tools.reference.comparison.run import KERNELS, LAYOUT, OURS, THREADS, Trajectory
from tools.reference.comparison.summary import spread

WIDTH, HEIGHT = 800.0, 520.0
STYLE = """
.ours { fill: none; stroke: var(--ink); stroke-width: 2; }
.ours-median { fill: none; stroke: var(--ink); stroke-width: 0.9; }
.threads { fill: none; stroke: var(--muted); stroke-width: 1.6; stroke-dasharray: 7 3; }
.layout { fill: none; stroke: var(--muted); stroke-width: 1.6; stroke-dasharray: 1.5 2.5; }
.kernels { fill: none; stroke: var(--muted); stroke-width: 1.6; stroke-dasharray: 9 2.5 1.5 2.5; }
"""
# What each line shows: its class, its words, whose it is, and which number over the tensors.
LINES = (
    ("threads", "PyTorch, 1 thread", THREADS, "largest"),
    ("layout", "PyTorch, channels last", LAYOUT, "largest"),
    ("kernels", "PyTorch, no oneDNN", KERNELS, "largest"),
    ("ours-median", "gluon_wgan, median", OURS, "median"),
    ("ours", "gluon_wgan", OURS, "largest"),
)
TITLES = {
    "fakes": "images made",
    "scores": "critic scores",
    "losses": "loss",
    "gradients": "gradients",
    "weights": "weights",
    "statistics": "running statistics",
}
NOTE = (
    "Distance from PyTorch with 2 threads: max |a - b| / max |b|, largest or median over tensors, by step; ticks below "
    "the axis: generator steps."
)
_PANEL_WIDTH, _PANEL_HEIGHT = 266.0, 222.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 258.0, 26.0, 186.0
# A difference of 0 has no logarithm; it lies on a line of its own below the others.
_BELOW = 14.0


def draw(trajectory: Trajectory, title: str) -> str:
    """Return the chart as an SVG file that carries its own style."""
    shown = [(group, who, what) for group in GROUPS for _, _, who, what in LINES]
    curves = {line: _values(trajectory, *line) for line in shown}
    positive = [value for values in curves.values() for value in values if 0 < value < math.inf]
    low = math.floor(math.log10(min(positive, default=1e-8)))
    high = max(math.ceil(math.log10(max(positive, default=1e-7))), low + 1)
    kinds = [step.kind for step in trajectory.steps]
    body = [svg.text(8, 16, title, "bold"), *_legend()]
    for place, group in enumerate(GROUPS):
        x, y = _PANEL_WIDTH * (place % 3), 62 + _PANEL_HEIGHT * (place // 3)
        body.append(f'<g transform="translate({x:g} {y:g})">{"".join(_panel(group, curves, kinds, low, high))}</g>')
    body.append(svg.text(8, HEIGHT - 6, NOTE, "small muted"))
    whole = svg.standalone(svg.figure(WIDTH, HEIGHT, body, title))
    return whole.replace("</style>", f"{STYLE}</style>", 1)


def _values(trajectory: Trajectory, group: str, who: str, what: str) -> list[float]:
    return [getattr(spread(step.differences[who], group, "max_rel"), what) for step in trajectory.steps]


def _legend() -> list[str]:
    parts = []
    for x, (kind, words, _, _) in zip((8, 132, 304, 472, 652), reversed(LINES)):
        parts += [svg.line(x, 34, x + 26, 34, kind), svg.text(x + 31, 38, words, "small")]
    return parts


def _panel(
    group: str, curves: dict[tuple[str, str, str], list[float]], kinds: Sequence[str], low: int, high: int
) -> list[str]:
    def x_of(index: int) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (index + 0.5) / len(kinds)

    def y_of(value: float) -> float:
        if value == 0:
            return _BOTTOM
        share = min(1.0, (math.log10(value) - low) / (high - low)) if value < math.inf else 1.0
        return _BOTTOM - _BELOW - (_BOTTOM - _BELOW - _TOP) * share

    body = [svg.text(_LEFT, _TOP - 9, TITLES[group], "bold")]
    for exponent in range(low, high + 1, max(1, math.ceil((high - low) / 6))):
        y = y_of(10.0**exponent)
        body.append(svg.line(_LEFT, y, _RIGHT, y, "rule"))
        body.append(svg.text(_LEFT - 5, y + 3, f"1e{exponent}", "small muted", "end"))
    body.append(svg.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    body.append(svg.text(_LEFT - 5, _BOTTOM + 3, "0", "small muted", "end"))
    ticks = [x_of(index) for index, kind in enumerate(kinds) if kind == "generator"]
    body += [svg.line(x, _BOTTOM, x, _BOTTOM + 4, "axis") for x in ticks]
    for index in sorted({0, len(kinds) // 2, len(kinds) - 1}):
        body.append(svg.text(x_of(index), _BOTTOM + 16, str(index + 1), "small muted", "middle"))
    if not any(any(values) for (of, _, _), values in curves.items() if of == group):
        middle = (_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2
        return [*body, svg.text(*middle, "none, or all equal", "small muted", "middle")]
    for kind, _, who, what in LINES:
        body.append(svg.curve([(x_of(i), y_of(v)) for i, v in enumerate(curves[group, who, what])], kind))
    return body
