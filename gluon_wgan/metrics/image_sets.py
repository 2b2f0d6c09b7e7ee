"""Sets of images to be evaluated: some of a store's, arrays, image files at their own size, or drawn by a generator."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Union

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.resize import library_versions
from gluon_wgan.data.sources import Source
from gluon_wgan.data.sources.composed import sample
from gluon_wgan.data.store import ShardedImages, Store
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.utils.numpy_files import read_arrays
from gluon_wgan.utils.progress_bars import progress_bar

if TYPE_CHECKING:  # it loads MXNet, which metrics of images that are there can do without
    from gluon_wgan.generators.sampler import Sampler


class ImageSet(Protocol):
    """Images that can be gone through more than once, never all in memory as numbers with a fraction."""

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


def draw(sampler: Sampler, latents: Iterator[np.ndarray], wanted: int, progress: bool) -> ChosenImages:
    """Draw images with a generator into a file that vanishes with them."""
    images: Any = None
    taken = 0
    with progress_bar("Drawing", wanted, shown=progress) as bar:
        for batch in sampler.draw_first(latents, wanted):
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


ARRAY_SUFFIXES = (".npy", ".npz")
_USUAL_NAMES = ("arr_0", "samples", "images", "x")


@dataclass(frozen=True)
class ImageArray:
    """Images that are not in a store.

    Attributes
    ----------
    images
        uint8 (images, channels, height, width).
    made_from
        How they were prepared, as a store says it.
    """

    path: Path
    images: np.ndarray
    made_from: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def content_sha256(self) -> str:
        """SHA-256 of the pixels."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


StoredImages = Union[Store, ImageArray]


def read_array(path: Path) -> ImageArray:
    """Read samples from a ``.npy`` or ``.npz`` file.

    Of several arrays in an ``.npz``, the one called ``arr_0``, ``samples``, ``images`` or ``x`` is taken, or the
    only one that can be images. Axes are (images, height, width, channels), (images, channels, height, width) or
    (images, height, width). Values are uint8, or floats from 0 to 1 or from -1 to 1. Raises UserError if the file is
    missing or damaged, or holds no such array.
    """
    try:
        arrays = read_arrays(path)
    except ValueError as error:
        raise UserError(f"Cannot read the array {path} ({error}): check the file.") from error
    images = {name: array for name, array in arrays.items() if _axes(array) is not None}
    names = [name for name in _USUAL_NAMES if name in images] or list(images)
    if len(names) != 1 and not set(names) & set(_USUAL_NAMES):
        shapes = ", ".join(f"{name or 'an array'} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise UserError(
            f"{path} holds {shapes}: give one array of images with the axes (images, height, width, channels)."
        )
    return image_array(images[names[0]], path)


def image_array(array: np.ndarray, path: Union[str, Path]) -> ImageArray:
    """Return an array as images; its axes and values may be those that `read_array` names.

    Raises UserError if they are others.
    """
    axes = _axes(array)
    if axes is None:
        raise UserError(
            f"{path} has the shape {array.shape}: give one array of images with the axes (images, height, width, "
            "channels)."
        )
    shaped = array[..., np.newaxis] if array.ndim == 3 else array
    return ImageArray(Path(path), _as_bytes(shaped, path).transpose(axes), {"resize": "none", "libraries": {}})


def _axes(array: np.ndarray) -> Any:
    """Return the order that makes (images, channels, height, width) of an array's axes, or None for other arrays."""
    if array.dtype.kind not in "uif" or not array.size:
        return None
    if array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3)):
        return 0, 3, 1, 2
    return (0, 1, 2, 3) if array.ndim == 4 and array.shape[1] in (1, 3) else None


def _as_bytes(array: np.ndarray, path: Union[str, Path]) -> np.ndarray:
    """Return levels from 0 to 255, rounded."""
    if array.dtype == np.uint8:
        return array
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind != "f":
        scaled, known = array, low >= 0 and high <= 255
    elif low >= 0:
        scaled, known = array * np.float32(255), high <= 1
    else:
        scaled, known = (array + 1) * np.float32(127.5), low >= -1 and high <= 1
    if not known:  # NaN, too
        raise UserError(
            f"{path} holds values from {low:g} to {high:g}: save the images as uint8 from 0 to 255, or as floats from "
            "0 to 1 or from -1 to 1."
        )
    return np.rint(scaled).astype(np.uint8)


def decoded_images(source: Source, path: Path, wanted: int, seed: int) -> ImageArray:
    """Decode `wanted` of a source's images, or all if there are fewer, at their own size, into a file that vanishes.

    Raises UserError if one cannot be read or has another size than the first.
    """
    some = sample(source, wanted, seed)
    images = None
    for number in range(len(some)):
        try:
            pixels = some.read(number, 3).transpose(2, 0, 1)
        except BadImage as error:
            raise UserError(f"{some.names[number]} in {path} cannot be used ({error}): fix or remove it.") from error
        if images is None:
            images = room_for((len(some), *pixels.shape))
        if pixels.shape != images.shape[1:]:
            raise UserError(
                f"{some.names[number]} in {path} has {pixels.shape[2]}x{pixels.shape[1]} pixels and others have "
                f"{images.shape[3]}x{images.shape[2]}: bring them to one size with python tools/prepare_data.py {path} "
                "--out STORE, and give STORE."
            )
        images[number] = pixels
    assert images is not None
    return ImageArray(path, images, {"resize": "none", "libraries": library_versions("pil-bilinear")})
