"""Sets of images to be evaluated: some of a store's, or those that a generator has drawn."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, Union

import numpy as np
from tqdm import tqdm

from gluon_wgan.data.shards import ShardedImages
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.sampler import Sampler
from gluon_wgan.utils.progress_bars import redraw_seconds

if TYPE_CHECKING:
    from gluon_wgan.metrics.arrays import StoredImages


class ImageSet(Protocol):
    """Images that can be gone through more than once, never all in memory as numbers with a fraction.

    Attributes
    ----------
    label
        What to call them.
    """

    label: str

    def __len__(self) -> int: ...

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield uint8 (images, channels, height, width), `size` images at a time, always the same."""


class ChosenImages:
    """Some of an array of images.

    Parameters
    ----------
    images
        uint8 (all, channels, height, width), which may be mapped from a disk.
    numbers
        int (images,): which, in which order.
    label
        What to call them.
    """

    def __init__(self, images: Union[np.ndarray, ShardedImages], numbers: np.ndarray, label: str) -> None:
        self._images, self.numbers, self.label = images, numbers, label

    def __len__(self) -> int:
        return len(self.numbers)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield uint8 (images, channels, height, width), `size` images at a time."""
        for start in range(0, len(self), size):
            yield self._images.take(self.numbers[start : start + size], 0)

    def first(self, count: int) -> ChosenImages:
        """Return the first of these images."""
        return ChosenImages(self._images, self.numbers[:count], self.label)


def some_of(store: StoredImages, wanted: int, seed: int, label: str) -> ChosenImages:
    """Return `wanted` of a store's images in a random order, or all of them if there are fewer."""
    order = np.random.default_rng([seed, len(store)]).permutation(len(store))
    return ChosenImages(store.images, order[:wanted], label)


def halves(images: ChosenImages) -> tuple[ChosenImages, ChosenImages]:
    """Return two sets of equal size that have no image in common."""
    half = len(images) // 2
    return images.first(half), ChosenImages(images._images, images.numbers[half : 2 * half], images.label)


def draw(sampler: Sampler, wanted: int, *, nz: int, latent: str, seed: int, progress: bool) -> ChosenImages:
    """Draw images with a generator into a file that vanishes with them.

    Parameters
    ----------
    sampler
        The generator, and the statistics that its batch norm uses.
    wanted
        How many images.
    nz, latent
        Length and distribution of a latent.
    seed
        Of the latents.
    progress
        Whether to show a progress bar on stderr.
    """
    images: Any = None
    taken = 0
    with tqdm(desc="Drawing", total=wanted, unit=" images", disable=not progress, mininterval=redraw_seconds()) as bar:
        for batch in sampler.draw_first(draw_groups(seed, nz, latent), wanted):
            if images is None:
                images = room_for((wanted, *batch.shape[1:]))
            images[taken : taken + len(batch)] = batch
            taken += len(batch)
            bar.update(len(batch))
    return ChosenImages(images, np.arange(wanted), "generated")


def room_for(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array on the disk that vanishes with its last user."""
    size = math.prod(shape)
    try:
        with tempfile.TemporaryFile() as file:  # the mapping outlives it
            if hasattr(os, "posix_fallocate"):
                # Writing to a mapped file on a full disk would kill the process.
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "w+", shape=shape)
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"There is no room for {shape[0]:,} drawn images, {size / 1e9:.1f} GB, in {tempfile.gettempdir()} "
            f"({last_line(error)}): name a larger place in TMPDIR, or lower --num."
        ) from error


def description(store: StoredImages) -> dict[str, Any]:
    """Return what must be said of a store's images beside any metric value: JSON-able."""
    made_from = store.made_from
    return {
        "content_sha256": store.content_sha256,
        "images": len(store),
        "resize": made_from["resize"],
        "libraries": made_from["libraries"],
    }
