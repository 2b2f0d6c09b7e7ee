"""Crop, short side and centre, against formulas written out by hand and against torchvision's source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import Box, centre_square, cut, fit, resized_shape
from gluon_wgan.data.resize import BACKENDS

PILLOW = BACKENDS["pil-bilinear"]
COORDINATES = np.stack(np.meshgrid(np.arange(250), np.arange(250), [0], indexing="ij"), axis=-1)[:, :, 0]
COORDINATES = COORDINATES.astype(np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [
        (218, 178, 64, (78, 64)),  # CelebA: 64 * 218 / 178 = 78.38
        (178, 218, 64, (64, 78)),
        (100, 100, 64, (64, 64)),
        (375, 500, 64, (64, 85)),  # 85.33
        (10, 15, 3, (3, 4)),  # 4.5 is cut off, not rounded
        (1, 7, 64, (64, 448)),
        (64, 64, 64, (64, 64)),
        (3, 2, 64, (96, 64)),
    ],
)
def test_short_side(height: int, width: int, size: int, expected: tuple[int, int]) -> None:
    assert resized_shape(height, width, size) == expected


@pytest.mark.parametrize(
    ("margin", "start"),
    [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (7, 4), (13, 6), (21, 10), (22, 11), (23, 12), (25, 12)],
)
def test_centre_starts_where_torchvision_starts(margin: int, start: int) -> None:
    rows = centre_square(COORDINATES[: 64 + margin, :64], 64)
    assert rows.shape == (64, 64, 3)
    assert rows[0, 0, 0] == start and rows[-1, 0, 0] == start + 63
    columns = centre_square(COORDINATES[:64, : 64 + margin], 64)
    assert columns[0, 0, 1] == start and columns[0, -1, 1] == start + 63


@pytest.mark.parametrize("margin", [*range(9), 13, 21, 22, 23, 25, 27])
def test_centre_crop_that_floors_is_mxnets(margin: int) -> None:
    import mxnet

    for image in (COORDINATES[: 64 + margin, :64], COORDINATES[:64, : 64 + margin]):
        theirs = mxnet.image.center_crop(mxnet.nd.array(image, dtype=np.uint8), (64, 64))[0].asnumpy()
        np.testing.assert_array_equal(centre_square(image, 64, "floor"), theirs)
    differs = centre_square(COORDINATES[: 64 + margin, :64], 64)[0, 0, 0] != margin // 2
    assert differs == (margin % 4 == 3)  # where half a pixel is rounded up to the even one


def test_fit_as_the_2018_port(rng: np.random.Generator) -> None:
    import mxnet
    from mxnet.gluon.data.vision import transforms

    image = rng.integers(0, 256, (218, 160, 3), dtype=np.uint8)  # resized to 87 x 64, a margin of 23
    theirs = transforms.CenterCrop(64)(
        transforms.Resize(64, keep_ratio=True, interpolation=3)(mxnet.nd.array(image, dtype=np.uint8))
    )
    ours = fit(Image.fromarray(image), 64, None, BACKENDS["mxnet-area"], "floor")
    np.testing.assert_array_equal(ours, theirs.asnumpy())


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 300))
def test_resize_and_centre_as_in_torchvision(height: int, width: int, size: int) -> None:
    # torchvision.transforms.functional: _compute_resized_image_output_size and center_crop
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = size, int(size * long / short)
    new_w, new_h = (new_short, new_long) if width <= height else (new_long, new_short)
    assert resized_shape(height, width, size) == (new_h, new_w)
    assert min(new_h, new_w) == size
    if new_h * new_w < 4_000_000:
        flat = np.arange(new_h * new_w, dtype=np.int32).reshape(new_h, new_w, 1)
        square = centre_square(flat, size)
        crop_top, crop_left = round((new_h - size) / 2.0), round((new_w - size) / 2.0)
        assert square.shape == (size, size, 1)
        assert divmod(int(square[0, 0, 0]), new_w) == (crop_top, crop_left)


def test_fit_is_pillow_step_by_step(rng: np.random.Generator) -> None:
    image = Image.fromarray(rng.integers(0, 256, (218, 178, 3), dtype=np.uint8))
    expected = image.crop((10, 20, 170, 215)).resize((64, 78), Image.Resampling.BILINEAR).crop((0, 7, 64, 71))
    np.testing.assert_array_equal(fit(image, 64, (10, 20, 170, 215), PILLOW), np.asarray(expected))
    assert fit(image.convert("L"), 32, None, BACKENDS["cv2-area"]).shape == (32, 32, 1)


def test_crop_box_is_left_top_right_bottom() -> None:
    box = np.asarray(cut(Image.fromarray(COORDINATES[:40, :60]), (5, 7, 25, 37)))
    assert box.shape == (30, 20, 3)
    assert box[0, 0].tolist() == [7, 5, 0]
    assert box[-1, -1].tolist() == [36, 24, 0]


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 61, 5), (0, 0, 5, 41), (70, 0, 80, 5)])
def test_box_outside_is_a_bad_image(box: Box) -> None:
    with pytest.raises(BadImage, match="60x40"):
        fit(Image.new("RGB", (60, 40)), 8, box, PILLOW)
    assert fit(Image.new("RGB", (60, 40)), 8, (0, 0, 60, 40), PILLOW).shape == (8, 8, 3)


def test_hopelessly_elongated_is_a_bad_image() -> None:
    with pytest.raises(BadImage, match="elongated"):
        fit(Image.new("L", (60000, 1)), 64, None, PILLOW)
