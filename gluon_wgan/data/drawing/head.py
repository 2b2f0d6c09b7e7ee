"""The head as a lit, rounded thing: outline, skin, neck and ears."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

import cv2
import numpy as np

from gluon_wgan.data.drawing.canvas import Bump, Canvas, both, curve, floats, mirrored, soften, within
from gluon_wgan.data.drawing.traits import Traits

_SHADOW = floats([0.40, 0.30, 0.31])
_LIT = floats([1.07, 1.05, 1.03])
_EAR = ((-3, -6), (3, -9), (6, -5), (5, 5), (2.5, 13), (-1, 17), (-4, 12))
_EAR_FOLD = ((1, -4), (3.5, -2), (2.5, 6), (0.5, 11))


@within((-60, -80), (60, 84))
def paint_head(head: Canvas, traits: Traits) -> None:
    """Paint ears and the bare face, without eyes, brows, lips or hair."""
    light = _light_on_face(head, traits)
    gloss = 70 * np.maximum(light - np.float32(0.82), 0)
    lit = [plane + gloss for plane in _lit(_complexion(head, traits), light)]
    beside = floats([traits.cheek, 0])
    head.paint(0.9 * head.fill(both(curve(_EAR, closed=True) + beside), depth=-0.4), lit)
    fold = head.strokes(both(curve(_EAR_FOLD) + beside), thickness=2, depth=-0.4)
    head.paint(0.5 * fold, traits.skin * 0.5)
    head.paint(soften(head.fill(_outline(traits)), 0.7), lit)


def _lit(skin: Iterable[Union[float, np.ndarray]], light: np.ndarray) -> list[np.ndarray]:
    """Return the planes of `skin` under `light`: shadows on skin are warm, not just dark."""
    return [plane * (dark + (bright - dark) * light) for plane, dark, bright in zip(skin, _SHADOW, _LIT)]


def _outline(traits: Traits) -> np.ndarray:
    cheek, jaw, chin = traits.cheek, traits.jaw, traits.chin
    half = [
        (0, -72), (22, -68.5), (39, -52), (cheek + 0.5, -20), (cheek, 6), (cheek - 3.5, 28),
        (jaw, 45), (jaw * 0.62, chin - 7), (jaw * 0.32, chin - 0.5), (0, chin),
    ]  # fmt: skip
    return curve(mirrored(half), closed=True)


def _complexion(canvas: Canvas, traits: Traits) -> list[np.ndarray]:
    """Return the planes of the skin under white light, with blush, tired eyes and pores."""
    s, end = traits.eye_spacing, traits.nose_end
    blush = canvas.bumps([
        (-27, 22, 11, 9, 0.55), (27, 22, 11, 9, 0.55),
        (0, end - 4, 8, 6, 0.4), (0, traits.chin - 4, 12, 6, 0.2),
    ])  # fmt: skip
    dark = canvas.bumps([
        (-s, 8, 8, 3, 0.25 + 0.3 * traits.age), (s, 8, 8, 3, 0.25 + 0.3 * traits.age),
        (-s, -5, 12, 5, 0.4), (s, -5, 12, 5, 0.4), (-s + 9, -3, 4, 5, 0.3), (s - 9, -3, 4, 5, 0.3),
    ])  # fmt: skip
    pores = 1 + 0.018 * canvas.grain() + 0.018 * canvas.clouds(2) + 0.02 * canvas.clouds(8)
    fading = zip(traits.skin, (0.02, 0.17, 0.15), (0.24, 0.31, 0.28))
    return [pores * (level - float(level) * (b * blush + d * dark)) for level, b, d in fading]


def _light_on_face(canvas: Canvas, traits: Traits) -> np.ndarray:
    """Return how brightly each pixel is lit, 0..1, from the slopes of the head's relief."""
    relief = canvas.bumps(_relief(traits))
    u, v = canvas.fields
    beyond = 1 - (u * np.float32(1 / (traits.cheek + 6))) ** 2 - ((v - 2) * np.float32(1 / 84)) ** 2
    relief += 48 * np.sqrt(np.maximum(beyond, np.float32(0.03)))
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=0.125)
    x, y, z = floats(traits.light)
    facing = (z - x * slope_x - y * slope_y) / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    return np.maximum((facing + np.float32(0.22)) * np.float32(1 / 1.22), 0)


def _relief(traits: Traits) -> list[Bump]:
    """Return what stands out of the round head, as rows for `Canvas.bumps`."""
    turn, end, mouth = traits.pose.yaw, traits.nose_end, traits.mouth
    s, wide, fold = traits.eye_spacing, traits.nose_width, -1 - 2.5 * traits.age
    middle: list[Bump] = [
        (turn, 5, 4.5, 12, 7), (turn * 1.5, end - 5, 5.5, 5.5, 9), (turn - wide, end - 3, 3.2, 3.6, 4),
        (turn + wide, end - 3, 3.2, 3.6, 4), (0, -40, 28, 16, 4), (turn, mouth, 18, 9, 5),
        (turn, mouth + 10, 10, 3, -2.5), (0, traits.chin - 8, 10, 7, 6),
    ]  # fmt: skip
    sides: list[Bump] = [
        (s, 0, 12, 7, -5), (s, 1, 9, 5, 4), (19, -15, 14, 5, 3.2), (29, 18, 10, 9, 5.5),
        (22, end + 8, 4, 9, fold),
    ]  # fmt: skip
    return middle + sides + [(-u, v, width, height, peak) for u, v, width, height, peak in sides]


@within((-64, 20), (64, 112))
def paint_neck(throat: Canvas, traits: Traits) -> None:
    """Paint the neck, in the shadow of the chin."""
    width = traits.jaw * (0.78 if traits.feminine else 0.88)
    half = [(0, 25), (width, 25), (width * 0.96, 78), (width + 7, 92), (width + 34, 104), (0, 130)]
    across = throat.fields[0] * np.float32(1 / width)
    under_chin = throat.bumps([(0, traits.chin + 1, 36, 13, 0.75)])
    light = 0.66 + across * (0.5 * traits.light[0] - 0.2 * across) - under_chin + 0.02 * throat.clouds(2)
    shape = soften(throat.fill(mirrored(half), depth=-0.5), 0.7)
    throat.paint(shape, _lit(traits.skin, np.maximum(light, np.float32(0.04))))
