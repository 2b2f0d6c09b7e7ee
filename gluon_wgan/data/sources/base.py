"""What a source is, and what all sources of encoded images have in common."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import open_image, pixels_of
from gluon_wgan.data.sources.left_out import LeftOut
from gluon_wgan.errors import UserError, remedy

AnyPath = Union[str, PathLike[str]]


class Source(ABC):
    """Named images that can be read by number. Sources are pickled to worker processes.

    Attributes
    ----------
    names
        What each image is called, for people to find it.
    label
        A short name for people; it is no part of the identity.
    max_pixels
        Images of more pixels are bad, before they are decoded; None leaves Pillow's own limit.
    bit_depth
        How many bits the values of 16-bit images have; None for what their files declare.
    parts
        The sources that it is a mixture or a subset of.
    left_out
        What stands beside the images.
    """

    bit_depth: Optional[int] = None
    parts: Sequence[Source] = ()

    def __init__(self, names: Sequence[str], label: str, max_pixels: Optional[int] = None) -> None:
        self.names, self.label, self.max_pixels, self.left_out = names, label, max_pixels, LeftOut()

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.names)

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return JSON-able facts that differ whenever any pixel might."""

    @abstractmethod
    def open(self, index: int, nc: int) -> Image.Image:
        """Return image number `index` in mode RGB (`nc` 3) or L (`nc` 1), or raise BadImage."""

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return image number `index` as uint8 (height, width, nc), or raise BadImage."""
        return pixels_of(self.open(index, nc))

    def limits(self) -> dict[str, int]:
        """Return what of the identity comes from limits that the user has set."""
        return {} if self.max_pixels is None else {"max_pixels": self.max_pixels}


class EncodedSource(Source):
    """Images that are stored encoded, as JPEG or the like."""

    @abstractmethod
    def encoded(self, index: int) -> Union[str, bytes]:
        """Return the path or the bytes of image number `index`, or raise BadImage."""

    def open(self, index: int, nc: int) -> Image.Image:
        """See `Source`."""
        return open_image(self.encoded(index), nc, self.max_pixels, bit_depth=self.bit_depth, name=self.names[index])


def all_parts(source: Source) -> Iterator[Source]:
    """Yield a source and, one within the other, the sources that it is a mixture or a subset of."""
    yield source
    for part in source.parts:
        yield from all_parts(part)


def set_bit_depth(source: Source, bits: Optional[int]) -> None:
    """Say how many bits the values of a source's 16-bit images have; None for what their files declare."""
    for part in all_parts(source):
        part.bit_depth = bits


def left_out_rows(source: Source) -> list[tuple[str, str]]:
    """Return what was left out of a source, and why; see `LeftOut.rows`."""
    return [row for part in all_parts(source) for row in part.left_out.rows()]


def existing(path: AnyPath) -> Path:
    """Return a path, or raise UserError if nothing is there, or it cannot be reached or entered."""
    found = Path(path)
    try:
        if not found.exists():
            raise UserError(f"{found} does not exist: check the path.")
        if found.is_dir():
            os.stat(f"{found}/.")  # as for any file in it
    except OSError as error:
        raise unreadable(found, error) from error
    return found


def existing_file(path: AnyPath, what: str) -> Path:
    """Return the path of a plain file, or raise UserError; `what` names the kind, as in "a ZIP archive"."""
    found = existing(path)
    if found.is_dir():
        raise UserError(f"{found} is a folder, not {what}: give the file itself.")
    if not found.is_file():
        raise UserError(f"{found} is no plain file: give {what}.")
    first_bytes(found)
    return found


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a folder, or a link to one that can be followed."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder that cannot be entered
        return False


def first_bytes(path: Path, count: int = 1) -> bytes:
    """Return how a file begins, or raise UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: AnyPath, error: OSError) -> UserError:
    """Return the sentence for what the system does not let us read."""
    return UserError(f"Cannot read {os.fspath(path)} ({error.strerror or error}): {remedy(error, 'name another')}.")


def damaged(path: AnyPath, offset: int, what: str) -> UserError:
    """Return the sentence for a file that cannot be what it claims, `offset` bytes from its beginning."""
    return UserError(f"{os.fspath(path)} is damaged at byte {offset} ({what}): fetch it or make it again.")
