"""Files that decoders treat differently, made in memory, so that the differences show whatever the data."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

from gluon_wgan.resize_parity.decoders import Agreement, decode_with

_WIDTH, _HEIGHT = 48, 32
_ORIENTATION, _QUARTER_TURN = 0x0112, 6


def probe_files() -> dict[str, bytes]:
    """Return encoded images by what is special about them."""
    rng = np.random.default_rng(16)
    colour = np.asarray(Image.fromarray(rng.integers(256, size=(4, 6, 3), dtype=np.uint8)).resize((_WIDTH, _HEIGHT)))
    picture = Image.fromarray(colour)
    wide = np.linspace(0, 65535, _WIDTH * _HEIGHT).reshape(_HEIGHT, _WIDTH).astype(np.uint16)
    rotated = Image.Exif()
    rotated[_ORIENTATION] = _QUARTER_TURN
    see_through = picture.copy()
    see_through.putalpha(Image.fromarray((wide >> 8).astype(np.uint8)))
    return {
        "JPEG, colour": _encoded(picture, "JPEG"),
        "JPEG, gray": _encoded(picture.convert("L"), "JPEG"),
        "JPEG, CMYK": _encoded(picture.convert("CMYK"), "JPEG"),
        "JPEG, EXIF says a quarter turn": _encoded(picture, "JPEG", exif=rotated),
        "PNG, colour": _encoded(picture, "PNG"),
        "PNG, gray": _encoded(picture.convert("L"), "PNG"),
        "PNG, 16-bit gray": _encoded(Image.fromarray(wide), "PNG"),
        "PNG, 16-bit colour": cv2.imencode(".png", np.dstack([wide, wide[::-1], wide[:, ::-1]]))[1].tobytes(),
        "PNG, palette": _encoded(picture.quantize(16), "PNG"),
        "PNG, palette with a transparent colour": _encoded(picture.quantize(16), "PNG", transparency=0),
        "PNG, transparent": _encoded(see_through, "PNG"),
    }


def probe_decoders(decoders: Sequence[str]) -> dict[str, dict[str, str]]:
    """Compare every decoder with the first on each of the files, in words.

    Returns
    -------
    dict
        By what is special about the file, by decoder.
    """
    answers = {}
    for name, encoded in probe_files().items():
        pictures = {decoder: decode_with(decoder, encoded) for decoder in decoders}
        answers[name] = {decoder: _in_words(picture, pictures[decoders[0]]) for decoder, picture in pictures.items()}
    return answers


def _in_words(picture: Any, first: Any) -> str:
    if picture is None:
        return "refused"
    agreement = Agreement()
    agreement.count(picture, first)
    if agreement.other_shape:
        return f"{picture.shape[1]}x{picture.shape[0]} instead of {first.shape[1]}x{first.shape[0]}"
    return agreement.in_words()


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()
