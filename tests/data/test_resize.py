"""Every backend against a direct call of the library it is named after."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image

import gluon_wgan
from gluon_wgan.data.resize import ALIASES, BACKENDS, canonical_name, library_versions, resize
from gluon_wgan.errors import UserError

# Written out here, in the numbers of each library's own documentation, and not taken from the code.
PILLOW_CODES = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
OPENCV_CODES = {"nearest": 0, "bilinear": 1, "bicubic": 2, "area": 3, "lanczos4": 4}
MXNET_CODES = {"nearest": 0, "bilinear": 1, "bicubic": 2, "area": 3, "lanczos": 4}
NAMES = [
    *(f"pil-{name}" for name in PILLOW_CODES),
    *(f"cv2-{name}" for name in OPENCV_CODES),
    *(f"mxnet-{name}" for name in MXNET_CODES),
]
# (height, width) before and after: shrinking, odd sizes, one pixel wide, enlarging, one way each, the same.
SIZES = [
    ((218, 178), (78, 64)),
    ((37, 53), (19, 31)),
    ((41, 1), (13, 1)),
    ((1, 1), (9, 5)),
    ((32, 32), (64, 64)),
    ((10, 90), (30, 40)),
    ((24, 24), (24, 24)),
    ((64, 48), (1, 1)),
]


def call_library(image: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    library, code = name.split("-")
    height, width = size
    if library == "pil":
        opened = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0])
        resized = np.asarray(opened.resize((width, height), PILLOW_CODES[code]))
    elif library == "cv2":
        resized = cv2.resize(image, (width, height), interpolation=OPENCV_CODES[code])
    else:
        import mxnet as mx

        source = mx.nd.array(image, dtype="uint8")
        resized = mx.image.imresize(source, width, height, MXNET_CODES[code]).asnumpy()
    return resized.reshape(height, width, image.shape[2])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_backend_equals_direct_call(name: str, channels: int, rng: np.random.Generator) -> None:
    for before, after in SIZES:
        image = rng.integers(0, 256, (*before, channels), dtype=np.uint8)
        resized = resize(image, after, name)
        assert resized.dtype == np.uint8
        assert resized.shape == (*after, channels)
        np.testing.assert_array_equal(resized, call_library(image, after, name), err_msg=f"{before} {after}")


def test_backends_are_those_sixteen_and_differ(rng: np.random.Generator) -> None:
    assert sorted(BACKENDS) == sorted(NAMES)
    assert len(NAMES) == 16
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    results = {name: resize(image, (24, 24), name).tobytes() for name in NAMES}
    for library in ("pil", "cv2", "mxnet"):
        own = [result for name, result in results.items() if name.startswith(library)]
        assert len(set(own)) == len(own)


def test_aliases_are_what_the_flags_promise(rng: np.random.Generator) -> None:
    assert ALIASES == {"pil": "pil-bilinear", "cv2": "cv2-bicubic"}
    image = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(image, (16, 16), "pil"), call_library(image, (16, 16), "pil-bilinear"))
    np.testing.assert_array_equal(resize(image, (16, 16), "cv2"), call_library(image, (16, 16), "cv2-bicubic"))


@pytest.mark.parametrize("name", NAMES)
def test_antialiasing_is_stated_truly(name: str) -> None:
    # One bright pixel in each 8x8 block: a filter that weighs every pixel sees it wherever it is, one that
    # samples misses it in most places.
    means = []
    for place in range(8):
        image = np.zeros((64, 64, 1), np.uint8)
        image[place::8, place::8] = 255
        means.append(resize(image, (8, 8), name).mean())
    assert BACKENDS[name].antialiases == (min(means) > 1)


def test_grey_without_a_channel_dimension(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (30, 20), dtype=np.uint8)
    for name in ("pil-lanczos", "cv2-area", "mxnet-bilinear"):
        np.testing.assert_array_equal(resize(image, (9, 7), name), resize(image[:, :, None], (9, 7), name)[:, :, 0])


def test_views_are_resized_like_their_copies(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (60, 50, 3), dtype=np.uint8)[5:45:2, 40:3:-1, ::-1]
    for name in ("pil-bilinear", "cv2-bicubic", "mxnet-area"):
        np.testing.assert_array_equal(resize(image, (11, 13), name), call_library(image.copy(), (11, 13), name))


def test_size_is_height_then_width(rng: np.random.Generator) -> None:
    assert resize(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8), (3, 7), "pil").shape == (3, 7, 3)


def test_package_exports_resize() -> None:
    assert gluon_wgan.resize is resize


@pytest.mark.parametrize(
    ("name", "near"),
    [("pil-bilnear", "pil-bilinear"), ("cv2-lanczos", "cv2-lanczos4"), ("bicubic", "pil-bicubic"), ("", "pil")],
)
def test_unknown_name_lists_near_ones(name: str, near: str) -> None:
    with pytest.raises(UserError, match=near) as caught:
        canonical_name(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("image", "size"),
    [
        (np.zeros((4, 4, 3), np.float32), (2, 2)),
        (np.zeros((4, 4, 4), np.uint8), (2, 2)),
        (np.zeros((4,), np.uint8), (2, 2)),
        (np.zeros((0, 4, 3), np.uint8), (2, 2)),
        (np.zeros((4, 4, 3), np.uint8), (0, 2)),
        (np.zeros((4, 4, 3), np.uint8), (2, -1)),
    ],
)
def test_unusable_input_is_refused(image: np.ndarray, size: tuple[int, int]) -> None:
    with pytest.raises(UserError):
        resize(image, size, "pil")


def test_versions_of_what_touches_the_pixels() -> None:
    import mxnet

    assert library_versions("pil-box") == {"pillow": PIL.__version__}
    assert library_versions("cv2") == {"pillow": PIL.__version__, "cv2": cv2.__version__}
    assert library_versions("mxnet-area") == {"pillow": PIL.__version__, "mxnet": mxnet.__version__}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["resize", "decode", "geometry", "sources", "prepare", "batches", "workers"])
def test_importing_loads_neither_mxnet_nor_cv2(module: str, run_python: Callable[..., object]) -> None:
    code = f"import sys, gluon_wgan.data.{module}; print(*({{'mxnet', 'cv2'}} & set(sys.modules)))"
    assert run_python(code).stdout.strip() == ""  # type: ignore[attr-defined]
