"""What the face cascade is shown, by hand-computed grays and weights, and the published constants of SWD."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from gluon_wgan.metrics import swd
from gluon_wgan.metrics.face_rate import FaceFinder, count_faces
from gluon_wgan.metrics.image_sets import ChosenImages


class Recorder:
    """Stands in for OpenCV's cascade, and finds as many faces as it is told to."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)
        self.seen: list[tuple[np.ndarray, tuple[Any, ...]]] = []

    def detectMultiScale(self, gray: np.ndarray, *constants: Any) -> list[int]:
        self.seen.append((gray, constants))
        return [0] * self.counts.pop(0)


@pytest.fixture
def shown(as_set: Callable[[np.ndarray], ChosenImages]) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from one image, (channels, height, width), to what the cascade is shown."""

    def show(image: np.ndarray) -> np.ndarray:
        finder: Any = FaceFinder()
        recorder = Recorder(1)
        finder._count = partial(count_faces, recorder)
        assert finder.with_one_face(as_set(image[None])) == 1
        gray, constants = recorder.seen[0]
        assert constants == (1.1, 3)
        return gray

    return show


@pytest.mark.parametrize(("colour", "gray"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)])
def test_grey_is_luma_of_red_green_blue(
    colour: tuple[int, int, int], gray: int, shown: Callable[[np.ndarray], np.ndarray]
) -> None:
    seen = shown(np.broadcast_to(np.array(colour, np.uint8).reshape(3, 1, 1), (3, 32, 32)).copy())
    assert seen.shape == (128, 128) and set(np.unique(seen)) == {gray}


def test_small_images_are_enlarged_by_opencvs_cubic(shown: Callable[[np.ndarray], np.ndarray]) -> None:
    image = np.zeros((1, 64, 64), np.uint8)
    image[0, :, 20] = 100
    # Keys' kernel with a = -0.75, at 0.25 and 0.75 pixels: 0.8789 and 0.2617; what is negative becomes 0.
    assert shown(image)[60, 36:46].tolist() == [0, 0, 0, 26, 88, 88, 26, 0, 0, 0]


def test_large_images_are_shown_as_they_are(rng: np.random.Generator, shown: Callable) -> None:
    image = rng.integers(0, 256, (1, 160, 160), dtype=np.uint8)
    np.testing.assert_array_equal(shown(image), image[0])


def test_only_exactly_one_face_counts(as_set: Callable[[np.ndarray], ChosenImages]) -> None:
    finder: Any = FaceFinder()
    finder._count = partial(count_faces, Recorder(0, 1, 2, 1, 0))
    assert finder.with_one_face(as_set(np.zeros((5, 1, 128, 128), np.uint8)), progress=True) == 2


def test_the_sliced_distance_has_the_published_constants() -> None:
    assert (swd.PATCH, swd.PATCHES, swd.REPEATS, swd.DIRECTIONS, swd.SCALE) == (7, 128, 4, 128, 1000)
