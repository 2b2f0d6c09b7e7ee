"""What decoders make of the same file, before any resizing: of the images, and of files made up to be trouble.

`pil` is how this project decodes (gluon_wgan/data/decode.py), `pil-plain` is what most PyTorch code does,
`cv2` and `mxnet` are those libraries' own readers, with their defaults for colour images.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import decode
from gluon_wgan.data.file_formats import formats_of
from gluon_wgan.utils.disposable_process import Died, ExpendableProcess

log = logging.getLogger("gluon_wgan")

UNREADABLE = "unreadable"
SECONDS = 30.0
"""How long a decoder may take over one image."""
DECODERS = {
    "pil": "Pillow with this project's rules: EXIF applied, laid over white, 16-bit gray divided by 257",
    "pil-plain": 'Image.open(...).convert("RGB")',
    "cv2": "cv2.imdecode(..., IMREAD_COLOR), as cv2.imread does",
    "mxnet": "mx.image.imdecode(...), as mx.image.imread does",
}


@dataclass
class Agreement:
    """How a decoder compares with the first one on the files of one kind.

    Attributes
    ----------
    files, identical, failed, other_shape
        How many there were, decoded to the same pixels, were refused by one of the two, came out in
        another shape.
    mean_abs
        Summed mean absolute difference, in levels, of those with the same shape.
    max_abs
        The largest difference, in levels.
    """

    files: int = 0
    identical: int = 0
    failed: int = 0
    other_shape: int = 0
    mean_abs: float = 0.0
    max_abs: int = 0

    def count(self, ours: Optional[np.ndarray], first: Optional[np.ndarray]) -> None:
        """Count one file."""
        self.files += 1
        if ours is None or first is None:
            self.failed += ours is not first
            self.identical += ours is first
        elif ours.shape != first.shape:
            self.other_shape += 1
        else:
            differences = np.abs(ours.astype(np.int16) - first)
            self.identical += not differences.any()
            self.mean_abs += float(differences.mean())
            self.max_abs = max(self.max_abs, int(differences.max()))

    def merge(self, other: Agreement) -> None:
        """Count what another has counted."""
        self.files += other.files
        self.identical += other.identical
        self.failed += other.failed
        self.other_shape += other.other_shape
        self.mean_abs += other.mean_abs
        self.max_abs = max(self.max_abs, other.max_abs)

    def in_words(self) -> str:
        """Say it in a few words."""
        if self.identical == self.files:
            return "identical"
        said = [f"{self.identical} of {self.files} identical"] if self.files > 1 else []
        if self.failed:
            said.append(f"{self.failed} refused by one" if self.files > 1 else "refused by one")
        if self.other_shape:
            said.append(f"{self.other_shape} in another shape" if self.files > 1 else "another shape")
        compared = self.files - self.failed - self.other_shape
        if self.max_abs:
            said.append(f"off by {self.mean_abs / compared:.2f} levels on average, {self.max_abs} at most")
        return ", ".join(said)


def compare_decoders(
    agreements: dict[tuple[str, str], Agreement],
    source: Union[str, bytes],
    unusual: Sequence[str],
    decoders: Sequence[str],
) -> None:
    """Decode a file, or its bytes, with decoders of `DECODERS`, and count how each agrees with the first.

    They are counted by kind of file, which its oddities name, and decoder. A file that cannot be read does not count.
    """
    try:
        encoded = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError:
        return
    kinds = [*(words.split(" (")[0] for words in unusual if not words.startswith(("huge", "tiny")))]
    kind = f"{_format_of(encoded)}, {' and '.join(kinds) or 'plain'}"
    first, *others = (decode_with(name, encoded) for name in decoders)
    for name, image in zip(decoders[1:], others):
        agreements.setdefault((kind, name), Agreement()).count(image, first)


def decode_with(decoder: str, encoded: bytes) -> Optional[np.ndarray]:
    """Decode a file's bytes to uint8 RGB (height, width, 3), None if the decoder refuses.

    Only what is of a format that this project reads reaches a decoder: Pillow's other formats run programs. It is
    decoded in another process, since OpenCV and MXNet crash or hang on damaged files; that counts as refused, with
    a warning.
    """
    if _format_of(encoded) == UNREADABLE:
        return None
    try:
        return _process().call(decoder, encoded)
    except Died as death:
        log.warning("The decoder %s %s on a damaged image, which counts as refused.", decoder, death)
    except Exception:  # each library refuses in its own way, Pillow in nearly all
        pass
    return None


@cache
def _process() -> ExpendableProcess:
    return ExpendableProcess(_make_decoder, seconds=SECONDS)


def _make_decoder() -> Callable[[str, bytes], Optional[np.ndarray]]:
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(2 * (Image.MAX_IMAGE_PIXELS or 0))
    functions = {"pil": lambda encoded: decode(encoded, 3), "pil-plain": _plain, "cv2": _cv2, "mxnet": _mxnet}
    return lambda decoder, encoded: functions[decoder](encoded)


def _plain(encoded: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Image.open(BytesIO(encoded), formats=formats_of("")).convert("RGB"))


def _cv2(encoded: bytes) -> Optional[np.ndarray]:
    import cv2

    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _mxnet(encoded: bytes) -> np.ndarray:
    import mxnet

    return mxnet.image.imdecode(encoded).asnumpy()


def _format_of(encoded: bytes) -> str:
    """Return the name of a format that this project reads, or `UNREADABLE`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(encoded), formats=formats_of("")) as image:
                return image.format or UNREADABLE
    except Exception:  # whatever damaged headers raise
        return UNREADABLE


