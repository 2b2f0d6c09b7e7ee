"""Images in several files are one array to whoever takes them out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_wgan.data.store import ShardedImages


def sharded(folder: Path, whole: np.ndarray, each: int) -> ShardedImages:
    paths = []
    for number, start in enumerate(range(0, len(whole), each)):
        paths.append(folder / f"{each}-{number}")
        paths[-1].write_bytes(whole[start : start + each].tobytes())
    return ShardedImages(paths, len(whole), each, whole.shape[1:])


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (23, 3, 4, 4), dtype=np.uint8)


@settings(deadline=None)
@given(st.data(), st.integers(1, 24))
def test_as_an_array(
    tmp_path_factory: pytest.TempPathFactory, whole: np.ndarray, data: st.DataObject, each: int
) -> None:
    images = sharded(tmp_path_factory.mktemp("shards"), whole, each)
    assert (len(images), images.shape, images.dtype, images.ndim) == (23, whole.shape, whole.dtype, 4)
    numbers = data.draw(st.lists(st.integers(0, 22), max_size=30))
    np.testing.assert_array_equal(images.take(np.array(numbers, np.int32), 0), whole.take(np.array(numbers, int), 0))
    key = data.draw(st.slices(23) | st.integers(-23, 22))
    np.testing.assert_array_equal(images[key], whole[key])
    np.testing.assert_array_equal(images[np.arange(23) % 2 == 0], whole[::2])
    np.testing.assert_array_equal(np.asarray(images), whole)


def test_out_of_range(tmp_path: Path, whole: np.ndarray) -> None:
    images = sharded(tmp_path, whole, 5)
    for number in (23, -24):
        with pytest.raises(IndexError):
            images[number]
        with pytest.raises(IndexError):
            images.take([number])


def test_a_plain_memory_map_when_there_is_one_file(tmp_path: Path, whole: np.ndarray) -> None:
    joined = sharded(tmp_path, whole, 23).joined()
    assert isinstance(joined, np.ndarray) and not joined.flags.writeable
    assert isinstance(sharded(tmp_path, whole, 22).joined(), ShardedImages)


def test_what_is_taken_is_the_callers_own(tmp_path: Path, whole: np.ndarray) -> None:
    images = sharded(tmp_path, whole, 5)
    taken = images.take([3, 7])
    taken[:] = 0
    np.testing.assert_array_equal(images[3], whole[3])


@pytest.mark.parametrize(("paths", "count", "each"), [(2, 5, 5), (1, 6, 5), (0, 0, 5), (1, 5, 0)])
def test_a_number_of_files_that_cannot_be(paths: int, count: int, each: int) -> None:
    with pytest.raises(ValueError):
        ShardedImages([Path("x")] * paths, count, each, (3, 4, 4))
