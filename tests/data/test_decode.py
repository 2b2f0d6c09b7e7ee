"""Every kind of image file with pixels that are known beforehand."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.decode import BadImage, decode

ORIENTED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def colours(rng: np.random.Generator, height: int = 7, width: int = 5) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def luma(rgb: np.ndarray) -> np.ndarray:
    return (rgb.astype(float) @ [0.299, 0.587, 0.114])[..., None]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "WEBP"])
def test_lossless_colour_comes_back(kind: str, rng: np.random.Generator, tmp_path: Path) -> None:
    pixels = colours(rng)
    data = encode(Image.fromarray(pixels), kind, **({"lossless": True} if kind == "WEBP" else {}))
    path = tmp_path / "image"
    path.write_bytes(data)
    for source in (data, path, str(path), BytesIO(data)):
        np.testing.assert_array_equal(decode(source, 3), pixels)
    with path.open("rb") as file:
        np.testing.assert_array_equal(decode(file, 3), pixels)
    assert np.abs(decode(data, 1) - luma(pixels)).max() <= 1


def test_jpeg_is_what_pillow_decodes_and_not_opencv(rng: np.random.Generator) -> None:
    smooth = cv2.resize(colours(rng), (64, 64), interpolation=cv2.INTER_CUBIC)
    data = encode(Image.fromarray(smooth), "JPEG", quality=80)
    np.testing.assert_array_equal(decode(data, 3), np.asarray(Image.open(BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("nc", [1, 3])
def test_grey_is_kept_and_repeated(nc: int, rng: np.random.Generator) -> None:
    gray = rng.integers(0, 256, (6, 4), dtype=np.uint8)
    np.testing.assert_array_equal(decode(encode(Image.fromarray(gray)), nc), np.stack([gray] * nc, axis=2))
    bits = Image.fromarray(gray).convert("1")
    np.testing.assert_array_equal(decode(encode(bits), nc)[..., 0], np.asarray(bits) * 255)


@pytest.mark.parametrize("orientation", sorted(ORIENTED))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    blocks = np.kron(np.array([[0, 90, 180], [255, 30, 60]], np.uint8), np.ones((16, 16), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encode(Image.fromarray(blocks), kind, exif=exif), 1)[..., 0]
    expected = ORIENTED[orientation](blocks)
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).max() < 12


def test_damaged_exif_is_ignored(rng: np.random.Generator) -> None:
    plain = encode(Image.fromarray(colours(rng)), "JPEG")
    damaged = encode(Image.fromarray(colours(rng)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    assert decode(damaged, 3).shape == decode(plain, 3).shape


def over_white(value: float, alpha: float) -> float:
    return value * alpha / 255 + 255 * (1 - alpha / 255)


@pytest.mark.parametrize("alpha", [0, 1, 77, 128, 200, 255])
def test_transparency_lies_over_white(alpha: int) -> None:
    rgba = Image.new("RGBA", (3, 2), (10, 100, 250, alpha))
    expected = [over_white(value, alpha) for value in (10, 100, 250)]
    assert np.abs(decode(encode(rgba), 3) - expected).max() <= 1
    gray = Image.new("LA", (3, 2), (40, alpha))
    assert np.abs(decode(encode(gray), 1) - over_white(40, alpha)).max() <= 1
    assert np.abs(decode(encode(gray), 3) - over_white(40, alpha)).max() <= 1


def test_transparent_palette_entry_and_colour_key_become_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 10, 20, 30, 60, 90])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(decode(encode(image), 3), [[[200, 10, 20], [30, 60, 90]]])
    np.testing.assert_array_equal(decode(encode(image, transparency=0), 3), [[[255] * 3, [30, 60, 90]]])
    np.testing.assert_array_equal(decode(encode(image, "GIF", transparency=1), 3), [[[200, 10, 20], [255] * 3]])
    keyed = encode(Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)), transparency=(1, 2, 3))
    np.testing.assert_array_equal(decode(keyed, 3), [[[255] * 3, [4, 5, 6]]])


@pytest.mark.parametrize("nc", [1, 3])
def test_sixteen_bit_grey_is_scaled_not_clipped(nc: int, tmp_path: Path) -> None:
    levels = np.array([[0, 128, 129, 257, 385, 386, 32768, 65406, 65407, 65535]], np.uint16)
    expected = [0, 0, 1, 1, 1, 2, 128, 254, 255, 255]
    for name in ("wide.png", "wide.tiff", "wide.pgm"):
        path = tmp_path / name
        assert cv2.imwrite(str(path), levels)
        np.testing.assert_array_equal(decode(path, nc), np.array([expected] * nc).T[None], err_msg=name)
    with_key = encode(Image.fromarray(levels), transparency=257)
    assert decode(with_key, 1)[0, 3:5, 0].tolist() == [255, 1]


def test_grey_beyond_sixteen_bits_is_refused() -> None:
    for value in (-1, 65536):
        with pytest.raises(BadImage, match="16 bits"):
            decode(encode(Image.fromarray(np.array([[0, value]], np.int32)), "TIFF"), 3)
    with pytest.raises(BadImage, match="floating"):
        decode(encode(Image.fromarray(np.array([[0.0, 1.0]], np.float32)), "TIFF"), 3)


def test_sixteen_bit_colour_keeps_its_upper_byte() -> None:
    ok, data = cv2.imencode(".png", np.array([[[0x3456, 0x1234, 0xFFFF]]], np.uint16))
    assert ok
    np.testing.assert_array_equal(decode(data.tobytes(), 3), [[[0xFF, 0x12, 0x34]]])


def test_cmyk_is_converted() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = decode(encode(image, "TIFF"), 3)
    assert (red == [255, 0, 0]).all()
    assert np.abs(decode(encode(image, "JPEG", quality=95), 3).astype(int) - [255, 0, 0]).max() < 6


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert (decode(data, 3) == [250, 0, 0]).all(), kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"])
def test_cut_files_are_refused(kind: str, rng: np.random.Generator) -> None:
    data = encode(Image.fromarray(colours(rng, 40, 60)), kind)
    whole = decode(data, 3)
    for kept in (0, 1, 10, len(data) // 4, len(data) // 2, len(data) * 9 // 10, len(data) - 40):
        with pytest.raises(BadImage) as caught:
            decode(data[:kept], 3)
        assert str(caught.value) and "\n" not in str(caught.value)
    for kept in range(len(data) - 30, len(data)):
        try:
            cut = decode(data[:kept], 3)
        except BadImage:
            continue
        np.testing.assert_array_equal(cut, whole)  # only an end marker was missing


@pytest.mark.parametrize(
    "data", [b"", b"not an image", bytes(range(256)) * 9, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage):
        decode(data, 3)


def test_random_damage_raises_nothing_else(rng: np.random.Generator, capfd: pytest.CaptureFixture[str]) -> None:
    image = Image.fromarray(colours(rng, 20, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM"):
            data = bytearray(encode(image, kind))
            for _ in range(60):
                damaged = data.copy()
                for place in rng.integers(0, len(data), 4):
                    damaged[place] = rng.integers(0, 256)
                with contextlib.suppress(BadImage):
                    assert decode(bytes(damaged), 3).shape[2] == 3
    assert capfd.readouterr().out == ""


def test_bombs_are_refused_and_large_images_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(encode(Image.new("L", (40, 40))), 1).shape == (40, 40, 1)  # where Pillow only warns
        with pytest.raises(BadImage, match="pixels"):
            decode(encode(Image.new("L", (50, 50))), 1)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="no such file"):
        decode(tmp_path / "none.jpg", 3)
    with pytest.raises(BadImage, match="directory"):
        decode(tmp_path, 3)


def test_what_pillow_logs_of_a_damaged_file_is_not_printed(repository: Path) -> None:
    tiff = encode(Image.new("RGB", (3, 3)), "TIFF")
    samples = (277).to_bytes(2, "little") + bytes([3, 0, 1, 0, 0, 0])
    code = f"import io\nfrom PIL import Image\ndata = {tiff.replace(samples + bytes([3]), samples + bytes([200]))!r}\n"
    ours = "from gluon_wgan.data.decode import decode\ntry: decode(data, 3)\nexcept Exception as error: print(error)"
    pillows = "try: Image.open(io.BytesIO(data))\nexcept Exception: pass"
    said = [
        subprocess.run([sys.executable, "-c", code + last], cwd=repository, capture_output=True, text=True).stderr
        for last in (pillows, ours)
    ]
    assert "More samples per pixel" in said[0] and said[1] == ""
