"""The mouth and the beard around it."""

from __future__ import annotations

import numpy as np

from gluon_wgan.data.drawing.canvas import Canvas, curve, floats, soften, tinted, within
from gluon_wgan.data.drawing.traits import Traits


@within((-32, 27), (32, 68))
def paint_mouth(mouth: Canvas, traits: Traits) -> None:
    """Paint lips, and teeth when they are open."""
    m, lip = traits.mouth, traits.lip
    wide = traits.mouth_width * (1 + 0.16 * max(traits.smile, traits.grin))
    corner, gap = m - 0.5 - 3.2 * traits.smile - traits.grin, 6.0 * traits.grin

    def arc(middle: float, side: float, crest: float = 0.0) -> np.ndarray:
        inner = [(-3, m + middle - crest), (0, m + middle), (3, m + middle - crest)]
        ends = [(-wide, corner), (-wide * 0.55, m + side)], [(wide * 0.55, m + side), (wide, corner)]
        return curve([*ends[0], *inner, *ends[1]])

    top, upper = arc(-lip * 0.7, -lip * 0.55, lip * 0.3), arc(0.8, 0.6)
    lower, bottom = arc(0.8 + gap, 0.6 + gap * 0.75), arc(lip * 1.3 + gap, lip * 0.85 + gap * 0.8)
    red = floats([180, 62, 68]) if traits.feminine else floats([164, 86, 80])
    tone = 0.5 * red + 0.5 * traits.skin * floats([0.92, 0.64, 0.62])
    wrinkled = 1 + 0.1 * mouth.grain()
    for edge, other, brightness in ((top, upper, 0.8), (lower, bottom, 1.04)):
        shape = soften(mouth.fill(np.concatenate([edge, other[::-1]]), depth=1), 0.5)
        mouth.paint(shape, tinted(tone * brightness, wrinkled))
    if gap:
        _paint_teeth(mouth, upper, lower, gap)
    else:
        mouth.paint(0.8 * mouth.strokes(upper, depth=1), tone * 0.42)
    shine = [(-5, m + lip * 0.55 + gap), (0, m + lip * 0.62 + gap), (5, m + lip * 0.55 + gap)]
    mouth.paint(0.35 * soften(mouth.strokes(shine, thickness=2, depth=1), 0.8), (255, 226, 220))


def _paint_teeth(mouth: Canvas, upper: np.ndarray, lower: np.ndarray, gap: float) -> None:
    inside = mouth.fill(np.concatenate([upper, lower[::-1]]), depth=1)
    mouth.paint(inside, (60, 24, 26))
    row = np.concatenate([upper, lower[::-1] - (0, 0.16 * gap + 0.4)]) * floats([0.88, 1])
    mouth.paint(inside * mouth.fill(row, depth=1), (238, 232, 222))
    x = np.arange(-14.4, 15, 3.6)
    middle = float(upper[:, 1].max())
    gaps = np.stack([np.stack([x, x * 0 + middle - 4], 1), np.stack([x, x * 0 + middle + gap], 1)], 1)
    mouth.paint(0.2 * inside * mouth.strokes(gaps, depth=1), (120, 96, 90))


@within((-52, 0), (52, 84))
def paint_beard(face: Canvas, traits: Traits) -> None:
    """Paint the beard, from stubble to full, and the moustache."""
    full, lip_hair, m = traits.beard, traits.moustache, traits.mouth
    region = face.bumps([
        (0, traits.chin - 1, 17, 10, 1.25 * full), (0, m + 3, 13, 5, -0.8 * full),
        (-27, m + 10, 9, 14, 1.2 * full), (27, m + 10, 9, 14, 1.2 * full),
        (-41, 22, 4, 18, full), (41, 22, 4, 18, full),
        (-9, m - 8, 9, 3.6, 1.15 * lip_hair), (9, m - 8, 9, 3.6, 1.15 * lip_hair),
    ])  # fmt: skip
    u, v = face.fields
    hairs = face.streaks(u + np.abs(v) * 0.2 * np.sign(u), v * np.float32(0.16))
    inside = np.clip((traits.cheek + 1 - np.abs(u)) * 0.4, 0, 1)
    inside *= np.clip((traits.chin + 4 + hairs - v) * 0.3, 0, 1)
    edge = np.clip(2.4 * (region - 0.45 + 0.12 * hairs), 0, 1)
    thick = max(full, lip_hair)
    mask = inside * edge * np.clip((0.3 + 0.65 * thick**2) * (1 + 0.35 * (1.2 - thick) * face.grain()), 0, 1)
    face.paint(mask, tinted(traits.hair_colour, 0.66 + 0.2 * hairs))
