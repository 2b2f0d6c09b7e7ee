"""The aliasing measure on images whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.aliasing import fold, radial_power, to_spectrum

SIDE, RATIO = 256, 4
BACKENDS = ("pil-nearest", "pil-bilinear", "cv2-bilinear", "cv2-area")


def wave(cycles: float, side: int = SIDE, along: str = "x") -> Image.Image:
    """Return a cosine of so many cycles across the image."""
    place = (np.arange(side) + 0.5) / side
    line = 127.5 + 100 * np.cos(2 * np.pi * cycles * place)
    grid = np.tile(line, (side, 1)) if along == "x" else np.tile(line[:, None], (1, side))
    return Image.fromarray(np.rint(grid).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("along", ["x", "y"])
def test_detail_below_nyquist_is_no_aliasing(along):
    # The target of 64 pixels holds up to 32 cycles.
    folded = fold(to_spectrum(wave(24, along=along)), RATIO, BACKENDS)
    assert folded is not None
    assert np.isnan(folded.share).all()
    assert folded.rms.max() < 1


@pytest.mark.parametrize("along", ["x", "y"])
def test_detail_above_nyquist_comes_back_whole_from_picked_pixels(along):
    folded = fold(to_spectrum(wave(72, along=along)), RATIO, BACKENDS)
    assert folded is not None
    nearest, bilinear, linear, area = folded.share
    assert nearest == pytest.approx(1, abs=0.02)
    assert bilinear < 0.01 < area < 0.1 < linear < nearest
    assert folded.rms[0] == pytest.approx(100 / np.sqrt(2), rel=0.02)


def test_share_and_strength_scale_as_power_and_amplitude():
    strong, weak = wave(72), Image.eval(wave(72), lambda level: 64 + level // 2)
    one, other = (fold(to_spectrum(image), RATIO, BACKENDS) for image in (strong, weak))
    assert one is not None and other is not None
    assert other.share[2] == pytest.approx(one.share[2], rel=0.05)
    assert other.rms[2] == pytest.approx(one.rms[2] / 2, rel=0.05)


def test_share_is_at_most_everything_and_strength_says_the_rest():
    # White where pixel j of the target looks, black elsewhere: the picked pixels are all white.
    dots = np.zeros((SIDE, SIDE), np.uint8)
    dots[::RATIO, ::RATIO] = 255
    above = dots.var()  # its waves are multiples of 64 cycles, all above the 32 of the target
    folded = fold(to_spectrum(Image.fromarray(dots).convert("RGB")), RATIO, ["cv2-nearest", "pil-bilinear"])
    assert folded is not None
    assert folded.share[0] == 1 and folded.share[1] < 0.1
    assert folded.rms[0] ** 2 > 2 * above


def test_nothing_can_alias_when_nothing_is_shrunk():
    spectrum = to_spectrum(wave(72))
    assert fold(spectrum, 1, BACKENDS) is None
    assert fold(spectrum, 0.5, BACKENDS) is None


def test_a_constant_is_not_said_to_alias():
    folded = fold(to_spectrum(Image.new("RGB", (100, 100), "orange")), RATIO, BACKENDS)
    assert folded is not None
    assert np.isnan(folded.share).all() and (folded.rms == 0).all()


def test_ideal_image_keeps_level_and_wave():
    folded = fold(to_spectrum(wave(8)), RATIO, BACKENDS)
    assert folded is not None
    assert folded.ideal.mean() == pytest.approx(127.5, abs=0.5)
    assert folded.ideal.std() == pytest.approx(100 / np.sqrt(2), rel=0.02)
    assert np.abs(folded.ideal - folded.images[1]).max() < 8


def test_huge_images_are_measured_by_their_middle():
    image = Image.new("RGB", (5000, 3000))
    image.paste("white", (2400, 1400, 2600, 1600))
    spectrum = to_spectrum(image)
    assert spectrum.luma.size == (2048, 2048)
    assert spectrum.luma.getpixel((1024, 1024)) == 255
    folded = fold(spectrum, 3000 / 64, BACKENDS)
    assert folded is not None and folded.images.shape[-1] == round(2048 / (3000 / 64))


def test_radial_power_finds_the_frequency_of_a_wave():
    size = 64
    for along in ("x", "y"):
        image = np.asarray(wave(12, size, along).convert("L"), float)
        power = radial_power(image[None])[0]
        assert power.shape == (33,)
        assert power.argmax() == 12


def test_radial_power_adds_up_to_the_variance():
    noise = np.random.default_rng(3).normal(0, 10, (64, 64))
    power = radial_power(noise)
    # A ring holds as many frequencies as it is long.
    mean_power = np.average(power, weights=np.arange(len(power))) * 64 * 64
    assert mean_power == pytest.approx(100, rel=0.05)
