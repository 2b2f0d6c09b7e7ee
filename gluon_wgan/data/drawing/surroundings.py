"""What is round the face: backdrop, clothes, glasses and hat."""

from __future__ import annotations

from functools import cache

import numpy as np

from gluon_wgan.data.drawing.canvas import Canvas, both, curve, mirrored, soften, tinted, within
from gluon_wgan.data.drawing.traits import Traits

_TURN = np.linspace(0, 2 * np.pi, 33)


def paint_backdrop(canvas: Canvas, traits: Traits) -> None:
    """Paint a cloudy gradient between two colours over everything."""
    height, width = canvas.shape
    near, far = traits.backdrop
    angle = canvas.rng.uniform(0, 2 * np.pi)
    x = np.linspace(-0.6, 0.6, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-0.6, 0.6, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    mix = 0.5 + x + y + 0.14 * canvas.clouds(30) + 0.03 * canvas.clouds(2)
    for plane, start, end in zip(canvas.pixels, near, far):
        plane[...] = start + mix * (end - start)


@within((-100, 76), (100, 120))
def paint_clothes(chest: Canvas, traits: Traits) -> None:
    """Paint shoulders in a cloth whose threads are one or two pixels wide."""
    broad, collar = 64 if traits.feminine else 76, traits.collar
    neckline = [(0, collar + 8), (15, collar + 4), (27, 84)]
    half = [*neckline, (42, 90), (broad, 101), (broad + 16, 118), (broad + 20, 170), (0, 170)]
    u, _ = chest.fields
    folds = 0.8 + 0.35 * traits.light[0] * u / 80 - 0.0016 * np.abs(u) + 0.07 * chest.clouds(8)
    weave = _threads(traits.weave)[: chest.shape[0], : chest.shape[1]]
    cloth = tinted(traits.cloth, folds * weave + 0.03 * chest.grain())
    chest.paint(chest.fill(curve(mirrored(half), closed=True), depth=-0.5), cloth)
    chest.paint(0.5 * chest.strokes(both(curve(neckline)), thickness=2, depth=-0.5), traits.cloth * 0.45)


@cache
def _threads(weave: str) -> np.ndarray:
    """Return how much lighter or darker than its colour a cloth is at each pixel."""
    y, x = np.mgrid[:218, :178].astype(np.float32)
    if weave == "canvas":
        return 1 + 0.14 * ((x + y) % 2 * 2 - 1) * ((x // 2 + y) % 2)
    if weave == "stripes":
        return np.where(y % 7 < 2, np.float32(1.45), np.float32(0.95)) + 0.05 * (x % 2)
    return 1 + 0.17 * np.sin(0.5 * np.pi * x) + 0.12 * np.sin(np.pi * (y + np.abs(x % 4 - 2)) * 0.5)


@within((-56, -18), (56, 22))
def paint_glasses(face: Canvas, traits: Traits) -> None:
    """Paint glasses: lenses, frames, arms and a gleam."""
    power, centre = (1.0 if traits.glasses == "round" else 0.4), traits.eye_spacing + 0.5
    ring = np.stack([_power(np.cos(_TURN), power) * 15, _power(np.sin(_TURN), power) * 12.5], axis=1)
    lens = ring + (centre, 2.0)
    bridge = curve([(-centre + 15, 0), (0, -2.5), (centre - 15, 0)])
    arm = [(centre + 15, -2), (traits.cheek + 2, -4)]
    face.paint(0.1 * face.fill(both(lens), depth=0.9), (225, 235, 245))
    frame = face.strokes(both(lens), bridge, both(arm), thickness=2, depth=0.9)
    face.paint(0.92 * frame, traits.cloth * 0.25)
    gleams = [[(s * centre - 7, -4), (s * centre - 2, -8)] for s in (-1, 1)]
    face.paint(0.4 * face.strokes(*gleams, depth=0.9), (255, 255, 255))


def _power(wave: np.ndarray, power: float) -> np.ndarray:
    return np.sign(wave) * np.abs(wave) ** power


@within((-62, -100), (62, -20))
def paint_hat(hat: Canvas, traits: Traits) -> None:
    """Paint a woollen hat."""
    wide = traits.cheek + 7
    crown = [(0, -88), (26, -83), (wide - 4, -62), (wide, -34), (30, -36), (0, -38)]
    band = [(0, -53), (wide - 14, -50), (wide + 1, -44), (wide + 1, -30), (wide - 14, -34), (0, -36)]
    u, v = hat.fields
    ribs = 1 + 0.22 * np.sin(u * (2.1 - 0.006 * v)) + 0.08 * np.sin(v * 2.4)
    form = 0.85 + 0.4 * traits.light[0] * u / wide - 0.45 * (u / wide) ** 2
    wool = traits.cloth[::-1]
    cap = hat.fill(curve(mirrored(crown), closed=True))
    hat.paint(0.4 * soften(cap, 3), traits.skin * 0.25)
    hat.paint(cap, tinted(wool, ribs * form))
    hat.paint(hat.fill(curve(mirrored(band), closed=True)), tinted(wool * 0.8, ribs * form))
