"""Drawn faces: the same everywhere, varied, face-like in the large and rich in the small."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from gluon_wgan.data.drawn_faces import draw_face
from gluon_wgan.data.resize import resize


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([draw_face(7, index) for index in range(48)])


def test_shape_and_range(faces: np.ndarray) -> None:
    assert faces.shape == (48, 218, 178, 3)
    assert faces.dtype == np.uint8
    assert faces.min() < 20 and faces.max() > 235


def test_a_face_depends_on_seed_and_number_alone(faces: np.ndarray, run_python: Callable[..., object]) -> None:
    for index in (31, 2, 17):
        np.testing.assert_array_equal(draw_face(7, index), faces[index])
    code = (
        "import hashlib, numpy; numpy.random.seed(5)\n"
        "from gluon_wgan.data.drawn_faces import draw_face\n"
        "print(hashlib.sha256(draw_face(7, 9).tobytes()).hexdigest())"
    )
    elsewhere = run_python(code).stdout.strip()  # type: ignore[attr-defined]
    assert elsewhere == hashlib.sha256(faces[9].tobytes()).hexdigest()


def test_no_two_faces_are_alike(faces: np.ndarray) -> None:
    small = np.stack([resize(face, (27, 22), "pil") for face in faces]).astype(float)
    distances = np.abs(small[:, None] - small[None]).mean(axis=(2, 3, 4))
    assert distances[~np.eye(len(faces), dtype=bool)].min() > 5
    assert not np.array_equal(draw_face(7, 0), draw_face(8, 0))


def test_faces_are_aligned(faces: np.ndarray) -> None:
    # Averaged over many faces, each side has an eye, darker than the cheek under it, in the same place.
    mean = faces.mean(axis=(0, 3))
    for columns in (slice(60, 78), slice(100, 118)):
        rows = mean[:, columns].mean(axis=1)
        assert 90 < rows[85:150].argmin() + 85 < 115
        assert rows[100:112].min() < rows[122:140].mean() - 15


def test_detail_one_pixel_wide_makes_backends_differ(faces: np.ndarray) -> None:
    neighbours = np.abs(np.diff(faces.astype(int), axis=2)).mean(axis=(1, 2, 3))
    assert neighbours.min() > 2
    differences = [
        np.abs(resize(face, (78, 64), "pil").astype(int) - resize(face, (78, 64), "cv2")).max() for face in faces[:12]
    ]
    assert np.median(differences) > 40
