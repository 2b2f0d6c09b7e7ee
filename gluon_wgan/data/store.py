"""The packed store: a folder of prepared pixels, opened in milliseconds and read through memory mapping.

- ``pixels-00000.u8`` and so on: uint8, images of shape (channels, size, size) in C order, one behind
  the other and nothing else. Every shard but the last holds the same number of images.
- ``names.bin``: the source's name of each of them, one behind the other, as file names are encoded.
- ``names.i64``: where each name ends in it, in bytes: int64, little-endian.
- ``skipped.csv``: name and reason of each image that could not be used; then what stood beside the images.
- ``store.json``: format version, shape, the key and everything that went into it, SHA-256 of every shard, of the
  names, and of all pixels (the shards one behind the other).
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Sequence
from functools import cached_property
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from gluon_wgan.data.sources.packed_names import unpacked_names
from gluon_wgan.errors import UserError
from gluon_wgan.utils.atomic_files import sha256_of
from gluon_wgan.utils.progress_bars import progress_bar
from gluon_wgan.utils.text import name_in_csv
from gluon_wgan.utils.untrusted import read_csv, read_json_object

FORMAT_VERSION = 2
"""Raised when the files change, or the conversion from a decoded image to a square does."""
NAMES, NAME_ENDS, SKIPPED, META = "names.bin", "names.i64", "skipped.csv", "store.json"
WARNING = "resize_warning"
LEFT_OUT = "left_out"
"""In ``store.json``: names, and why, of what was left out of the source without being looked at."""
PART = "part"
"""In what a store was made from: which part of the images it holds, as in ``3/8``; a whole store has no such entry."""
DARK = "dark_images"
"""In ``store.json``: how many 16-bit images leave the upper bits unused, their largest value, and the first's name."""


class ShardedImages:
    """Read-only images in files that are mapped when they are first used.

    Behaves like a uint8 array of shape (images, channels, size, size), as far as images are taken out of it.

    Parameters
    ----------
    count
        How many images there are in all, 1 or more.
    each
        How many each file holds, but for the last, which may hold fewer.
    row
        Shape of one image: (channels, size, size).

    Raises
    ------
    ValueError
        If so many images make another number of files.
    """

    def __init__(self, paths: Sequence[Path], count: int, each: int, row: Sequence[int]) -> None:
        if count < 1 or each < 1 or len(paths) != -(-count // each):
            raise ValueError(f"{count} images in {len(paths)} shards of {each}")
        self.shape = (count, *row)
        self.dtype, self.ndim = np.dtype(np.uint8), len(self.shape)
        self._paths, self._each = list(paths), each
        self._maps: list[Optional[np.ndarray]] = [None] * len(paths)

    def __len__(self) -> int:
        return self.shape[0]

    def joined(self) -> Union[np.ndarray, ShardedImages]:
        """Return the plain memory map if there is only one file, and else these images."""
        return self.shard(0) if len(self._paths) == 1 else self

    def shard(self, number: int) -> np.ndarray:
        """Return the images of one file."""
        found = self._maps[number]
        if found is None:
            shape = (min(self._each, len(self) - number * self._each), *self.shape[1:])
            mapped = _mapped(self._paths[number], shuffled=True)
            found = self._maps[number] = np.frombuffer(mapped, np.uint8).reshape(shape)
        return found

    def take(self, numbers: Any, axis: int = 0) -> np.ndarray:
        """Return copies of the images with these numbers, as `numpy.ndarray.take` does along axis 0."""
        assert axis == 0
        wanted = np.asarray(numbers)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"one of the numbers {wanted.min()} to {wanted.max()} is none of {len(self)} images'")
        shards, places = np.divmod(wanted, self._each)
        taken = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        for number in np.unique(shards):
            here = np.flatnonzero(shards == number)
            taken[here] = self.shard(int(number)).take(places[here], 0)
        return taken

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, (int, np.integer)):
            shard, place = divmod(range(len(self))[key], self._each)
            return self.shard(shard)[place]
        if isinstance(key, slice):
            return self.take(np.arange(*key.indices(len(self))))
        return self.take(np.arange(len(self))[key])

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        whole = np.concatenate([self.shard(number) for number in range(len(self._paths))])
        return whole if dtype is None else whole.astype(dtype)


