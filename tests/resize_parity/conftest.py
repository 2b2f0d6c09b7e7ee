"""Images that are trouble, and the browser to look at pages with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.browser import browse

__all__ = ["browse"]


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    """Return a folder with one image of every troublesome kind beside a plain one."""
    folder = tmp_path / "odd images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(256, size=(40, 30, 3), dtype=np.uint8)).resize((150, 200))
    colour.save(folder / "plain.png")
    colour.convert("L").save(folder / "gray.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    colour.quantize(32).save(folder / "palette.png")
    Image.fromarray(rng.integers(65536, size=(90, 100), dtype=np.uint16)).save(folder / "wide.png")
    wide_colour = rng.integers(65536, size=(90, 100, 3), dtype=np.uint16)
    cv2.imwrite(str(folder / "wide colour.png"), wide_colour)
    frames = [colour.rotate(90 * turn) for turn in range(3)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    colour.save(folder / "rotated.jpg", exif=exif)
    see_through = colour.convert("RGBA")
    see_through.putalpha(128)
    see_through.save(folder / "transparent.png")
    Image.new("RGB", (1, 1), "red").save(folder / "dot.png")
    Image.new("RGB", (1, 300), "blue").save(folder / "line.png")
    Image.new("L", (10_000, 10_000), 90).save(folder / "huge.png")
    whole = (folder / "rotated.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    (folder / "<b>name & \"quotes'.png").write_bytes((folder / "plain.png").read_bytes())
    return folder
