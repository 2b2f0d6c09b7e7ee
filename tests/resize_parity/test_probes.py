"""Images with known answers, for every backend of the data package's table."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_wgan.data.aliasing_options import ALIASING_SHARE
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.resize_parity.probes import (
    ENLARGING,
    RATIO,
    SHRINKING,
    draw_probes,
    measure_kernel,
    probe,
    sweep_ratios,
)

# Source pixels in a row that have a say when shrinking by 4.5: twice the filter's radius, times the ratio
# where the library widens it. Weights below one level of 191 are not seen, which costs smooth kernels a few.
WIDTHS = {
    "pil-nearest": (1, 1),
    "pil-box": (4, 5),
    "pil-bilinear": (8, 9),
    "pil-hamming": (7, 9),
    "pil-bicubic": (15, 18),
    "pil-lanczos": (21, 27),
    "cv2-nearest": (1, 1),
    "cv2-bilinear": (2, 2),
    "cv2-bicubic": (4, 4),
    "cv2-area": (5, 6),
    "cv2-lanczos4": (7, 8),
}


@pytest.fixture(scope="module")
def results():
    return probe(list(BACKENDS))


@pytest.fixture(scope="module")
def sweep():
    return sweep_ratios(list(BACKENDS))


@pytest.mark.parametrize("backend", BACKENDS)
def test_constant_stays_and_ramp_rises(results, backend):
    assert results[backend].constant_error == 0
    assert results[backend].ramp_steps_back == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_antialiased_backends_fade_checkerboard_and_rings(results, backend):
    found, antialiases = results[backend], BACKENDS[backend].antialiases
    assert found.antialiases == antialiases
    assert (found.checkerboard_contrast < 0.05) == antialiases
    assert (found.zone_plate_rings < 0.15) == antialiases


@pytest.mark.parametrize("backend", BACKENDS)
def test_kernel_is_as_wide_as_the_library_says(backend):
    library, name = backend.split("-")
    same = f"cv2-{'lanczos4' if name == 'lanczos' else name}" if library == "mxnet" else backend
    low, high = WIDTHS[same]
    kernel = measure_kernel(backend)
    assert low <= kernel.width <= high
    # Offsets are evenly spaced at a ninth of a target pixel, so the density adds up to one.
    assert kernel.weights.sum() / (2 * RATIO) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("backend", BACKENDS)
def test_nearest_of_opencv_moves_the_image_and_nobody_else_does(backend):
    kernel = measure_kernel(backend)
    # OpenCV takes source pixel floor(4.5 j) where the middle is 4.5 j + 1.75: 2 source pixels too far left.
    expected = 2 / RATIO if backend in ("cv2-nearest", "mxnet-nearest") else 0
    # Pillow's box gives a pixel on its border to one side only.
    slack = 0.06 if backend == "pil-box" else 0.01
    assert kernel.shift_x == pytest.approx(expected, abs=slack)
    assert kernel.shift_y == pytest.approx(expected, abs=slack)


def test_negative_weights_belong_to_cubic_and_lanczos_only():
    negative = {name for name in WIDTHS if measure_kernel(name).weights.min() < -0.02}
    assert negative == {"pil-bicubic", "pil-lanczos", "cv2-bicubic", "cv2-lanczos4"}


def test_bilinear_kernel_is_a_triangle_two_target_pixels_wide():
    kernel = measure_kernel("pil-bilinear")
    triangle = np.maximum(0, 1 - np.abs(kernel.offsets))
    assert np.abs(kernel.weights - triangle).max() < 0.05


def test_area_becomes_nearest_when_enlarging_by_whole_numbers(sweep):
    blocky = {name: dict(zip(ENLARGING, answers)) for name, answers in sweep.blocky.items()}
    for name in ("cv2-area", "mxnet-area", "pil-box"):
        assert blocky[name][4.0] and blocky[name][2.0] and not blocky[name][1.5]
    for name in ("pil-bilinear", "pil-bicubic", "cv2-bilinear", "cv2-bicubic", "pil-hamming"):
        assert not any(blocky[name].values())


def test_antialiased_backends_are_safe_from_ratio_two_up(sweep):
    for name, backend in BACKENDS.items():
        if backend.antialiases:
            assert [ratio for ratio in SHRINKING if ratio >= 2] == [r for r in sweep.safe_ratios(name) if r >= 2]


def test_bilinear_of_opencv_is_safe_at_two_and_not_beyond(sweep):
    share = dict(zip(SHRINKING, sweep.aliasing["cv2-bilinear"]))
    assert share[2.0] == pytest.approx(sweep.aliasing["cv2-area"][SHRINKING.index(2.0)], abs=0.001)
    assert all(share[ratio] > ALIASING_SHARE for ratio in SHRINKING if ratio > 2)
    # Odd ratios hit the middle pixel and pick it alone.
    assert share[3.0] > 0.95 and share[5.0] > 0.9


def test_probe_images_are_what_they_are_called():
    checkerboard, ramp = draw_probes(8)["checkerboard"], draw_probes(100)["ramp"]
    assert set(np.unique(checkerboard)) == {0, 255}
    assert (np.abs(np.diff(checkerboard.astype(int), axis=0)) == 255).all()
    assert (np.diff(ramp.astype(int), axis=1) >= 0).all() and (ramp[0] == ramp[-1]).all()
    assert (draw_probes(288)["impulse grid"] == 255).sum() == 64
    plate = draw_probes(64)["zone plate"]
    assert (plate == plate.T).all() and plate[32, 32] > 250
    assert all(drawn.dtype == np.uint8 and drawn.shape == (16, 16) for drawn in draw_probes(16).values())
