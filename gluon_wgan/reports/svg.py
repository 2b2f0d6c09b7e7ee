"""The few SVG shapes that the figures are made of, as text.

Colours are CSS classes, so that one figure serves light and dark pages; `STYLE` defines them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from gluon_wgan.reports.template import COLOURS

STYLE = COLOURS + Path(__file__).with_name("resize_figures.css").read_text(encoding="utf-8")
FONT = 11


def text(x: float, y: float, words: str, classes: str = "", anchor: str = "start") -> str:
    """Return words whose baseline starts, ends or is centred (`anchor`) at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{classes}"/>'


def rect(x: float, y: float, width: float, height: float, classes: str) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" class="{classes}"/>'
    )


def dot(x: float, y: float, classes: str, radius: float = 3.5) -> str:
    """Return a filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{classes}"/>'


def diamond(x: float, y: float, classes: str, radius: float = 5) -> str:
    """Return a filled square standing on a corner."""
    points = f"{x:.1f},{y - radius:.1f} {x + radius:.1f},{y:.1f} {x:.1f},{y + radius:.1f} {x - radius:.1f},{y:.1f}"
    return f'<polygon points="{points}" class="{classes}"/>'


def curve(points: Sequence[tuple[float, float]], classes: str) -> str:
    """Return a line through points."""
    return f'<polyline points="{_listed(points)}" class="{classes}"/>'


def area(points: Sequence[tuple[float, float]], floor: float, classes: str) -> str:
    """Return the filled area between points and a horizontal line."""
    whole = [(points[0][0], floor), *points, (points[-1][0], floor)]
    return f'<polygon points="{_listed(whole)}" class="{classes}"/>'


def image(x: float, y: float, side: float, uri: str) -> str:
    """Return a square image from a data URI, its pixels kept sharp."""
    return f'<image x="{x:.1f}" y="{y:.1f}" width="{side}" height="{side}" class="pixels" href="{uri}"/>'


def figure(width: float, height: float, body: Sequence[str], title: str) -> str:
    """Return a whole figure; `title` is what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" class="figure" '
        f'role="img" font-size="{FONT}"><title>{escape(title)}</title>{"".join(body)}</svg>'
    )


def standalone(svg: str) -> str:
    """Return a figure that carries its own colours, for a file of its own."""
    return svg.replace("<title>", f"<style>{STYLE}</style><title>", 1) + "\n"


def _listed(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
