"""The split: nothing in both parts, everything in one, the same each time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gluon_wgan.data.store import open_store
from gluon_wgan.errors import UserError
from tools.reproduction.plan import Plan
from tools.reproduction.split import HELD_OUT, TRAIN, find_images, prepare_images, split, store_path

PLAN = Plan("tiny", 32, (2, 4, 34, 36), 16, 0, 16, {}, {})


@settings(max_examples=50, deadline=None)
@given(st.integers(16, 300), st.integers(0, 2**31 - 1), st.integers(0, 400))
def test_each_image_is_in_exactly_one_part(held_out, seed, more):
    plan = dataclasses.replace(PLAN, held_out=held_out, split_seed=seed)
    count = 2 * held_out + more
    parts = split(plan, count)
    assert set(parts) == {HELD_OUT, TRAIN} and len(parts[HELD_OUT]) == held_out
    assert sorted([*parts[HELD_OUT], *parts[TRAIN]]) == list(range(count))
    for part, numbers in parts.items():
        assert list(numbers) == sorted(numbers)
        np.testing.assert_array_equal(split(plan, count)[part], numbers)


def test_the_parts_depend_on_the_seed():
    one, other = (split(dataclasses.replace(PLAN, split_seed=seed), 200)[HELD_OUT] for seed in (0, 1))
    assert set(one) != set(other)
    # Fixed for good: a page of numbers stands on it.
    assert list(split(PLAN, 40)[HELD_OUT]) == sorted(np.random.default_rng(0).permutation(40)[:16])


@pytest.fixture
def images(tmp_path):
    """Return a function that makes a folder of so many gray images, each of a level of its own."""

    def make(count):
        folder = tmp_path / "images"
        folder.mkdir()
        for number in range(count):
            Image.new("RGB", (40, 40), (number, number, number)).save(folder / f"{number:03d}.png")
        return folder

    return make


def test_images_of_a_folder_are_prepared_apart_with_each_backend(images, tmp_path):
    source = find_images(PLAN, images(40))
    prepare_images(PLAN, source, ["cv2-area", "pil-bilinear"], tmp_path / "out")
    for resize in ("cv2-area", "pil-bilinear"):
        stores = {part: open_store(store_path(tmp_path / "out", part, resize)) for part in (TRAIN, HELD_OUT)}
        levels = {part: [int(image.max()) for image in store.images] for part, store in stores.items()}
        assert sorted(levels[TRAIN] + levels[HELD_OUT]) == list(range(40))
        assert levels[HELD_OUT] == list(split(PLAN, 40)[HELD_OUT])
        for store in stores.values():
            assert store.images.shape[1:] == (3, 32, 32)
            assert store.made_from["resize"] == resize and list(store.made_from["crop"]) == [2, 4, 34, 36]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.u8")}
    prepare_images(PLAN, source, ["cv2-area", "pil-bilinear"], tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.u8")} == before
    assert len(before) == 4


def test_too_few_images_are_refused_in_one_sentence(images):
    with pytest.raises(UserError, match="There are 31 images, but the plan tiny holds 16 out"):
        find_images(PLAN, images(31))


def test_just_enough_images_are_taken(images):
    assert len(find_images(PLAN, images(32))) == 32


def test_without_images_the_built_in_portraits_are_taken_whole(whole):
    source = find_images(whole.plan, None)
    assert len(source) == 512 and source.label == "built-in portraits"
    train, held_out = (open_store(store_path(whole.out, part, "pil-bilinear")) for part in (TRAIN, HELD_OUT))
    assert (len(train), len(held_out)) == (496, 16)
    assert whole.plan.crop is not None and train.made_from["crop"] is None
    assert len({image.tobytes() for store in (train, held_out) for image in store.images}) == 512
