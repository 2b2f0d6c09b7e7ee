"""The backends that are compared, bit for bit with direct calls of the libraries."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.resize import BACKENDS, resize

COUNT = 500
CV2 = {"nearest": 0, "bilinear": 1, "bicubic": 2, "area": 3, "lanczos4": 4, "lanczos": 4}


def directly(backend: str, image: np.ndarray, height: int, width: int) -> np.ndarray:
    library, name = backend.split("-")
    if library == "pil":
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling[name.upper()]))
    if library == "cv2":
        return cv2.resize(image, (width, height), interpolation=CV2[name])
    import mxnet as mx

    return mx.image.imresize(mx.nd.array(image, dtype=np.uint8), width, height, interp=CV2[name]).asnumpy()


def random_case(seed: int) -> tuple[np.ndarray, int, int]:
    """Return an image and a size, at ratios from 1/16 to 4, some of them one pixel high or wide."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in np.exp(rng.uniform(0, np.log(200), 2)))
    if seed % 5 == 0:
        width = 1
    if seed % 7 == 0:
        height = 1
    scales = np.exp2(rng.uniform(-4, 2, 2))
    size = [max(1, round(side * scale)) for side, scale in zip((height, width), scales)]
    return rng.integers(256, size=(height, width, 3), dtype=np.uint8), size[0], size[1]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_to_direct_calls_on_random_images_and_sizes(backend):
    for seed in range(COUNT):
        image, height, width = random_case(seed)
        ours = resize(image, (height, width), backend)
        np.testing.assert_array_equal(ours, directly(backend, image, height, width), f"seed {seed}")


def test_random_cases_cover_what_they_should():
    cases = [random_case(seed) for seed in range(COUNT)]
    scales = [height / image.shape[0] for image, height, _ in cases if image.shape[0] > 32]
    assert min(scales) < 1 / 12 and max(scales) > 3.5
    assert sum(1 in image.shape[:2] for image, _, _ in cases) > 100
    assert sum(height % 2 for _, height, _ in cases) > 100
