"""Measures against values worked out by hand and against the libraries' own examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gluon_wgan.resize_parity import measures


def named(image: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    return dict(zip((one.name for one in measures.PAIR_MEASURES), measures.measure_pair(image, reference)))


def flat(level: int) -> np.ndarray:
    return np.full((16, 16, 3), level, np.uint8)


def test_differences_count_in_both_directions_without_wrapping_round():
    image, reference = flat(10), flat(250)
    for found in (named(image, reference), named(reference, image)):
        assert (found["l1_sum"], found["mean_abs"], found["max_abs"]) == (240 * 16 * 16 * 3, 240, 240)


@pytest.mark.parametrize(("difference", "expected"), [(1, (0, 0, 0)), (2, (1, 0, 0)), (9, (1, 1, 0)), (61, (1, 1, 1))])
def test_off_by_counts_more_than_not_as_much_as(difference, expected):
    image = flat(100)
    image[3, 5, 1] += difference
    found = named(image, flat(100))
    assert [found[f"off_by_{levels}"] for levels in (1, 8, 60)] == [count / 256 for count in expected]


def test_a_pixel_with_two_channels_off_is_one_pixel():
    image = flat(100)
    image[0, 0] = (120, 130, 100)
    assert named(image, flat(100))["off_by_8"] == 1 / 256


def test_psnr_is_that_of_the_mean_squared_error():
    assert measures.psnr(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))
    assert measures.psnr(flat(100), flat(100)) == math.inf


def test_ssim_is_one_only_for_equal_images():
    noise = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    assert measures.ssim(noise, noise) == pytest.approx(1)
    assert measures.ssim(noise, noise[::-1]) < 0.2


def test_laplacian_ratio_doubles_with_contrast():
    noise = np.random.default_rng(0).integers(0, 100, size=(32, 32, 3), dtype=np.uint8)
    assert measures.laplacian_ratio(noise * 2, noise) == pytest.approx(2)
    assert measures.laplacian_ratio(flat(3), flat(9)) == 1
    assert measures.laplacian_ratio(noise, flat(9)) == math.inf


def test_mean_shift_keeps_the_channels_apart_and_signed():
    image = flat(100)
    image[..., 0] += 3
    image[..., 2] -= 5
    found = named(image, flat(100))
    assert [found[f"shift_{channel}"] for channel in "rgb"] == [3, 0, -5]


def test_every_measure_has_a_value_a_unit_and_a_source():
    assert len(measures.measure_pair(flat(1), flat(2))) == len(measures.PAIR_MEASURES)
    assert [measure.name for measure in measures.CSV_MEASURES] == (
        [
            "l1_sum",
            "mean_abs",
            "max_abs",
            "off_by_1",
            "off_by_8",
            "off_by_60",
            "psnr",
            "ssim",
            "laplacian_ratio",
        ]
    )
    assert all(measure.unit and measure.source and measure.meaning for measure in measures.MEASURES)


def test_measures_stand_in_the_order_of_their_names():
    image, reference = flat(100), flat(100)
    image[0, 0, 0] = 170
    found = named(image, reference)
    assert (found["l1_sum"], found["max_abs"], found["off_by_60"]) == (70, 70, 1 / 256)
    assert found["shift_r"] == pytest.approx(70 / 256)
    assert found["shift_g"] == found["shift_b"] == 0
    assert 0.9 < found["ssim"] < 1 < found["psnr"]
