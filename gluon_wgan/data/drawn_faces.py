"""Faces drawn by code: a data set that needs no download, no licence and no disk.

`draw_face(seed, index)` depends on nothing else, so faces can be drawn in any order and by
any process. They are aligned as in CelebA (218x178, eyes near the middle) and carry detail
one pixel wide (strands of hair, threads of cloth, stubble), on which resize backends differ.
"""

from __future__ import annotations

import cv2
import numpy as np

from gluon_wgan.data.drawing import features, hair, head, mouth, surroundings
from gluon_wgan.data.drawing.canvas import Canvas
from gluon_wgan.data.drawing.traits import choose_traits

HEIGHT, WIDTH = 218, 178
DRAWING_VERSION = 1
"""Raised whenever the same (seed, index) would give other pixels, so that stores are rebuilt."""


def draw_face(seed: int, index: int) -> np.ndarray:
    """Draw face number `index` of the series `seed`.

    Parameters
    ----------
    seed, index
        Whole numbers from 0 up.

    Returns
    -------
    uint8 RGB (218, 178, 3)
    """
    rng = np.random.default_rng([seed, index])
    traits = choose_traits(rng)
    canvas = Canvas(np.empty((3, HEIGHT, WIDTH), np.float32), traits.pose, rng)
    surroundings.paint_backdrop(canvas, traits)
    if traits.hair.hangs:
        hair.paint_back_hair(canvas, traits)
    head.paint_neck(canvas, traits)
    head.paint_head(canvas, traits)
    surroundings.paint_clothes(canvas, traits)
    features.paint_eyes(canvas, traits)
    features.paint_brows(canvas, traits)
    features.paint_nose(canvas, traits)
    features.paint_folds(canvas, traits)
    if traits.age > 0.5:
        features.paint_wrinkles(canvas, traits)
    if traits.moustache:
        mouth.paint_beard(canvas, traits)
    mouth.paint_mouth(canvas, traits)
    if traits.hair.cover:
        hair.paint_front_hair(canvas, traits)
    if traits.glasses:
        surroundings.paint_glasses(canvas, traits)
    if traits.hat:
        surroundings.paint_hat(canvas, traits)
    film = 2 * canvas.grain()
    return cv2.merge([cv2.add(plane, film, dtype=cv2.CV_8U) for plane in canvas.pixels])
