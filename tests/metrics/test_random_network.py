"""The random network: the same weights everywhere, PyTorch's answer, and a sensible order of worse and worse images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import mxnet as mx
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from gluon_wgan.metrics import fid
from gluon_wgan.metrics.features import load_features
from gluon_wgan.metrics.image_sets import ChosenImages

SHA256 = "0853804487fb91c145f8f64ecacb39976335786af50b578f6940e84a25f26022"
"""Of the weights; figures of other weights are not comparable, so this must never change silently."""


def features_of(images: np.ndarray) -> np.ndarray:
    network = load_features("random", weights=None, rule="clean", context=mx.cpu())
    chosen = ChosenImages(images, np.arange(len(images)), "given")
    return np.concatenate([values for values, _ in network.extract(chosen)])


def weights() -> list[np.ndarray]:
    """Return the weights as docs and docstring tell them, drawn here once more."""
    made = []
    for number, (channels_in, channels) in enumerate(((3, 32), (32, 64), (64, 128))):
        drawn = np.random.default_rng([2017, number]).standard_normal((channels, channels_in, 4, 4))
        made.append((drawn * np.sqrt(2 / (1.04 * 16 * channels_in))).astype(np.float32))
    return made


def test_the_weights_are_the_same_everywhere() -> None:
    network = load_features("random", weights=None, rule="clean", context=mx.cpu())
    assert network.protocol["weights_sha256"] == SHA256
    assert hashlib.sha256(b"".join(layer.astype("<f4").tobytes() for layer in weights())).hexdigest() == SHA256
    assert network.protocol["features"] == "three random convolutions, comparable only with themselves"


@pytest.mark.parametrize("side", [8, 28, 64])
def test_features_as_pytorch_has_them(
    side: int, rng: np.random.Generator, require_torch: Callable[[], ModuleType]
) -> None:
    torch = require_torch()
    images = rng.integers(0, 256, (3, 3, side, side), dtype=np.uint8)
    x, expected = torch.from_numpy(images).double() / 127.5 - 1, []
    for layer in weights():
        x = torch.nn.functional.conv2d(x, torch.from_numpy(layer).double(), stride=2, padding=1)
        x = torch.nn.functional.leaky_relu(x, 0.2)
        expected += [x.mean((2, 3)), (x.var((2, 3), unbiased=False) + 1e-6).sqrt()]
    found = features_of(images)
    assert found.shape == (3, 448) and found.dtype == np.float32
    np.testing.assert_allclose(found, torch.cat(expected, 1).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_worse_images_are_further_away(shared_data: Callable[[str], Path], rng: np.random.Generator) -> None:
    portraits = [Image.open(path).convert("RGB") for path in sorted(shared_data("portraits").glob("*.jpg"))[:600]]
    real = np.stack([np.asarray(portrait.resize((32, 32), Image.Resampling.BILINEAR)) for portrait in portraits])
    half = real[300:].astype(np.float32)
    worse = {
        "blurred": scipy.ndimage.gaussian_filter(half, (0, 1, 1, 0)),
        "more blurred": scipy.ndimage.gaussian_filter(half, (0, 2, 2, 0)),
        "noisy": half + rng.normal(0, 20, half.shape),
        "noisier": half + rng.normal(0, 40, half.shape),
        "ten over and over": half[np.arange(300) % 10],
        "aliased": np.stack([cv2.resize(np.asarray(portrait), (32, 32)) for portrait in portraits[300:]]),
    }
    reals = fid.statistics([features_of(real[:300].transpose(0, 3, 1, 2))])

    def away(images: np.ndarray) -> float:
        whole = np.clip(np.rint(images), 0, 255).astype(np.uint8)
        return fid.distance(reals, fid.statistics([features_of(whole.transpose(0, 3, 1, 2))]))

    floor = away(half)
    apart = {name: away(images) for name, images in worse.items()}
    assert floor < min(apart.values()), (floor, apart)
    assert apart["blurred"] < apart["more blurred"] and apart["noisy"] < apart["noisier"]
    assert fid.distance(reals, reals) == pytest.approx(0, abs=1e-6 * floor)
