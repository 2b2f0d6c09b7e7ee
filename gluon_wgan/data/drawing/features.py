"""Eyes, brows, nose and the lines of the face; the mouth is in `mouth`."""

from __future__ import annotations

import numpy as np

from gluon_wgan.data.drawing.canvas import Canvas, both, curve, floats, soften, tinted, within
from gluon_wgan.data.drawing.traits import Traits

_LASH = floats([40, 26, 24])
_SPARK = floats([(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)])
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 20)), np.sin(np.linspace(0, 2 * np.pi, 20))], axis=1)


@within((-42, -16), (42, 14))
def paint_eyes(eyes: Canvas, traits: Traits) -> None:
    """Paint both eyes with lids and lashes."""
    half, opening = traits.eye_width, traits.eye_opening
    squint = 0.25 * max(traits.smile, traits.grin)
    middle = floats([traits.eye_spacing, 0])
    slant = floats([[1, -traits.eye_slant / half], [0, 1]])

    def at(points: np.ndarray) -> np.ndarray:
        return points @ slant + middle

    high, low = (-half * 0.5, -opening * 0.75), opening * (0.62 - squint)
    upper = curve([(-half, 1.6), high, (0.5, -opening), (half * 0.6, -opening * 0.6), (half, 0)])
    lower = curve([(half, 0), (half * 0.45, low), (-half * 0.3, low), (-half, 1.6)])
    opened = eyes.fill(both(at(np.concatenate([upper, lower]))), depth=0.6)
    eyes.paint(opened, floats([222, 214, 208]) * (0.78 + 0.2 * traits.light[2]))
    _paint_irises(eyes, traits, opened)
    eyes.paint(0.45 * opened * eyes.strokes(both(at(upper + (0, 1.3))), thickness=2, depth=0.6), _LASH)
    eyes.paint(0.35 * eyes.strokes(both(at(lower)), depth=0.6), traits.skin * 0.4)
    eyes.paint(0.9 * eyes.strokes(both(at(upper)), thickness=1 + traits.feminine, depth=0.6), _LASH)
    crease = upper * (1.02, 1) - (0, 3 + 0.2 * opening)
    eyes.paint(0.45 * eyes.strokes(both(at(crease)), depth=0.6), traits.skin * 0.42)
    if traits.feminine:
        lashes = np.stack([upper[6::3], upper[6::3] * (1.12, 1) + (1.0, -2.4)], axis=1)
        eyes.paint(0.7 * eyes.strokes(*both(at(lashes)), depth=0.6), _LASH)


def _paint_irises(eyes: Canvas, traits: Traits, opened: np.ndarray) -> None:
    gaze = floats([0.25 * traits.pose.yaw, -0.5])
    centres = [gaze + (side * traits.eye_spacing, 0) for side in (1, -1)]
    radius = traits.eye_opening * 1.02

    def both_eyes(outline: np.ndarray) -> np.ndarray:
        return opened * eyes.fill(*(centre + outline for centre in centres), depth=0.6)

    eyes.paint(both_eyes(_CIRCLE * radius), traits.iris * 0.5)
    eyes.paint(both_eyes(_CIRCLE * radius * 0.78), tinted(traits.iris, 1 + 0.25 * eyes.grain()))
    eyes.paint(both_eyes(_CIRCLE * radius * 0.42), (14, 10, 10))
    toward_light = (1.6 * np.sign(traits.light[0]), -1.7)
    eyes.paint(0.9 * both_eyes(_SPARK + toward_light), (250, 250, 250))


@within((-44, -28), (44, -4))
def paint_brows(brows: Canvas, traits: Traits) -> None:
    """Paint both brows: a soft band with single hairs over it."""
    rng, weight, high = brows.rng, traits.brow_weight, -13 - traits.brow_lift
    spine = curve([(8.5, high + 2.5), (16, high - 0.5), (25, high - 2.2), (35, high + 3)], steps=12)
    thick = np.stack([np.zeros(len(spine)), weight * np.linspace(3.0, 0.8, len(spine))], axis=1)
    colour = np.minimum(traits.hair_colour * 0.62, 120)
    band = np.concatenate([spine - thick, (spine + thick)[::-1]])
    brows.paint(0.5 * soften(brows.fill(both(band), depth=0.5), 0.8), colour)
    root = spine[rng.integers(0, len(spine), 88)] + rng.uniform(-1, 1, (88, 2)) * (1.5, 2.6 * weight)
    lean = np.clip((root[:, :1] - 8) / 26, 0, 1) * (3.0, 2.4) + (1.4, -2.6)
    hairs = np.stack([root, root + lean * rng.uniform(0.7, 1.3, (88, 1))], axis=1)
    hairs[::2, :, 0] *= -1
    brows.paint(0.55 * brows.strokes(hairs, depth=0.5), colour * 0.7)


@within((-26, 10), (26, 40))
def paint_nose(nose: Canvas, traits: Traits) -> None:
    """Paint nostrils, wings and the shadow under the tip; the bridge comes from the light alone."""
    end, wide = traits.nose_end, traits.nose_width
    hole = curve([(2, end), (4.2, end - 2), (wide * 0.8, end - 1), (4.6, end + 0.8)], closed=True)
    wing = curve([(wide * 0.9, end - 8), (wide + 2, end - 4), (wide + 0.8, end + 0.2)])
    tip = curve([(-wide * 0.7, end + 1), (0, end + 3), (wide * 0.7, end + 1)])
    nose.paint(0.75 * soften(nose.fill(both(hole), depth=1.2), 0.8), traits.skin * 0.26)
    nose.paint(0.4 * soften(nose.strokes(both(wing), depth=1.0), 0.7), traits.skin * 0.4)
    nose.paint(0.4 * soften(nose.strokes(tip, thickness=2, depth=1.2), 1.0), traits.skin * 0.42)


@within((-34, 16), (34, 54))
def paint_folds(cheeks: Canvas, traits: Traits) -> None:
    """Paint the folds beside the mouth."""
    end, mouth, wide = traits.nose_end, traits.mouth, traits.mouth_width + 4.5
    fold = curve([(traits.nose_width + 3, end - 2), (wide - 3, end + 8), (wide, mouth - 1)])
    depth = 0.1 + 0.25 * traits.age + 0.2 * max(traits.smile, traits.grin)
    cheeks.paint(depth * soften(cheeks.strokes(both(fold), thickness=2, depth=0.8), 1.2), traits.skin * 0.42)


@within((-44, -38), (44, 12))
def paint_wrinkles(face: Canvas, traits: Traits) -> None:
    """Paint the lines that age draws on the forehead and beside the eyes."""
    forehead = [curve([(-20, v + 1), (0, v - 1), (20, v + 1)]) for v in (-34, -28)]
    crow_feet = both([[(35, v * 0.5), (39, v)] for v in (-2.0, 2.0, 6.0)])
    lines = soften(face.strokes(*forehead, *crow_feet, depth=0.4), 0.6)
    face.paint(0.5 * (traits.age - 0.3) * lines, traits.skin * 0.4)
