"""The packed store: a folder of prepared pixels, opened in milliseconds and read through memory mapping.

- ``images.u8``: uint8 of shape (images, channels, size, size) in C order, nothing else.
- ``names.json``: the source's name of each of them, in the same order.
- ``skipped.csv``: name and reason of each image that could not be used.
- ``store.json``: format version, shape, the key and everything that went into it, SHA-256 of the pixels.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Union

import numpy as np

from gluon_wgan.errors import UserError

FORMAT_VERSION = 1
"""Raised when the files change, or the way from a decoded picture to a square does."""
PIXELS, NAMES, SKIPPED, META = "images.u8", "names.json", "skipped.csv", "store.json"

_BLOCK = 1 << 20


class Store:
    """An opened store; `open_store` makes one.

    Attributes
    ----------
    path
        Its folder.
    meta
        The contents of ``store.json``.
    images
        uint8 (images, channels, size, size), a read-only memory map.
    """

    def __init__(self, path: Path, meta: dict[str, Any], images: np.ndarray) -> None:
        self.path, self.meta, self.images = path, meta, images

    def __len__(self) -> int:
        return len(self.images)

    @property
    def content_sha256(self) -> str:
        """SHA-256 of the pixels, as recorded when the store was made."""
        return self.meta["content_sha256"]

    @cached_property
    def names(self) -> list[str]:
        """The source's name of each image."""
        return json.loads((self.path / NAMES).read_text(encoding="utf-8"))

    @cached_property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each image that was left out."""
        with (self.path / SKIPPED).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [(name, reason) for name, reason in list(csv.reader(file))[1:]]

    def verify(self) -> None:
        """Read all pixels and raise UserError unless they are those that the store was made with."""
        if file_sha256(self.path / PIXELS) != self.content_sha256:
            raise _unusable(self.path, f"{PIXELS} does not match its recorded SHA-256")


def open_store(path: Union[str, PathLike[str]]) -> Store:
    """Open a store after checking its description and the size of its pixels.

    Raises
    ------
    UserError
        If the folder holds no store, or one that is incomplete or of another format.
    """
    folder = Path(path)
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        size = (folder / PIXELS).stat().st_size
    except OSError as error:
        raise _unusable(folder, f"{os.path.basename(error.filename)}: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(folder, f"{META} is not readable as JSON") from error
    if not isinstance(meta, dict) or meta.get("format_version") != FORMAT_VERSION:
        raise _unusable(folder, f"{META} is not of format {FORMAT_VERSION}")
    shape = meta.get("shape")
    if not isinstance(shape, list) or size != prod(shape) or not size:
        raise _unusable(folder, f"{PIXELS} has {size} bytes, which is not shape {shape}")
    return Store(folder, meta, np.memmap(folder / PIXELS, np.uint8, "r", shape=tuple(shape)))


def write_descriptions(
    folder: Path, meta: dict[str, Any], names: Sequence[str], skipped: Sequence[tuple[str, str]]
) -> None:
    """Write everything beside the pixels, which are in `folder` already; ``store.json`` comes last."""
    (folder / NAMES).write_text(json.dumps(names, indent=0), encoding="utf-8")
    with (folder / SKIPPED).open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file).writerows([("name", "reason"), *skipped])
    whole = {"format_version": FORMAT_VERSION, **meta, "content_sha256": file_sha256(folder / PIXELS)}
    (folder / META).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unusable(folder: Path, reason: str) -> UserError:
    return UserError(f"{folder} is no usable image store ({reason}): delete it and prepare the images again.")
