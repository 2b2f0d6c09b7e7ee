"""A canvas in face units and the few primitives that all painting is made of.

Points are given in *face units*: the origin lies midway between the eyes, u grows to the
right and v downwards, and one unit is one pixel of a face at scale 1. A mask is float32
(height, width) in 0..1; colours are RGB in 0..255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, wraps
from typing import Union

import cv2
import numpy as np

from gluon_wgan.data.drawing.traits import Pose, Traits

Outline = Union[np.ndarray, Sequence[tuple[float, float]], Sequence[Sequence[tuple[float, float]]]]
Bump = tuple[float, float, float, float, float]
Painter = Callable[["Canvas", Traits], None]

_SIDES = np.array([[1, 1], [-1, 1]], np.float32)
_SUBPIXEL_BITS = 4
_TABLE_SIZE = 512


@dataclass(frozen=True)
class Canvas:
    """Pixels, the pose of the face on them, and the generator that every noise is drawn from.

    `pixels` is float32 (3, height, width): planes blend several times faster than
    interleaved pixels. `left` and `top` place a window within the whole image.
    """

    pixels: np.ndarray
    pose: Pose
    rng: np.random.Generator
    left: int = 0
    top: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[1], self.pixels.shape[2]

    @contextmanager
    def window(self, corner: tuple[float, float], opposite: tuple[float, float]) -> Iterator[Canvas]:
        """Lend the part around the box between two points in face units, and lay it back when done.

        Most features are painted in a window because the cost of a mask is its area. The
        window is a copy because rows that follow each other in memory blend twice as fast.
        """
        (u0, v0), (u1, v1) = corner, opposite
        around = self._place([(u0, v0), (u0, v1), (u1, v0), (u1, v1)], 0.0)
        left, top = np.maximum(around.min(axis=0), 0).astype(int)
        right, bottom = around.max(axis=0).astype(int) + 1
        part = self.pixels[:, top:bottom, left:right]
        lent = Canvas(part.copy(), self.pose, self.rng, self.left + left, self.top + top)
        yield lent
        part[...] = lent.pixels

    @cached_property
    def _affine(self) -> tuple[np.ndarray, np.ndarray]:
        cos, sin = self.pose.scale * np.cos(self.pose.tilt), self.pose.scale * np.sin(self.pose.tilt)
        origin = (self.pose.x - self.left, self.pose.y - self.top)
        return np.array([[cos, sin], [-sin, cos]], np.float32), np.array(origin, np.float32)

    def _place(self, points: Outline, depth: float) -> np.ndarray:
        """Turn points (..., 2) in face units, `depth` in front of the head's outline, into pixels."""
        turn, origin = self._affine
        return np.asarray(points, np.float32) @ turn + (origin + np.float32(self.pose.yaw * depth) * turn[0])

    def _lines(self, outline: Outline, depth: float) -> list[np.ndarray]:
        fixed = np.rint(self._place(outline, depth) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        return list(fixed) if fixed.ndim == 3 else [fixed]

    @cached_property
    def fields(self) -> tuple[np.ndarray, np.ndarray]:
        """The face coordinates u and v of every pixel, each float32 (height, width)."""
        pose, (height, width) = self.pose, self.shape
        cos, sin = np.float32(np.cos(pose.tilt) / pose.scale), np.float32(np.sin(pose.tilt) / pose.scale)
        dx = (np.arange(width, dtype=np.float32) + np.float32(self.left - pose.x))[None, :]
        dy = (np.arange(height, dtype=np.float32) + np.float32(self.top - pose.y))[:, None]
        return cos * dx + sin * dy, cos * dy - sin * dx

    def fill(self, *outlines: Outline, depth: float = 0.0) -> np.ndarray:
        """Return the mask of closed outlines, each (n, 2) or several at once (k, n, 2), with smooth edges."""
        mask = np.zeros(self.shape, np.uint8)
        lines = [line for outline in outlines for line in self._lines(outline, depth)]
        cv2.fillPoly(mask, lines, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def strokes(self, *paths: Outline, thickness: int = 1, depth: float = 0.0) -> np.ndarray:
        """Return the mask of open lines, each (n, 2) or several at once (k, n, 2), `thickness` wide."""
        mask = np.zeros(self.shape, np.uint8)
        lines = [line for path in paths for line in self._lines(path, depth)]
        cv2.polylines(mask, lines, False, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def bumps(self, table: Sequence[Bump]) -> np.ndarray:
        """Return the sum of Gaussians given as rows (u, v, width, height, peak).

        They stay upright when the head tilts, which lets each be a product of a row and a column.
        """
        rows = np.array(table, np.float32)
        x, y = self._place(rows[:, :2], 0.0).T[:, :, None]
        width, height = self.pose.scale * rows[:, 2:4].T[:, :, None]
        across = np.exp(-0.5 * ((np.arange(self.shape[1], dtype=np.float32) - x) / width) ** 2)
        down = rows[:, 4:] * np.exp(-0.5 * ((np.arange(self.shape[0], dtype=np.float32) - y) / height) ** 2)
        return down.T @ across

    def grain(self) -> np.ndarray:
        """Return white noise of deviation 1."""
        return self._cut(_noise_table(0))

    def clouds(self, deviation: int) -> np.ndarray:
        """Return noise of deviation 1 blurred by a Gaussian of `deviation` pixels."""
        return self._cut(_noise_table(deviation))

    def streaks(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Return strands that lie in locks, noise of deviation 1.

        A strand is one unit of the field `across` wide and one unit of the field `along` long.
        """
        start = np.float32(self.rng.random() * _TABLE_SIZE)
        at = across + start, along + start
        return cv2.remap(_strand_table(), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def paint(self, mask: np.ndarray, colour: Iterable[Union[float, np.ndarray]]) -> None:
        """Lay `colour`, three levels or three planes (height, width), over the canvas through `mask`."""
        for plane, level in zip(self.pixels, colour):
            plane += mask * (level - plane)

    def _cut(self, table: np.ndarray) -> np.ndarray:
        height, width = self.shape
        row = int(self.rng.random() * (_TABLE_SIZE - height))
        column = int(self.rng.random() * (_TABLE_SIZE - width))
        return table[row : row + height, column : column + width]


def within(corner: tuple[float, float], opposite: tuple[float, float]) -> Callable[[Painter], Painter]:
    """Let a painter, a function of a canvas and traits, paint in `Canvas.window(corner, opposite)` only."""

    def decorate(painter: Painter) -> Painter:
        @wraps(painter)
        def paint(canvas: Canvas, traits: Traits) -> None:
            with canvas.window(corner, opposite) as part:
                painter(part, traits)

        return paint

    return decorate


def floats(values: object) -> np.ndarray:
    """Return `values` as float32, which keeps whole images from becoming float64."""
    return np.asarray(values, np.float32)


def soften(mask: np.ndarray, deviation: float) -> np.ndarray:
    """Return `mask` blurred by a Gaussian of `deviation` pixels."""
    return cv2.GaussianBlur(mask, (0, 0), deviation)


def curve(points: Outline, closed: bool = False, steps: int = 6) -> np.ndarray:
    """Return a Catmull-Rom curve (m, 2) through `points` (n, 2), `steps` points to a segment."""
    return _spline(len(points), closed, steps) @ np.asarray(points, np.float32)


def both(points: Outline) -> np.ndarray:
    """Return `points` (..., 2) and their mirror image on the other side of the face, (2, ..., 2)."""
    right = np.asarray(points, np.float32)
    return right * _SIDES.reshape(2, *[1] * (right.ndim - 1), 2)


def mirrored(half: Outline) -> np.ndarray:
    """Return the closed outline (m, 2) whose right half, from top to bottom, is `half` (n, 2)."""
    right, left = both(half)
    return np.concatenate([right, left[-2:0:-1]])


def tinted(colour: Iterable[float], tone: np.ndarray) -> list[np.ndarray]:
    """Return the three planes of `colour` under a light that varies as `tone` (height, width)."""
    return [level * tone for level in colour]


@cache
def _spline(nodes: int, closed: bool, steps: int) -> np.ndarray:
    """Return the matrix that turns `nodes` points into the points of a Catmull-Rom curve."""
    t = np.arange(steps)[:, None] / steps
    blend = t ** np.arange(4) @ [[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]] / 2
    segments = nodes if closed else nodes - 1
    matrix = np.zeros((segments * steps + (not closed), nodes), np.float32)
    for segment in range(segments):
        for offset in range(4):
            node = segment + offset - 1
            node = node % nodes if closed else min(max(node, 0), nodes - 1)
            matrix[segment * steps : (segment + 1) * steps, node] += blend[:, offset]
    if not closed:
        matrix[-1, -1] = 1
    return matrix


@cache
def _noise_table(deviation: int) -> np.ndarray:
    table = np.random.default_rng(1701).standard_normal((_TABLE_SIZE, _TABLE_SIZE), np.float32)
    if deviation:
        table = cv2.GaussianBlur(table, (0, 0), deviation)
    return table / table.std()


@cache
def _strand_table() -> np.ndarray:
    strands = _noise_table(0)
    locks = cv2.GaussianBlur(strands, (15, 1), 2)
    table = strands + locks * (0.9 / locks.std())
    return table / table.std()
