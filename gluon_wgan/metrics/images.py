"""Sets of images to be judged: of a store, of a folder, or drawn by a generator as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from gluon_wgan.data.store import Store


class ImageSet(Protocol):
    """Images that can be gone through more than once, never all in memory.

    Attributes
    ----------
    label
        What to call them.
    protocol
        What they are and how they were made, JSON-able.
    """

    label: str
    protocol: dict[str, Any]

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield uint8 (images, channels, height, width), `size` images at a time, always the same."""


class StoreImages:
    """Some images of a store.

    Parameters
    ----------
    store
        The store.
    numbers
        int (images,): which; their order is the order of the images.
    label
        What to call them.
    """

    def __init__(self, store: Store, numbers: np.ndarray, label: str) -> None:
        self._images, self._numbers, self.label = store.images, numbers, label
        made_from = store.made_from
        self.protocol: dict[str, Any] = {
            "content_sha256": store.content_sha256,
            "images": len(numbers),
            "of": len(store),
            "resize": made_from["resize"],
            "libraries": made_from["libraries"],
        }

    def __len__(self) -> int:
        return len(self._numbers)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield uint8 (images, channels, height, width), `size` images at a time."""
        for start in range(0, len(self), size):
            yield self._images.take(self._numbers[start : start + size], 0)


def drawn(count: int, wanted: int, seed: int) -> np.ndarray:
    """Return the numbers of `wanted` of `count` images in a random order, without repetition."""
    return np.random.default_rng([seed, count]).permutation(count)[:wanted]


def halves(store: Store, wanted: int, seed: int) -> tuple[StoreImages, StoreImages]:
    """Return two sets of a store's images that have none in common, of up to `wanted` images each."""
    each = min(wanted, len(store) // 2)
    numbers = drawn(len(store), 2 * each, seed)
    return StoreImages(store, numbers[:each], "real, one half"), StoreImages(store, numbers[each:], "real, other half")
