"""What one face looks like, chosen at random before anything is painted.

Lengths are in face units (see `canvas`), colours RGB in 0..255, fractions in 0..1.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np

Palette = Sequence[tuple[int, int, int]]
Choice = TypeVar("Choice")

LIGHT_SKINS: Palette = ((250, 218, 196), (242, 200, 170), (230, 184, 146))
DARK_SKINS: Palette = ((204, 152, 112), (156, 106, 76), (112, 74, 54))
DARK_HAIRS: Palette = ((26, 22, 22), (48, 34, 28), (78, 52, 36))
FAIR_HAIRS: Palette = ((104, 70, 44), (142, 64, 32), (182, 138, 86), (226, 192, 134))
DARK_IRISES: Palette = ((56, 36, 24), (88, 58, 34))
LIGHT_IRISES: Palette = ((96, 94, 60), (70, 100, 78), (76, 108, 136), (104, 118, 128))
CLOTHS: Palette = (
    (190, 56, 54), (40, 68, 120), (62, 64, 72), (230, 226, 216), (44, 110, 96), (208, 160, 66), (120, 72, 124)
)  # fmt: skip
BACKDROPS: Palette = (
    (120, 164, 200), (196, 204, 204), (226, 214, 192), (150, 176, 140), (204, 154, 132), (150, 136, 176)
)  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """Where the face is on the canvas.

    `x` and `y` are the pixel of the point between the eyes, `scale` is in pixels per unit,
    `tilt` in radians, and `yaw` is how many units a feature of depth 1 moves sideways.
    """

    x: float
    y: float
    scale: float
    tilt: float
    yaw: float


@dataclass(frozen=True)
class HairStyle:
    """The shape of a head of hair.

    `length` is how far down (v) the hair falls, `volume` how far it stands off the skull,
    `wave` how far strands swing sideways, and `swept` whether they run back from the
    forehead instead of down from a parting. `cover` is how much of the skin they hide.
    """

    length: float
    volume: float
    wave: float
    swept: bool
    cover: float

    @property
    def hangs(self) -> bool:
        """Whether the hair falls below the ears."""
        return self.length > 30


STYLES = {
    "bald": HairStyle(0, 0, 0, True, 0),
    "buzz": HairStyle(4, 1, 0.3, True, 0.75),
    "short": HairStyle(12, 7, 0.8, True, 1),
    "parted": HairStyle(12, 9, 0.8, False, 1),
    "curls": HairStyle(42, 16, 4, False, 1),
    "bob": HairStyle(62, 11, 1, False, 1),
    "long": HairStyle(118, 10, 1, False, 1),
    "waves": HairStyle(110, 14, 3, False, 1),
    "tied": HairStyle(8, 3, 0.5, True, 1),
}


@dataclass(frozen=True)
class Traits:
    """Everything about one face that is decided before painting."""

    pose: Pose
    light: tuple[float, float, float]
    feminine: bool
    age: float
    skin: np.ndarray
    cheek: float
    jaw: float
    chin: float
    eye_spacing: float
    eye_width: float
    eye_opening: float
    eye_slant: float
    iris: np.ndarray
    brow_lift: float
    brow_weight: float
    nose_width: float
    nose_end: float
    mouth: float
    mouth_width: float
    lip: float
    smile: float
    grin: float
    hair_colour: np.ndarray
    hair: HairStyle
    parting: float
    fringe: bool
    beard: float
    moustache: float
    glasses: str
    hat: bool
    cloth: np.ndarray
    weave: str
    collar: float
    backdrop: tuple[np.ndarray, np.ndarray]


def choose_traits(rng: np.random.Generator) -> Traits:
    """Choose one face with `rng`; features keep to places near those of an average face."""
    feminine = bool(rng.random() < 0.5)
    age = float(rng.random() ** 1.5)
    skin = _between(rng, (*LIGHT_SKINS, *DARK_SKINS))
    hair = _style(rng, feminine, age)
    beard = 0.0 if feminine or rng.random() < 0.55 else _pick(rng, {0.4: 1, 0.75: 1, 1.0: 1})
    light = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.7, -0.2), 0.8])
    return Traits(
        pose=_pose(rng),
        light=tuple((light / np.linalg.norm(light)).tolist()),
        feminine=feminine,
        age=age,
        skin=skin,
        cheek=rng.uniform(42.5, 46.5),
        jaw=rng.uniform(31, 34.5) if feminine else rng.uniform(34, 38.5),
        chin=rng.uniform(64, 69) if feminine else rng.uniform(67, 73),
        eye_spacing=rng.uniform(20, 22),
        eye_width=rng.uniform(10, 11.8),
        eye_opening=rng.uniform(4.2, 5.4) + 0.6 * feminine,
        eye_slant=rng.uniform(-0.6, 1.6),
        iris=_between(rng, DARK_IRISES if skin[0] < 190 else (*DARK_IRISES, *LIGHT_IRISES)),
        brow_lift=rng.uniform(-1.5, 2) + 1.5 * feminine,
        brow_weight=rng.uniform(0.5, 0.75) if feminine else rng.uniform(0.8, 1.25),
        nose_width=rng.uniform(6.3, 8.3) + (0 if feminine else 1.2),
        nose_end=rng.uniform(24.5, 28.5),
        mouth=rng.uniform(41.5, 45),
        mouth_width=rng.uniform(14, 18),
        lip=rng.uniform(3.4, 4.8) + (0.7 if feminine else -0.4),
        smile=rng.uniform(0.0, 1),
        grin=float(rng.uniform(0.5, 1) if rng.random() < 0.4 else 0),
        hair_colour=_hair_colour(rng, skin, age),
        hair=hair,
        parting=_pick(rng, {-17.0: 1, -9.0: 1, 0.0: 1, 9.0: 1, 17.0: 1}),
        fringe=bool(hair.hangs and rng.random() < 0.3),
        beard=beard,
        moustache=beard if beard or feminine or rng.random() < 0.88 else 0.9,
        glasses=_pick(rng, {"": 0.84, "round": 0.08, "square": 0.08}),
        hat=bool(rng.random() < 0.08),
        cloth=_between(rng, CLOTHS),
        weave=_pick(rng, {"canvas": 1, "stripes": 1, "knit": 1}),
        collar=rng.uniform(84, 98),
        backdrop=(_between(rng, BACKDROPS), _between(rng, BACKDROPS) * rng.uniform(0.35, 0.8)),
    )


def _pose(rng: np.random.Generator) -> Pose:
    return Pose(
        x=89 + rng.normal(0, 1.5),
        y=108 + rng.normal(0, 1.5),
        scale=rng.uniform(0.94, 1.02),
        tilt=rng.normal(0, 0.035),
        yaw=float(np.clip(rng.normal(0, 2), -4.5, 4.5)),
    )


def _style(rng: np.random.Generator, feminine: bool, age: float) -> HairStyle:
    if feminine:
        return STYLES[_pick(rng, {"long": 0.28, "waves": 0.26, "bob": 0.2, "curls": 0.1, "tied": 0.16})]
    if rng.random() < 0.3 * age:
        return STYLES["bald"]
    return STYLES[_pick(rng, {"short": 0.38, "parted": 0.36, "buzz": 0.14, "curls": 0.08, "long": 0.04})]


def _hair_colour(rng: np.random.Generator, skin: np.ndarray, age: float) -> np.ndarray:
    fair = skin[0] > 210 and rng.random() < 0.65
    colour = _between(rng, FAIR_HAIRS if fair else DARK_HAIRS)
    gray = np.clip(1.4 * (age - 0.6) + rng.normal(0, 0.15), 0, 0.9)
    return colour + np.float32(gray) * (np.float32(rng.uniform(140, 205)) - colour)


def _pick(rng: np.random.Generator, weights: dict[Choice, float]) -> Choice:
    """Return one of the keys, each as likely as its weight."""
    limits = list(accumulate(weights.values()))
    return list(weights)[bisect(limits, rng.random() * limits[-1])]


def _between(rng: np.random.Generator, palette: Palette) -> np.ndarray:
    """Return a colour between two neighbours of `palette`, float32 (3,)."""
    place = rng.uniform(0, len(palette) - 1)
    first = int(place)
    near, far = np.array(palette[first : first + 2], np.float32)
    return near + np.float32(place - first) * (far - near)