class Store:
    """An opened store; `open_store` makes one.

    Attributes
    ----------
    images
        uint8 (images, channels, size, size), read-only and mapped from the disk.
    left_out
        What stands beside the images and was left out without being looked at, and why.
    """

    def __init__(self, path: Path, meta: dict[str, Any], images: Union[np.ndarray, ShardedImages]) -> None:
        self.path, self.meta, self.images = path, meta, images
        self.left_out: list[tuple[str, str]] = [(name, why) for name, why in meta.get(LEFT_OUT, [])]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def content_sha256(self) -> str:
        """SHA-256 of the pixels, as recorded when the store was made; the number of shards does not change it."""
        return self.meta["content_sha256"]

    @property
    def made_from(self) -> dict[str, Any]:
        """Everything that decided the pixels; see `gluon_wgan.data.preprocessing_spec.store_spec`."""
        return self.meta["made_from"]

    @property
    def resize_warning(self) -> Optional[str]:
        """What was warned of the resize backend on these images when the store was made, if anything."""
        warning = self.meta.get(WARNING)
        return warning if isinstance(warning, str) else None

    @property
    def dark_warning(self) -> Optional[str]:
        """What there is to warn of images whose 16-bit values leave the upper bits unused, if there are any."""
        dark = self.meta.get(DARK)
        if not dark:
            return None
        others = f" and {dark['images'] - 1:,} more images" if dark["images"] > 1 else ""
        has, become, their, are = (
            ("have", "they become", "their", "they are") if others else ("has", "it becomes", "its", "it is")
        )
        bits = max(8, dark["peak"].bit_length())
        return (
            f"{dark['first']}{others} {has} no 16-bit value above {dark['peak']}, so {become} nearly black: if {their} "
            f"values have {bits} bits, add --bit-depth {bits}; if {are} meant to be dark, --bit-depth 16."
        )

    @cached_property
    def names(self) -> Sequence[str]:
        """The source's name of each image."""
        return unpacked_names(_mapped(self.path / NAMES), _mapped(self.path / NAME_ENDS).cast("q"))

    @cached_property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each image that could not be used."""
        found: list[tuple[str, str]] = []
        try:
            for line, cells in read_csv(self.path / SKIPPED, errors="surrogateescape"):
                if len(cells) != 2:
                    raise ValueError(f"line {line} has {len(cells)} cells, not 2")
                found.append((name_in_csv(cells[0]), name_in_csv(cells[1])))
        except (OSError, ValueError) as error:
            raise _unusable(self.path, f"{SKIPPED}: {error}") from None
        return found[1 : len(found) - len(self.meta.get(LEFT_OUT, []))]

    def verify(self, *, progress: bool = False) -> None:
        """Read everything, and raise UserError naming the first file that is not as it was made."""
        files = recorded_files(self.meta)
        total = sum(size for _, size, _ in files)
        with progress_bar("Verifying", total, shown=progress, unit="B", unit_scale=True) as bar:
            for name, size, sha256 in files:
                if sha256_of(self.path / name) != sha256:
                    raise _unusable(self.path, f"{name} does not match its recorded SHA-256")
                bar.update(size)


def shard_name(number: int) -> str:
    """Return the file name of a shard, numbered from 0."""
    return f"pixels-{number:05d}.u8"


def open_store(path: Union[str, PathLike[str]], *, part: bool = False) -> Store:
    """Open a store after checking its description and the size of every file; no pixel is read.

    Parameters
    ----------
    part
        Whether it may be a part, which has no images if all of them are broken.

    Raises
    ------
    UserError
        If the folder holds no store, or one that is incomplete or of another format, or a part of one.
    """
    folder = Path(path)
    if not folder.exists():
        raise UserError(f"{folder} does not exist: check the path, or make a store there with tools/prepare_data.py.")
    try:
        meta = read_json_object(folder / META)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{folder} is no image store (it has no {META}): name a folder that tools/prepare_data.py has made."
        ) from None
    except OSError as error:
        raise _unusable(folder, f"{META}: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(folder, f"{META} is not readable as JSON: {error}") from error
    version = meta.get("format_version")
    if version != FORMAT_VERSION:
        raise _unusable(folder, f"{META} says format {version!r}, and this version reads format {FORMAT_VERSION}")
    try:
        files, (count, *row), each = recorded_files(meta), meta["shape"], meta["images_per_shard"]
        if not all(type(number) is int and number >= 0 for number in (count, *row, each)):
            raise ValueError("a length is no whole number")
        images: Union[np.ndarray, ShardedImages] = np.empty((0, *row), np.uint8)
        if count or meta["shards"] or PART not in meta["made_from"]:  # all images of a part may be broken
            paths = [folder / name for name, _, _ in files[: len(meta["shards"])]]
            images = ShardedImages(paths, count, each, row)
        whole = isinstance(meta["content_sha256"], str) and isinstance(meta["made_from"], dict) and len(row) == 3
        whole &= all(isinstance(name + why, str) for name, why in meta.get(LEFT_OUT, []))
        if DARK in meta:
            whole &= all(type(meta[DARK][name]) is int for name in ("images", "peak")) and "first" in meta[DARK]
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise _unusable(folder, f"{META} lacks what describes the files") from error
    if not whole:
        raise _unusable(folder, f"{META} lacks what describes the images")
    for name, size, _ in files:
        found = _size(folder / name)
        if found != size:
            raise _unusable(folder, f"{name} is missing" if found is None else f"{name} has {found} bytes, not {size}")
    if PART in meta["made_from"] and not part:
        raise UserError(
            f"{folder} is part {meta['made_from'][PART]} of a store: join all parts with tools/prepare_data.py --join."
        )
    return Store(folder, meta, images.joined() if isinstance(images, ShardedImages) else images)


def recorded_files(meta: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Return name, size in bytes and SHA-256 of every file that ``store.json`` vouches for."""
    count, *row = meta["shape"]
    each, row_bytes = meta["images_per_shard"], prod(row)
    shards = [
        (shard_name(number), min(each, count - number * each) * row_bytes, sha256)
        for number, sha256 in enumerate(meta["shards"])
    ]
    return shards + [(name, entry["size"], entry["sha256"]) for name, entry in meta["files"].items()]


def _mapped(path: Path, *, shuffled: bool = False) -> memoryview:
    """Return the bytes of a file, read-only; say whether they will be read in no order."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if shuffled and hasattr(mapped, "madvise"):
        # Reading ahead fetches the neighbours of a shuffled image, which are not next: 1,300 images of 12 kB a
        # second from a disk, instead of 7,400.
        mapped.madvise(mmap.MADV_RANDOM)
    return memoryview(mapped)


def _size(path: Path) -> Optional[int]:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None  # opening a pipe would wait indefinitely


def _unusable(folder: Path, reason: str) -> UserError:
    return UserError(f"{folder} is no usable image store ({reason}): prepare the images again.")
