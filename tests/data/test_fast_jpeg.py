"""JPEG files that are decoded without Pillow have Pillow's pixels, and all others are Pillow's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Optional, Union

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from gluon_wgan.data import decode as decode_module
from gluon_wgan.data import fast_jpeg
from gluon_wgan.data.decode import BadImage, decode
from gluon_wgan.data.preparation import Preparation, prepare
from gluon_wgan.data.sources import FolderSource

SAMPLINGS = {name: getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}") for name in ("411", "420", "422", "440", "444")}
SIZES = ((1, 1), (1, 40), (33, 7), (16, 16), (61, 47), (250, 301))
OWN_TABLES = [[min(255, 3 + 2 * number) for number in range(64)], [40] * 64]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def pixels(height: int, width: int) -> np.ndarray:
    """Return smooth colours under noise, uint8 (height, width, 3): every coefficient is in use."""
    down, across = np.mgrid[:height, :width]
    smooth = np.stack([down * 2, across * 3, 255 - down - across], axis=2)
    return (smooth + np.random.default_rng(7).integers(0, 70, smooth.shape)).astype(np.uint8)


def by_cv2(image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(".jpg", image, options)[1].tobytes()


def by_pillow(image: np.ndarray, mode: Optional[str] = None, **options: object) -> bytes:
    file = BytesIO()
    opened = Image.fromarray(image)
    (opened if mode is None else opened.convert(mode)).save(file, "JPEG", **options)
    return file.getvalue()


def by_pillow_alone(content: bytes, nc: int, monkeypatch: pytest.MonkeyPatch) -> Union[np.ndarray, str]:
    """Return what comes of a file, pixels or a reason, where nothing is decoded fast."""
    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "open_jpeg", lambda content, max_pixels: None)
        return outcome(content, nc)


def outcome(content: bytes, nc: int, max_pixels: Optional[int] = None) -> Union[np.ndarray, str]:
    try:
        return decode(content, nc, max_pixels)
    except BadImage as error:
        return str(error)


def is_fast(content: bytes) -> bool:
    return fast_jpeg.open_jpeg(content, None) is not None


def without_segments(content: bytes, kind: int) -> bytes:
    """Return a JPEG without the header segments of a kind."""
    kept, at = content[:2], 2
    while content[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        kept += b"" if content[at + 1] == kind else content[at:end]
        at = end
    return kept + content[at:]


def segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body


def with_segment(kind: int, body: bytes) -> bytes:
    return PLAIN[:2] + segment(kind, body) + PLAIN[2:]


PLAIN = by_pillow(pixels(61, 47))
PROGRESSIVE = by_pillow(pixels(61, 47), progressive=True)
LAST_SCAN = PROGRESSIVE.rindex(b"\xff\xda")

ORDINARY = {
    "restart markers": by_cv2(pixels(61, 47), cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "optimized": by_pillow(pixels(61, 47), optimize=True),
    "progressive": PROGRESSIVE,
    "progressive 4:4:4": by_pillow(pixels(61, 47), progressive=True, subsampling=0),
    "progressive by OpenCV": by_cv2(pixels(61, 47), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "progressive without its last scan": PROGRESSIVE[:LAST_SCAN] + b"\xff\xd9",
    "gray": by_pillow(pixels(61, 47)[..., 0]),
    "gray, progressive": by_pillow(pixels(61, 47)[..., 0], progressive=True),
    "own tables": by_pillow(pixels(61, 47), qtables=OWN_TABLES),
    "colour profile": by_pillow(pixels(61, 47), icc_profile=bytes(70_000)),
    "comment": by_pillow(pixels(61, 47), comment=b"of no importance"),
    "no JFIF header": without_segments(PLAIN, 0xE0),
    "trailing bytes": PLAIN + bytes(range(256)),
    "a second image behind": PLAIN + PROGRESSIVE,
    **{f"quality {value}": by_pillow(pixels(61, 47), quality=value) for value in (1, 30, 75, 95, 100)},
}
RARE = {
    "CMYK": by_pillow(pixels(61, 47), "CMYK"),
    "YCCK as Adobe writes it": with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\2"),
    "RGB without a transform": by_pillow(pixels(61, 47), keep_rgb=True),
    "Adobe's YCbCr": with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    "orientation in XMP": with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
    "Photoshop": with_segment(0xED, b"Photoshop 3.0\x008BIM\3\xed\0\0\0\0\0\x10" + bytes(16)),
    "short JFIF header": without_segments(PLAIN, 0xE0)[:2]
    + segment(0xE0, b"JFIF\0")
    + without_segments(PLAIN, 0xE0)[2:],
    "short colour profile": with_segment(0xE2, b"ICC_PROFILE\0"),
    "other JFIF version": PLAIN.replace(b"JFIF\0\1", b"JFIF\0\2"),
    "fill byte before a marker": PLAIN[:2] + b"\xff" + PLAIN[2:],
    "no end marker": PLAIN[:-2],
    "components named R, G, B": without_segments(PLAIN, 0xE0)
    .replace(b"\3\1\x22\0\2\x11\1\3\x11\1", b"\3R\x22\0G\x11\1B\x11\1")
    .replace(b"\3\1\0\2\x11\3\x11", b"\3R\0G\x11B\x11"),
    "chroma of 2x1": PLAIN.replace(b"\3\1\x22\0\2\x11\1\3\x11\1", b"\3\1\x22\0\2\x21\1\3\x21\1"),
    "12 bits": PLAIN.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
    "height 0": PLAIN.replace(b"\0\x11\x08\0\x3d", b"\0\x11\x08\0\0"),
    "two frames": PLAIN.replace(b"\xff\xda", PLAIN[PLAIN.index(b"\xff\xc0") :][:19] + b"\xff\xda"),
    "PNG": cv2.imencode(".png", pixels(9, 9))[1].tobytes(),
    "nothing": b"",
    "only its start": b"\xff\xd8\xff",
}
for turn in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = turn
    RARE[f"orientation {turn}"] = by_pillow(pixels(61, 47), exif=exif)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("progressive", [0, 1])
def test_every_sampling_has_pillows_pixels(sampling: str, height: int, width: int, progressive: int) -> None:
    options = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling], cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    content = by_cv2(pixels(height, width), *options)
    assert is_fast(content)
    np.testing.assert_array_equal(decode(content, 3), np.asarray(Image.open(BytesIO(content))))


@pytest.mark.parametrize("nc, mode", [(3, "RGB"), (1, "L")])
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_files_have_pillows_pixels(name: str, nc: int, mode: str) -> None:
    content = ORDINARY[name]
    assert is_fast(content)
    theirs = np.asarray(Image.open(BytesIO(content)).convert(mode)).reshape(*decode(content, nc).shape)
    np.testing.assert_array_equal(decode(content, nc), theirs)


@pytest.mark.parametrize("nc", [1, 3])
@pytest.mark.parametrize("name", RARE)
def test_rare_files_are_pillows(name: str, nc: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = RARE[name]
    assert not is_fast(content)
    np.testing.assert_equal(outcome(content, nc), by_pillow_alone(content, nc, monkeypatch))


@pytest.mark.parametrize("content", [PLAIN, PROGRESSIVE, ORDINARY["restart markers"]], ids=["plain", "prog", "rst"])
def test_cut_off_files_are_pillows(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for length in [*range(0, len(content) - 1, 37), len(content) - 1]:
        assert not is_fast(content[:length])
        np.testing.assert_equal(outcome(content[:length], 3), by_pillow_alone(content[:length], 3, monkeypatch))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_come_out_as_with_pillow(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    files = [*ORDINARY.values()]
    fast = 0
    for turn in range(150):
        damaged = bytearray(files[turn % len(files)])
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged) if turn % 2 else min(700, len(damaged)))] = rng.integers(256)
        content, nc = bytes(damaged), int(rng.choice((1, 3)))
        fast += is_fast(content)
        np.testing.assert_equal(outcome(content, nc), by_pillow_alone(content, nc, monkeypatch))
    assert 10 < fast < 140  # both ways were taken


def test_a_limit_of_pixels_is_pillows_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(outcome(PLAIN, 3, 61 * 47), np.ndarray)
    assert outcome(PLAIN, 3, 61 * 47 - 1) == "47x61 pixels, more than the limit of 2866"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert not is_fast(PLAIN)
    assert outcome(PLAIN, 3) == "too many pixels"


@pytest.fixture
def rechecked() -> Iterator[None]:
    fast_jpeg.decoders_agree.cache_clear()
    yield
    fast_jpeg.decoders_agree.cache_clear()


@pytest.mark.usefixtures("rechecked")
@pytest.mark.parametrize("other", [{"fastdct": True}, {"fastupsample": True}])
def test_nothing_is_fast_where_the_decoders_differ(other: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    real = simplejpeg.decode_jpeg
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *args, **options: real(*args, **options, **other))
    assert not fast_jpeg.decoders_agree()
    assert not is_fast(PLAIN)
    np.testing.assert_array_equal(decode(PLAIN, 3), np.asarray(Image.open(BytesIO(PLAIN))))


@pytest.mark.usefixtures("rechecked")
def test_the_decoders_agree_here() -> None:
    assert fast_jpeg.decoders_agree()


def test_a_store_is_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number, content in enumerate([*ORDINARY.values(), *RARE.values(), PLAIN[:700], PROGRESSIVE[:900]]):
        (images / f"{number:03d}.jpg").write_bytes(content)
    how = Preparation(16, "pil-bilinear", crop=None, nc=3, strict=False, jobs=1, progress=False)
    with_it = hashes(prepare(FolderSource(images), how, tmp_path / "with").path)
    monkeypatch.setattr(decode_module, "open_jpeg", lambda content, max_pixels: None)
    assert hashes(prepare(FolderSource(images), how, tmp_path / "without").path) == with_it
    assert len(with_it) == 5


def hashes(store: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in store.iterdir()}
