"""The rules of resizing, and the faces, against those who define them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from gluon_wgan.errors import UserError
from gluon_wgan.metrics.face_rate import FaceFinder
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.metrics.network_resize import resized


@pytest.mark.parametrize(("height", "width", "side"), [(64, 64, 299), (32, 32, 299), (300, 320, 299), (17, 9, 40)])
def test_the_legacy_rule_is_tensorflows(
    height: int, width: int, side: int, rng: np.random.Generator, published: ModuleType
) -> None:
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    images = rng.integers(0, 256, (2, 3, height, width), dtype=np.uint8)
    theirs = interpolate_bilinear_2d_like_tensorflow1x(
        published.from_numpy(images.astype(np.float32)), size=(side, side), align_corners=False
    )
    np.testing.assert_allclose(resized(images, side, "legacy"), theirs.numpy(), atol=1e-4)


@pytest.mark.parametrize(("height", "width", "side"), [(64, 64, 299), (32, 32, 299), (300, 320, 299), (17, 9, 40)])
def test_the_pytorch_rule_is_pytorch_fids(
    height: int, width: int, side: int, rng: np.random.Generator, published: ModuleType
) -> None:
    images = rng.integers(0, 256, (2, 3, height, width), dtype=np.uint8)
    floats = published.from_numpy(images.astype(np.float32))
    # The call in pytorch-fid's InceptionV3.forward.
    theirs = published.nn.functional.interpolate(floats, size=(side, side), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(resized(images, side, "pytorch"), theirs.numpy(), atol=1e-2)
    assert np.abs(resized(images, side, "legacy") - theirs.numpy()).max() > 1


def test_the_clean_rule_is_pillows_on_floats(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (2, 3, 32, 40), dtype=np.uint8)
    found = resized(images, 99, "clean")
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 255  # overshoot is cut off
    plane = Image.fromarray(images[1, 2].astype(np.float32)).resize((99, 99), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found[1, 2], np.asarray(plane).clip(0, 255))


@pytest.mark.parametrize("rule", ["clean", "legacy", "pytorch"])
def test_images_of_the_wanted_size_stay(rule: str, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (2, 3, 20, 20), dtype=np.uint8)
    np.testing.assert_array_equal(resized(images, 20, rule), images)


def test_faces_are_those_of_the_cascade(
    shared_data: Callable[[str], Path], as_set: Callable[[np.ndarray], ChosenImages]
) -> None:
    paths = sorted(shared_data("portraits").glob("*.jpg"))[:24]
    images = np.stack([np.asarray(Image.open(path).resize((64, 64), 2)).transpose(2, 0, 1) for path in paths])
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))
    expected = 0
    for path in paths:
        gray = cv2.cvtColor(np.asarray(Image.open(path).resize((64, 64), 2)), cv2.COLOR_RGB2GRAY)
        large = cv2.resize(gray, (128, 128), interpolation=cv2.INTER_CUBIC)
        expected += len(cascade.detectMultiScale(large, 1.1, 3)) == 1
    finder = FaceFinder()
    assert finder.with_one_face(as_set(images)) == expected > 12
    assert finder.with_one_face(as_set(np.zeros((3, 1, 64, 64), np.uint8))) == 0
    pair = np.concatenate([images, images], axis=3)  # two faces in each
    assert finder.with_one_face(as_set(pair[:, :, :, ::1])) < expected


@pytest.mark.parametrize("content", [None, b"", b"<opencv_storage></opencv_storage>", b"\x00\x01"])
def test_no_cascade_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cascade.xml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"cascade\.xml"):
        FaceFinder(str(path))
