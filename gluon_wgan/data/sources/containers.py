"""What sources that read from containers have in common: members that are taken or not, an index, bare pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Optional

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import BadImage, to_channels
from gluon_wgan.data.file_formats import is_meant_as_image
from gluon_wgan.data.sources.base import AnyPath, EncodedSource, Source
from gluon_wgan.data.sources.left_out import LeftOut, is_system_folder
from gluon_wgan.data.sources.member_index import DATA, Fill, index_of
from gluon_wgan.errors import UserError

# Why a member is bad, as recorded in an index; 0 is a good one. Nothing is ever written under a member's
# name, but a name that leaves its archive was made to deceive.
GOOD, OUTSIDE, LINK, SPARSE, ENCRYPTED, METHOD, EXPANDS, LARGE, ABSENT = range(9)
REASONS = (
    "",
    "its path leaves the archive",
    "a link, which is not followed",
    "a sparse file, whose holes are not filled",
    "encrypted",
    "compressed by a method other than deflate",
    "expands more than a hundredfold, as no image does",
    "larger than 512 MiB",
    "only the name of an image, without its bytes",
)
LISTED = {"rules": 2}
"""Raised when `is_image` changes, so that archives are listed again."""
# Formats without compression, such as BMP, do shrink a lot; but then they are small.
_MAX_EXPANSION, _ALWAYS_FINE = 100, 1 << 20
_MAX_ENCODED = 512 << 20


def is_image(name: str, read_head: Callable[[], bytes], left_out: LeftOut) -> bool:
    """Tell whether a member is meant to be an image, by its name or its first bytes, and count it if it is not.

    Hidden ones are not, nor those in folders that a system writes for itself, as macOS does.
    """
    *folders, last = name.replace("\\", "/").split("/")
    for folder in folders:
        if folder not in ("", ".", "..") and is_system_folder(folder):
            left_out.files[f"{folder}/*"] += 1
            return False
    if last[:1] != "." and is_meant_as_image(name, read_head):
        return True
    left_out.count_file(last)
    return False


def leaves(name: str) -> bool:
    """Tell whether a member's name leads out of the archive."""
    return name.startswith(("/", "\\")) or name[1:2] == ":" or ".." in name.replace("\\", "/").split("/")


def reason_of_size(packed: int, unpacked: int) -> int:
    """Return GOOD, or why `packed` bytes that become `unpacked` are a trap rather than an image."""
    if max(packed, unpacked) > _MAX_ENCODED:
        return LARGE
    return EXPANDS if unpacked > max(_ALWAYS_FINE, _MAX_EXPANSION * packed) else GOOD


def refuse(reason: int) -> None:
    """Raise BadImage unless `reason` is GOOD."""
    if reason != GOOD:
        raise BadImage(REASONS[reason])


def file_facts(path: AnyPath) -> dict[str, Any]:
    """Return what changes when a file does: its size in bytes, and when it was written, in nanoseconds."""
    found = os.stat(path)
    return {"bytes": found.st_size, "mtime_ns": found.st_mtime_ns}


def read_span(path: str, offset: int, count: int) -> bytes:
    """Return `count` bytes of a file from `offset` on, or raise BadImage if it no longer has them.

    The file is opened for each read, so that thousands of shards do not use up the descriptors of a process.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.pread(file, count, offset)
        finally:
            os.close(file)
    except OSError as error:
        raise BadImage(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if len(content) != count:
        raise BadImage(f"{path} ends before byte {offset + count}")
    return content


class IndexedSource(EncodedSource):
    """Encoded images that an index lists.

    Attributes
    ----------
    kind
        What the identity and, unless `index_kind` says otherwise, the index are called by.
    columns
        How many numbers the index holds for each image; `encoded` takes them for offset, size and reason.
    rules
        What the index depends on besides the container.

    Parameters
    ----------
    path, cache_dir, fill, options
        As for `index_of`.
    label, max_pixels
        As for `Source`.
    nothing
        What to say of the container if it lists no image.
    facts
        What changes when the container does; None for those of the file alone.
    unpacked
        Whether the bytes are in the index and not in the container.
    """

    kind: ClassVar[str]
    index_kind: ClassVar[str] = ""
    columns: ClassVar[int] = 3
    rules: ClassVar[dict[str, int]] = {}

    def __init__(
        self,
        path: Path,
        cache_dir: AnyPath,
        fill: Fill,
        label: str,
        max_pixels: Optional[int],
        nothing: str,
        *,
        facts: Optional[dict[str, Any]] = None,
        unpacked: bool = False,
        **options: Any,
    ) -> None:
        self.facts = file_facts(path) if facts is None else facts
        kind = self.index_kind or self.kind
        self.index = index_of(Path(cache_dir), path, kind, {**self.facts, **self.rules}, self.columns, fill, **options)
        if not self.index.count:
            raise UserError(f"{path} holds {nothing}.")
        self.path = os.fspath(self.index.folder / DATA if unpacked else path.resolve())
        super().__init__(self.index.names, label, max_pixels)
        self.left_out = self.index.left_out

    def identity(self) -> dict[str, Any]:
        """Return the container's size and time, the number of its images, and a digest of their list."""
        made = {"images": len(self), **self.facts, "list_sha256": self.index.sha256}
        return {"kind": self.kind, **made, **self.limits()}

    def encoded(self, index: int) -> bytes:
        """See `EncodedSource`."""
        offset, size, reason = self.index.numbers(index)
        refuse(reason)
        return read_span(self.path, offset, size)


class PixelSource(Source):
    """Bare pixels, image behind image in one file.

    Parameters
    ----------
    names, label, max_pixels
        See `Source`.
    offset
        Where the first image begins in the file, in bytes.
    shape
        Channels, height and width; channel by channel.
    """

    def __init__(
        self,
        names: Sequence[str],
        label: str,
        path: Path,
        offset: int,
        shape: tuple[int, int, int],
        max_pixels: Optional[int],
    ) -> None:
        super().__init__(names, label, max_pixels)
        self.path, self.offset, self.shape = os.fspath(path), offset, shape

    def open(self, index: int, nc: int) -> Image.Image:
        """See `Source`."""
        _, height, width = self.shape
        if self.max_pixels is not None and height * width > self.max_pixels:
            raise BadImage(f"{width}x{height} pixels, more than the limit of {self.max_pixels}")
        size = prod(self.shape)
        planes = np.frombuffer(read_span(self.path, self.offset + index * size, size), np.uint8).reshape(self.shape)
        return to_channels(Image.fromarray(planes[0] if len(planes) == 1 else np.dstack([*planes])), nc)
