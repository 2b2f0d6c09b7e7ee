"""--bit-depth: 12-bit values in 16-bit files, by hand-computed values and independent writers."""

import logging
from pathlib import Path

import cv2
import numpy as np
import png
import pytest
import tifffile

from gluon_wgan.cli.prepare import main as prepare_main
from gluon_wgan.data.sources import named_source
from gluon_wgan.data.sources.base import set_bit_depth
from gluon_wgan.data.store import open_store

# 12 bits: 0, 4095 and round(v * 255 / 4095) between; 2048 -> 127.53 -> 128, 16 -> 0.996 -> 1, 1000 -> 62.27 -> 62.
VALUES = np.array([[0, 16, 1000], [2048, 4094, 4095]], np.uint16)
TWELVE = np.array([[0, 1, 62], [128, 255, 255]], np.uint8)
SIXTEEN = np.array([[0, 0, 4], [8, 16, 16]], np.uint8)  # v / 257


def write(path: Path, pixels: np.ndarray) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb")
        return
    greyscale = pixels.ndim == 2
    with path.open("wb") as file:
        height, width = pixels.shape[:2]
        png.Writer(width, height, greyscale=greyscale, bitdepth=16).write(file, pixels.reshape(height, -1).tolist())


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_twelve_bits_become_eight_as_computed_by_hand(suffix, channels, tmp_path):
    pixels = VALUES if channels == 1 else np.stack([VALUES, VALUES[::-1], VALUES[:, ::-1]], 2)
    expected = TWELVE if channels == 1 else np.stack([TWELVE, TWELVE[::-1], TWELVE[:, ::-1]], 2)
    write(tmp_path / f"a{suffix}", pixels)
    source = named_source("auto", [str(tmp_path)], tmp_path / "cache")
    set_bit_depth(source, 12)
    assert np.array_equal(source.read(0, channels).squeeze(), expected)
    if channels == 1:
        set_bit_depth(source, None)
        assert np.array_equal(source.read(0, 1).squeeze(), SIXTEEN)


def prepare(place: Path, out: str, *options: str) -> int:
    common = ["--image-size", "16", "--nc", "1", "--cache-dir", str(place / "cache")]
    return prepare_main([str(place / "in"), "--out", str(place / out), *common, *options])


@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
def test_jpeg_2000_in_colour_is_warned_of_and_refused_with_a_depth(suffix, tmp_path, rng, caplog):
    """Pillow keeps its upper 8 bits and has no access to the others."""
    (tmp_path / "in").mkdir()
    for name, top, dtype in (("dark", 4096, np.uint16), ("usual", 65536, np.uint16), ("bytes", 256, np.uint8)):
        file = tmp_path / "in" / f"{name}.jp2"
        assert cv2.imwrite(str(file), rng.integers(0, top, (64, 64, 3)).astype(dtype))
        content = file.read_bytes()
        file.unlink()
        start = 0 if suffix == ".jp2" else content.index(b"\xff\x4f\xff\x51")
        file.with_suffix(suffix).write_bytes(content[start:])
    with caplog.at_level(logging.WARNING, "gluon_wgan"):
        assert prepare(tmp_path, "plain") == 0
        assert [name for name in ("dark", "usual", "bytes") if f"{name}{suffix}" in caplog.text] == ["dark"]
        assert prepare(tmp_path, "deep", "--bit-depth", "12") == 0
    skipped = [name for name, _ in open_store(tmp_path / "deep").skipped]
    assert skipped == [f"dark{suffix}", f"usual{suffix}"]


def test_prepare_warns_with_the_name_and_the_option_that_helps(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    gradient = np.tile(np.linspace(0, 4095, 16).astype(np.uint16), (16, 1))
    write(tmp_path / "in" / "dark.png", gradient)
    write(tmp_path / "in" / "usual.png", gradient * 16)
    with caplog.at_level(logging.WARNING, "gluon_wgan"):
        assert prepare(tmp_path, "plain") == 0
    assert "dark.png" in caplog.text
    assert "--bit-depth 12" in caplog.text
    assert "usual.png" not in caplog.text
    assert open_store(tmp_path / "plain").images[0].max() == 16  # 4095 / 257
    caplog.clear()
    (tmp_path / "in" / "usual.png").unlink()
    with caplog.at_level(logging.WARNING, "gluon_wgan"):
        assert prepare(tmp_path, "deep", "--bit-depth", "12") == 0
    assert "dark.png" not in caplog.text
    store = open_store(tmp_path / "deep")
    assert np.array_equal(store.images[0, 0, 0], np.rint(gradient[0] * 255.0 / 4095).astype(np.uint8))
    assert store.made_from["bit_depth"] == 12


def test_values_above_the_depth_skip_the_image_with_a_reason(tmp_path):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.png", np.full((16, 16), 1000, np.uint16))
    write(tmp_path / "in" / "b.png", np.full((16, 16), 5000, np.uint16))
    assert prepare(tmp_path, "store", "--bit-depth", "12") == 0
    [(name, reason)] = open_store(tmp_path / "store").skipped
    assert name == "b.png"
    assert "5000" in reason
