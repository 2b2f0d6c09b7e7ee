"""Resize backends by name: the library that resizes an image, and its filter.

A name is `library-filter`. Pillow widens its filter when it shrinks an image, so every
source pixel counts; OpenCV and MXNet (which calls OpenCV) do so only for `area`, and sample
a few pixels otherwise. `Backend.antialiases` says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Callable

import numpy as np
import PIL
from PIL import Image

from gluon_wgan.config.resize_names import ALIASES as ALIASES
from gluon_wgan.config.resize_names import canonical_name as canonical_name
from gluon_wgan.data.decode import pixels_of
from gluon_wgan.errors import UserError


@dataclass(frozen=True)
class Backend:
    """One way to resize.

    Attributes
    ----------
    name
        As users write it, for example ``cv2-area``.
    library
        ``pillow``, ``cv2`` or ``mxnet``.
    antialiases
        Whether every source pixel counts when an image is shrunk.
    function
        Takes a Pillow image in mode RGB or L and the new (height, width), and returns uint8 of
        that size, with 3 channels, 1 or none.
    """

    name: str
    library: str
    filter: str
    antialiases: bool
    function: Callable[[Image.Image, tuple[int, int]], np.ndarray]


def resize(image: np.ndarray, size: tuple[int, int], backend: str) -> np.ndarray:
    """Resize an image exactly as a direct call of the named library does.

    Parameters
    ----------
    image
        uint8 (height, width, channels) with 1 or 3 channels, or (height, width).
    size
        The new (height, width) in pixels, each 1 or more.
    backend
        A name in `BACKENDS`, or ``pil`` or ``cv2``.

    Returns
    -------
    uint8 of the new size, with the dimensions and channels of `image`.

    Raises
    ------
    UserError
        If there is no such backend, or `image` or `size` is not as above.
    """
    chosen = BACKENDS[canonical_name(backend)]
    plain = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))
    if image.dtype != np.uint8 or not plain or not image.size:
        raise UserError(
            f"Cannot resize an array of {image.dtype} with shape {image.shape}: "
            "give uint8 of shape (height, width, channels) with 1 or 3 channels."
        )
    if min(size) < 1:
        raise UserError(f"Cannot resize to {size}: give a (height, width) of 1 or more.")
    opened = Image.fromarray(image if image.shape[2:] == (3,) else image.reshape(image.shape[:2]))
    return chosen.function(opened, size).reshape(*size, *image.shape[2:])


def library_versions(backend: str) -> dict[str, str]:
    """Return the version of each library that touches pixels: Pillow, which decodes, and the backend's."""
    library = BACKENDS[canonical_name(backend)].library
    own = {} if library == "pillow" else {library: import_module(library).__version__}
    return {"pillow": PIL.__version__, **own}


def _pillow(code: Image.Resampling, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return pixels_of(image.resize((size[1], size[0]), code))


def _cv2(code: str, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(pixels_of(image), (size[1], size[0]), interpolation=getattr(cv2, code))


def _mxnet(code: int, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    import mxnet

    source = mxnet.nd.array(pixels_of(image), ctx=mxnet.cpu(), dtype=np.uint8)
    return mxnet.image.imresize(source, size[1], size[0], interp=code).asnumpy()


_TABLE = (
    Backend("pil-nearest", "pillow", "NEAREST", False, partial(_pillow, Image.Resampling.NEAREST)),
    Backend("pil-box", "pillow", "BOX", True, partial(_pillow, Image.Resampling.BOX)),
    Backend("pil-bilinear", "pillow", "BILINEAR", True, partial(_pillow, Image.Resampling.BILINEAR)),
    Backend("pil-hamming", "pillow", "HAMMING", True, partial(_pillow, Image.Resampling.HAMMING)),
    Backend("pil-bicubic", "pillow", "BICUBIC", True, partial(_pillow, Image.Resampling.BICUBIC)),
    Backend("pil-lanczos", "pillow", "LANCZOS", True, partial(_pillow, Image.Resampling.LANCZOS)),
    Backend("cv2-nearest", "cv2", "INTER_NEAREST", False, partial(_cv2, "INTER_NEAREST")),
    Backend("cv2-bilinear", "cv2", "INTER_LINEAR", False, partial(_cv2, "INTER_LINEAR")),
    Backend("cv2-bicubic", "cv2", "INTER_CUBIC", False, partial(_cv2, "INTER_CUBIC")),
    Backend("cv2-area", "cv2", "INTER_AREA", True, partial(_cv2, "INTER_AREA")),
    Backend("cv2-lanczos4", "cv2", "INTER_LANCZOS4", False, partial(_cv2, "INTER_LANCZOS4")),
    # MXNet passes its number on to OpenCV: 2 is cubic and 3 is area, whatever its old documentation says.
    Backend("mxnet-nearest", "mxnet", "interp 0", False, partial(_mxnet, 0)),
    Backend("mxnet-bilinear", "mxnet", "interp 1", False, partial(_mxnet, 1)),
    Backend("mxnet-bicubic", "mxnet", "interp 2", False, partial(_mxnet, 2)),
    Backend("mxnet-area", "mxnet", "interp 3", True, partial(_mxnet, 3)),
    Backend("mxnet-lanczos", "mxnet", "interp 4", False, partial(_mxnet, 4)),
)
BACKENDS = {backend.name: backend for backend in _TABLE}
