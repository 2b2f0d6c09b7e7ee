"""A store as a Gluon data set, read by Gluon's own loader."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mxnet import gluon
from mxnet.gluon.data.vision import transforms

import gluon_wgan
from gluon_wgan.data.sources import FolderSource
from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError


@pytest.fixture
def store(tmp_path: Path, write_images: Callable[..., Path], prepare_small: Callable[..., Store]) -> Store:
    return prepare_small(FolderSource(write_images(tmp_path / "in", "a.png", "b.png", "c.png")))


def test_it_is_a_data_set_of_images(store: Store) -> None:
    images = gluon_wgan.PixelStore(store.path)
    assert isinstance(images, gluon.data.Dataset)
    raw = np.fromfile(store.path / "pixels-00000.u8", np.uint8).reshape(3, 3, 8, 8)
    assert len(images) == 3 and list(images.names) == ["a.png", "b.png", "c.png"]
    assert images[1].shape == (8, 8, 3) and images[1].dtype == np.uint8
    for index in (0, 1, 2, -1):
        np.testing.assert_array_equal(images[index].asnumpy().transpose(2, 0, 1), raw[index])
    with pytest.raises(IndexError):
        images[3]
    assert [image.shape for image in images] == [(8, 8, 3)] * 3


@pytest.mark.parametrize("workers", [0, 1])
def test_gluons_loader_and_transforms_take_it(store: Store, workers: int) -> None:
    images = gluon_wgan.PixelStore(store.path).transform(transforms.ToTensor())
    loader = gluon.data.DataLoader(images, batch_size=2, num_workers=workers, thread_pool=workers > 0)
    batches = [batch.asnumpy() for batch in loader]
    assert [len(batch) for batch in batches] == [2, 1]
    np.testing.assert_allclose(np.concatenate(batches), np.asarray(store.images) / 255, atol=1e-6)


def test_pickling_sends_the_path_alone(store: Store) -> None:
    pickled = pickle.dumps(gluon_wgan.PixelStore(store.path))
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    np.testing.assert_array_equal(again.images, store.images)


def test_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        gluon_wgan.PixelStore(tmp_path / "missing")
