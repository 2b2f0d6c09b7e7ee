"""Pixels of TIFF, PNG and JPEG in every layout that a writer at hand produces, against an independent reader.

A file is read right or refused: never read wrong. What must be read is listed too, so that a refusal of everything
fails.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any, Optional

import cv2
import numpy as np
import png
import pytest
import tifffile
from PIL import Image

from gluon_wgan.data.decode import BadImage, decode

HEIGHT, WIDTH = 11, 13
CHANNELS = {"rgb": 3, "separated": 4, "cielab": 3}
COMPRESSIONS = (None, "lzw", "deflate", "packbits", "zstd")
BIG_ENDIAN = ("miniswhite", 16, ">")
# Byte order, predictor, tiles.
LAYOUTS = (("<", None, None), (">", None, (16, 16)), ("<", True, None), (">", True, None), ("<", True, (16, 16)))
# Photometric interpretation, bits, planes, extra sample: what is read with every usual compression.
READ = {
    *(("minisblack", bits, "contig", None) for bits in (1, 8, 16)),
    *(("miniswhite", bits, "contig", None) for bits in (1, 8, 16)),
    *(("palette", 8, "contig", None), ("minisblack", 8, "contig", "unassalpha")),
    *(("rgb", bits, planes, None) for bits in (8, 16) for planes in ("contig", "separate")),
    *(("rgb", bits, "contig", extra) for bits in (8, 16) for extra in ("unassalpha", "assocalpha", "unspecified")),
    *(("separated", bits, "contig", None) for bits in (8, 16)),
}


def over_white(rgba: np.ndarray) -> np.ndarray:
    """Lay float (height, width, 4) of 0..1 over white; return 0..255."""
    return 255 * (rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:])


def pixels(rng: np.random.Generator, bits: int, channels: int) -> np.ndarray:
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    kind = bool if bits == 1 else np.dtype(f"uint{max(8, bits)}")
    return rng.integers(0, 1 << bits, shape, dtype=np.uint64).astype(kind)


def as_tifffile_reads(content: bytes, photometric: str, planes: str, extra: Optional[str], colours: Any) -> np.ndarray:
    """Return float (height, width, 3) of 0..255."""
    raw = tifffile.imread(io.BytesIO(content))
    if planes == "separate":
        raw = np.moveaxis(raw, 0, -1)
    if photometric == "palette":
        return (colours[:, raw].transpose(1, 2, 0) >> 8).astype(float)
    values = raw.astype(float) / (1 if raw.dtype == bool else np.iinfo(raw.dtype).max)
    values = values[..., None] if values.ndim == 2 else values
    alpha = values[..., -1:]
    values = values if extra is None else values[..., :-1]
    if photometric == "separated":
        return 255 * (1 - values[..., :3]) * (1 - values[..., 3:])
    values = 1 - values if photometric == "miniswhite" else values
    rgb = values.repeat(3, axis=2) if values.shape[2] == 1 else values
    if extra == "unassalpha":
        return over_white(np.concatenate([rgb, alpha], axis=2))
    return 255 * (rgb + 1 - alpha) if extra == "assocalpha" else 255 * rgb


def tiff_cases(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], bytes, np.ndarray]]:
    photometrics = ("minisblack", "miniswhite", "rgb", "palette", "separated", "cielab")
    extras = (None, "unassalpha", "assocalpha", "unspecified")
    for photometric, bits, planes, extra in product(photometrics, (1, 8, 16, 32), ("contig", "separate"), extras):
        channels = CHANNELS.get(photometric, 1) + (extra is not None)
        if (bits == 1 and channels > 1) or (planes == "separate" and channels == 1):
            continue
        if photometric == "palette" and (bits != 8 or channels > 1):
            continue
        array = pixels(rng, bits, channels)
        if extra == "assocalpha":
            array[..., :-1] = np.minimum(array[..., :-1], array[..., -1:])
        colours = rng.integers(0, 65536, (3, 256), dtype=np.uint16) if photometric == "palette" else None
        given = np.moveaxis(array, -1, 0) if planes == "separate" else array
        for compression, (order, predictor, tile) in product(COMPRESSIONS, LAYOUTS):
            if predictor and (compression is None or bits == 1):
                continue
            file = io.BytesIO()
            options: dict[str, Any] = {"planarconfig": planes} if channels > 1 else {}
            options |= {} if extra is None else {"extrasamples": [extra]}
            options |= {"photometric": photometric, "compression": compression, "byteorder": order, "tile": tile}
            tifffile.imwrite(file, given, predictor=predictor, colormap=colours, **options)
            truth = as_tifffile_reads(file.getvalue(), photometric, planes, extra, colours)
            case = (photometric, bits, planes, extra, compression, order, bool(predictor), bool(tile))
            yield case, file.getvalue(), truth


@pytest.mark.slow
def test_every_layout_of_tiff_is_read_right_or_refused() -> None:
    wrong, refused = {}, set()
    for case, content, truth in tiff_cases(np.random.default_rng(0)):
        try:
            found = decode(content, 3)
        except BadImage:
            refused.add(case)
            continue
        # 16-bit colour keeps its upper 8 bits, and inks and alpha multiply two of those.
        allowed = 2.5 if case[1] == 16 and (case[0] == "separated" or case[3]) else 1.01
        # Associated alpha is divided out of them and multiplied in again, and each step rounds.
        allowed = 4 if case[1] == 16 and case[3] == "assocalpha" else allowed
        allowed = 256 if case[0] == "cielab" else allowed
        if np.abs(found - truth).max() > allowed:
            wrong[case] = np.abs(found - truth).max()
    assert not wrong
    # libtiff, with which Pillow's wheels are built, has no Zstandard; a predictor of PackBits is tifffile's alone; and
    # Pillow knows 16-bit gray whose zero is white in one byte order only.
    lost = {case for case in refused if case[:4] in READ and case[4] != "zstd"}
    assert {case for case in lost if case[4::2] != ("packbits", True) and case[:2] + case[5:6] != BIG_ENDIAN} == set()


def test_bits_that_fill_no_byte(rng: np.random.Generator) -> None:
    for bits, white_is_zero in product((1, 2, 4, 12), (False, True)):
        values = rng.integers(0, 1 << bits, (HEIGHT, 16))
        packed = np.packbits((values[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8).reshape(HEIGHT, -1), 1)
        content = hand_made_tiff(packed.tobytes(), 16, HEIGHT, {258: bits, 262: 0 if white_is_zero else 1})
        truth = values / ((1 << bits) - 1) * 255
        truth = 255 - truth if white_is_zero else truth
        if bits == 12 and white_is_zero:
            with pytest.raises(BadImage):
                decode(content, 1)
            continue
        if bits != 12:  # which tifffile unpacks too
            np.testing.assert_array_equal(tifffile.imread(io.BytesIO(content)), values)
        assert np.abs(decode(content, 1)[..., 0] - truth).max() <= 0.5


def hand_made_tiff(pixels: bytes, width: int, height: int, more: dict[int, int]) -> bytes:
    """Return an uncompressed little-endian TIFF of one strip and one sample."""
    tags = {256: width, 257: height, 259: 1, 273: 8, 277: 1, 278: height, 279: len(pixels), **more}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    start = 8 + len(pixels) + len(pixels) % 2
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + pixels.ljust(start - 8)
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )


@pytest.mark.parametrize("dtype", ["int16", "int32"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
def test_wide_pixels_with_a_sign_are_read_in_either_byte_order(
    dtype: str, order: str, compression: Optional[str], rng: np.random.Generator
) -> None:
    file, values = io.BytesIO(), rng.integers(0, 32768, (13, 17)).astype(dtype)
    options: dict[str, Any] = {"byteorder": order, "compression": compression}
    tifffile.imwrite(file, values, photometric="minisblack", **options)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(file.getvalue())), values)
    np.testing.assert_array_equal(decode(file.getvalue(), 1)[..., 0], np.rint(values / 257).astype(np.uint8))


def test_signed_pixels_of_eight_bits_are_refused() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, np.arange(-100, 100, dtype=np.int8).reshape(10, 20), photometric="minisblack")
    with pytest.raises(BadImage, match="signed pixels"):
        decode(file.getvalue(), 1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize(("gray", "alpha"), product((True, False), (True, False)))
@pytest.mark.parametrize("transparent", [False, True])
def test_every_layout_of_png(
    bits: int, interlace: bool, gray: bool, alpha: bool, transparent: bool, rng: np.random.Generator
) -> None:
    if (alpha and transparent) or (bits < 8 and (alpha or not gray)):
        return  # PNG has none of these
    channels = (1 if gray else 3) + alpha
    values = rng.integers(0, 1 << bits, (HEIGHT, WIDTH, channels))
    values[::2, ::2] = values[0, 0]
    values[1] = values[0, 0] ^ 1  # not transparent, though equal in its upper bits
    options: dict[str, Any] = {"transparent": values[0, 0].tolist()} if transparent else {}
    if transparent and gray:
        options["transparent"] = options["transparent"][0]
    file = io.BytesIO()
    png.Writer(WIDTH, HEIGHT, greyscale=gray, alpha=alpha, bitdepth=bits, interlace=interlace, **options).write(
        file, values.reshape(HEIGHT, -1).tolist()
    )
    _, _, rows, info = png.Reader(bytes=file.getvalue()).asRGBA()
    rgba = np.array([list(row) for row in rows]).reshape(HEIGHT, WIDTH, 4) / ((1 << info["bitdepth"]) - 1)
    truth = over_white(rgba)
    allowed = 2.5 if bits == 16 and alpha else 1.01  # colour and alpha each lose less than 1, and both are rounded
    assert np.abs(decode(file.getvalue(), 3) - truth).max() <= allowed
    assert np.abs(decode(file.getvalue(), 1)[..., 0] - truth @ [0.299, 0.587, 0.114]).max() <= allowed + 0.5


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_every_palette_of_png(bits: int, rng: np.random.Generator) -> None:
    values = rng.integers(0, 1 << bits, (HEIGHT, WIDTH))
    colours = rng.integers(0, 256, (1 << bits, 4))
    file = io.BytesIO()
    png.Writer(WIDTH, HEIGHT, palette=[tuple(row) for row in colours.tolist()], bitdepth=bits).write(
        file, values.tolist()
    )
    assert np.abs(decode(file.getvalue(), 3) - over_white(colours[values] / 255)).max() <= 1.01


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_every_layout_of_jpeg(mode: str, progressive: bool, subsampling: int, rng: np.random.Generator) -> None:
    smooth = cv2.resize(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8), (48, 40), interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    image = Image.fromarray(smooth).convert(mode)
    image.save(file, "JPEG", quality=95, progressive=progressive, subsampling=subsampling)
    truth = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    # Inks become RGB by other formulas.
    assert np.abs(decode(file.getvalue(), 3).astype(int) - truth).max() <= (3 if mode != "CMYK" else 6)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LARGE = zlib.compress(bytes(3 << 20))
METADATA = {
    "large text": chunk(b"zTXt", b"Comment\0\0" + LARGE),
    "large international text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + LARGE),
    "large profile": chunk(b"iCCP", b"icc\0\0" + LARGE),
    "seventy texts": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 20))) * 70,
    "wrong checksum": chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?",
    "cut off": chunk(b"gAMA", b"\0"),
    "no compression method": chunk(b"zTXt", b"Comment"),
    "unknown compression": chunk(b"iCCP", b"icc\0\x09abc"),
    "no number": chunk(b"pHYs", b"12"),
}


@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize("place", ["before", "after"])
def test_metadata_does_not_spoil_the_pixels_of_a_png(name: str, place: str, rng: np.random.Generator) -> None:
    array = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    plain = file.getvalue()
    at = 33 if place == "before" else len(plain) - 12  # behind the header, or before the end
    content = plain[:at] + METADATA[name] + plain[at:]
    truth = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode(content, 3), truth)


def test_limits_and_checksums_hold_beside_such_metadata() -> None:
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "PNG")
    content = file.getvalue()[:33] + METADATA["wrong checksum"] + file.getvalue()[33:]
    with pytest.raises(BadImage, match="40x30 pixels, more than the limit of 1000"):
        decode(content, 3, 1000)
    huge = content.replace(file.getvalue()[8:33], chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)))
    with pytest.raises(BadImage, match="too many pixels"):
        decode(huge, 3)
    damaged = bytearray(content)
    damaged[content.index(b"IDAT") + 6] ^= 255
    with pytest.raises(BadImage):
        decode(bytes(damaged), 3)
    gray = io.BytesIO()
    Image.new("L", (9, 9)).save(gray, "PNG", transparency=0)
    spoilt = gray.getvalue().replace(chunk(b"tRNS", b"\0\0"), chunk(b"tRNS", b"\0\0")[:-1] + b"?")
    with pytest.raises(BadImage):  # which would decide pixels
        decode(spoilt, 3)
