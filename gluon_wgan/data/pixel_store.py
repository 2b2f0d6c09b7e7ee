"""Prepared images as a Gluon data set."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from mxnet import nd
from mxnet.gluon.data import Dataset

from gluon_wgan.data.store import open_store


class PixelStore(Dataset):
    """The images of a store that ``gluon-wgan prepare`` or a run made, for ``gluon.data.DataLoader``.

    ``len(store)`` images; ``store[i]`` is a uint8 NDArray (height, width, channels), as Gluon's own image data sets
    and transforms have it, so that ``store.transform(transforms.ToTensor())`` works.

    Parameters
    ----------
    path
        The store's folder; its pixels stay on the disk until they are read.

    Attributes
    ----------
    images
        uint8 (images, channels, size, size), read-only and mapped from the disk.
    names
        The source's name of each image.

    Raises
    ------
    UserError
        If the folder holds no store, or one that is incomplete or of another format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        store = open_store(path)
        self.path, self.images, self.names = store.path, store.images, store.names

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> nd.NDArray:
        # Through range, as the memory map alone would take a slice too.
        image = np.asarray(self.images[range(len(self))[index]])
        return nd.array(image.transpose(1, 2, 0), dtype=np.uint8)

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process opens the files itself; the pixels do not travel.
        return PixelStore, (self.path,)
