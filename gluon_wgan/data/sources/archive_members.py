"""What is taken from an archive, and what is not, whatever the archive's format."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.image_formats import IMAGE_SUFFIXES, looks_like_image
from gluon_wgan.data.sources.base import AnyPath
from gluon_wgan.data.sources.left_out import LeftOut, is_system_folder

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
_MOST_EXPANSION, _ALWAYS_FINE = 100, 1 << 20
_MOST_ENCODED = 512 << 20


def is_image(name: str, read_head: Callable[[], bytes], left_out: LeftOut) -> bool:
    """Tell whether a member is meant to be an image, by its name or its first bytes, and count it if it is not.

    Hidden ones are not, nor those in folders that a system writes for itself, as macOS does.
    """
    *folders, last = name.replace("\\", "/").split("/")
    for folder in folders:
        if folder not in ("", ".", "..") and is_system_folder(folder):
            left_out.files[f"{folder}/*"] += 1
            return False
    if last[:1] != "." and (name.lower().endswith(IMAGE_SUFFIXES) or looks_like_image(read_head())):
        return True
    left_out.count_file(last)
    return False


def leaves(name: str) -> bool:
    """Tell whether a member's name leads out of the archive."""
    return name.startswith(("/", "\\")) or name[1:2] == ":" or ".." in name.replace("\\", "/").split("/")


def reason_of_size(packed: int, unpacked: int) -> int:
    """Return GOOD, or why `packed` bytes that become `unpacked` are a trap rather than an image."""
    if max(packed, unpacked) > _MOST_ENCODED:
        return LARGE
    return EXPANDS if unpacked > max(_ALWAYS_FINE, _MOST_EXPANSION * packed) else GOOD


def refuse(reason: int) -> None:
    """Raise BadImage unless `reason` is GOOD."""
    if reason != GOOD:
        raise BadImage(REASONS[reason])


def file_facts(path: AnyPath) -> dict[str, Any]:
    """Return what changes when a file does: its size in bytes, and when it was written, in nanoseconds."""
    found = os.stat(path)
    return {"bytes": found.st_size, "mtime_ns": found.st_mtime_ns}


class SpanReader:
    """Reads bytes of one file at any place, from any thread and process.

    The file is opened for each read, so that thousands of shards do not use up the descriptors of a process.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = os.fspath(path)

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on, or raise BadImage if the file no longer has them."""
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                content = os.pread(file, count, offset)
            finally:
                os.close(file)
        except OSError as error:
            raise BadImage(f"{self.path}: {(error.strerror or str(error)).lower()}") from error
        if len(content) != count:
            raise BadImage(f"{self.path} ends before byte {offset + count}")
        return content
