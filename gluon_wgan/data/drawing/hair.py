"""Hair: noise streaked along the way strands fall, cut to a silhouette, with loose strands on top."""

from __future__ import annotations

import numpy as np

from gluon_wgan.data.drawing.canvas import Canvas, both, curve, mirrored, soften, tinted, within
from gluon_wgan.data.drawing.traits import Traits


@within((-70, -96), (70, 126))
def paint_back_hair(canvas: Canvas, traits: Traits) -> None:
    """Paint the hair that hangs behind the head and neck."""
    u, v = canvas.fields
    texture = canvas.streaks(u + traits.hair.wave * np.sin(v * np.float32(0.2)), v * np.float32(0.03))
    half = [*_outer_half(traits), (0, traits.hair.length)]
    mask = soften(canvas.fill(curve(mirrored(half), closed=True), depth=-0.3), 1.4)
    canvas.paint(_torn(mask, texture), tinted(traits.hair_colour, 0.40 + 0.12 * texture))


def paint_front_hair(canvas: Canvas, traits: Traits) -> None:
    """Paint the hair over the forehead, the crown and the sides of the face."""
    style = traits.hair
    _paint_shadow(canvas, traits)
    with canvas.window((-70, -96), (70, style.length + 8)) as part:
        texture, along = _strands(part, traits)
        u, v = part.fields
        x, y, _ = traits.light
        form = 0.66 + u * np.float32(0.005 * x) - (u * np.float32(1 / 130)) ** 2 + v * np.float32(0.0037 * y)
        tone = np.maximum(form + 0.17 * texture + 0.07 * part.clouds(2), 0.12)
        sheen = np.exp(-(((along - 32) * np.float32(1 / 12)) ** 2)) * (44 + 26 * texture)
        gloss = sheen * np.maximum(form - 0.3, 0)
        mask = soften(part.fill(_front(traits), depth=0.1), 1.4 if style.hangs else 2.2)
        colour = [plane + gloss for plane in tinted(traits.hair_colour, tone)]
        part.paint(style.cover * _torn(mask, texture), colour)
        if style.volume > 2:
            _paint_loose_strands(part, traits)


@within((-46, -64), (46, 60))
def _paint_shadow(face: Canvas, traits: Traits) -> None:
    face.paint(0.3 * soften(face.fill(_front(traits), depth=0.1), 3), traits.skin * 0.3)


def _strands(canvas: Canvas, traits: Traits) -> tuple[np.ndarray, np.ndarray]:
    """Return light and dark strands, noise of deviation about 1, and the way along them in face units."""
    across, along = _flow(canvas, traits)
    waves = np.sin(along * np.float32(0.2) + 2 * canvas.clouds(20)) + canvas.clouds(8)
    across = across + traits.hair.wave * waves
    return canvas.streaks(across * np.float32(1.3), along * np.float32(0.03)), along


def _flow(canvas: Canvas, traits: Traits) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates across and along the strands, in face units.

    Swept hair runs outwards from the face, a fringe falls from the crown, and parted hair
    follows the silhouette on both sides of the parting.
    """
    u, v = canvas.fields
    if traits.fringe:
        return np.arctan2(u, v + 120) * 95, v + 85
    rise = np.minimum(v + 4, -0.01) * np.float32(-0.62)
    if traits.hair.swept:
        return np.arctan2(u, rise) * 58, np.sqrt(u * u + rise * rise) - 6
    off = u - traits.parting * np.clip((20 - v) * np.float32(0.01), 0, 1)
    around = np.arctan2(np.abs(off), rise) * 52
    return np.copysign(np.sqrt(off * off + rise * rise), off), around + np.maximum(v + 4, 0)


def _torn(mask: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """Return `mask` with its soft edge torn into strands."""
    edge = mask * (1 - mask)
    return np.clip(1.6 * mask - 0.3 + 2 * edge * texture, 0, 1)


def _outer_half(traits: Traits) -> list[tuple[float, float]]:
    """Return the right half of the silhouette from the crown down."""
    cheek, volume, length = traits.cheek, traits.hair.volume, traits.hair.length
    crown = [
        (0, -72 - volume), (24, -68 - 0.9 * volume), (41 + 0.6 * volume, -48 - 0.5 * volume),
        (cheek + 1.5 + 0.8 * volume, -17),
    ]  # fmt: skip
    if not traits.hair.hangs:
        return [*crown, (cheek + 1 + 0.3 * volume, length - 6), (cheek, length)]
    fall = [(cheek + volume, 14), (cheek + 1.1 * volume, 0.55 * length), (cheek + 0.7 * volume, length - 6)]
    return [*crown, *fall, (cheek - 8, length)]


def _front(traits: Traits) -> np.ndarray:
    """Return the outline of the hair in front of the head: silhouette and hairline."""
    right, left = both(_outer_half(traits))
    outer = curve(np.concatenate([left[:0:-1], right]))
    peak = (0.0, -25.0) if traits.fringe else (traits.parting * (not traits.hair.swept), -44.0)
    hairline = [*_hairline(traits, 1), peak, *_hairline(traits, -1)[::-1]]
    return np.concatenate([outer, curve(hairline)])


def _hairline(traits: Traits, side: int) -> list[tuple[float, float]]:
    """Return one side of the hairline from its lower end up to the peak."""
    cheek, length = traits.cheek, traits.hair.length
    if traits.hair.hangs:
        points = [(cheek - 12, length), (cheek - 4, 0.6 * length), (cheek - 2.5, 22), (cheek - 4, -2)]
    else:
        points = [(cheek - 1.5, length), (cheek - 4, -2)]
    if traits.fringe:
        points += [(cheek - 6, -18), (cheek - 14, -24), (16, -23)]
    else:  # the side away from the parting hangs lower into the forehead
        drop = 0 if traits.hair.swept else -6 * np.sign(side * traits.parting)
        points += [(cheek - 6, -20), (cheek - 13, -35 + drop / 2), (17, -43 + drop)]
    return [(side * x, y) for x, y in points]


def _paint_loose_strands(canvas: Canvas, traits: Traits) -> None:
    rng, outer = canvas.rng, curve(_outer_half(traits))
    first = rng.integers(2, len(outer) - 8, (18, 1))
    drift = np.linspace(-1, rng.uniform(-3, 3.5, 18), 8, axis=1)
    strands = outer[first + np.arange(8)] + np.stack([drift, -0.5 * drift], axis=2)
    strands[::2, :, 0] *= -1
    canvas.paint(0.5 * canvas.strokes(strands), traits.hair_colour * 0.8)