_WIDTH, _HEIGHT = 48, 32
_ORIENTATION, _QUARTER_TURN = 0x0112, 6


def probe_files() -> dict[str, bytes]:
    """Return encoded images by what is special about them."""
    import cv2  # the process that decodes must set its limit before this is loaded

    rng = np.random.default_rng(16)
    colour = np.asarray(Image.fromarray(rng.integers(256, size=(4, 6, 3), dtype=np.uint8)).resize((_WIDTH, _HEIGHT)))
    image = Image.fromarray(colour)
    wide = np.linspace(0, 65535, _WIDTH * _HEIGHT).reshape(_HEIGHT, _WIDTH).astype(np.uint16)
    rotated = Image.Exif()
    rotated[_ORIENTATION] = _QUARTER_TURN
    see_through = image.copy()
    see_through.putalpha(Image.fromarray((wide >> 8).astype(np.uint8)))
    return {
        "JPEG, colour": _encoded(image, "JPEG"),
        "JPEG, gray": _encoded(image.convert("L"), "JPEG"),
        "JPEG, CMYK": _encoded(image.convert("CMYK"), "JPEG"),
        "JPEG, EXIF says a quarter turn": _encoded(image, "JPEG", exif=rotated),
        "PNG, colour": _encoded(image, "PNG"),
        "PNG, gray": _encoded(image.convert("L"), "PNG"),
        "PNG, 16-bit gray": _encoded(Image.fromarray(wide), "PNG"),
        "PNG, 16-bit colour": cv2.imencode(".png", np.dstack([wide, wide[::-1], wide[:, ::-1]]))[1].tobytes(),
        "PNG, palette": _encoded(image.quantize(16), "PNG"),
        "PNG, palette with a transparent colour": _encoded(image.quantize(16), "PNG", transparency=0),
        "PNG, transparent": _encoded(see_through, "PNG"),
    }


def probe_decoders(decoders: Sequence[str]) -> dict[str, dict[str, str]]:
    """Compare every decoder with the first on each of the files, in words by what is special and by decoder."""
    answers = {}
    for name, encoded in probe_files().items():
        images = {decoder: decode_with(decoder, encoded) for decoder in decoders}
        answers[name] = {decoder: _in_words(image, images[decoders[0]]) for decoder, image in images.items()}
    return answers


def _in_words(image: Any, first: Any) -> str:
    if image is None:
        return "refused"
    agreement = Agreement()
    agreement.count(image, first)
    if agreement.other_shape:
        return f"{image.shape[1]}x{image.shape[0]} instead of {first.shape[1]}x{first.shape[0]}"
    return agreement.in_words()


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()
