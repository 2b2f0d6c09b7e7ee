"""Every image file below a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.image_formats import IMAGE_SUFFIXES
from gluon_wgan.data.sources.base import AnyPath, EncodedSource, existing, unreadable
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError


class FileSource(EncodedSource):
    """Image files named relative to one folder."""

    def __init__(self, kind: str, root: Path, names: Sequence[str], label: str, max_pixels: Optional[int]) -> None:
        super().__init__(names, label, max_pixels)
        self.kind, self.root = kind, str(root)

    def identity(self) -> dict[str, Any]:
        """Return the kind, the number of files, and a digest of their names, sizes and times."""
        return self.identity_of(range(len(self.names)))

    def identity_of(self, numbers: Sequence[int]) -> dict[str, Any]:
        """Return the identity of some of the images, without looking at the other files."""
        digest = hashlib.sha256()
        for number in numbers:
            name = self.names[number]
            try:
                found = os.stat(f"{self.root}/{name}")
                facts = f"{found.st_size} {found.st_mtime_ns}"
            except OSError:
                facts = "missing"
            digest.update(os.fsencode(name) + b"\0" + facts.encode() + b"\n")
        return {"kind": self.kind, "images": len(numbers), "sha256": digest.hexdigest(), **self.limits()}

    def encoded(self, index: int) -> str:
        """Return the path of image number `index`."""
        path = os.path.join(self.root, self.names[index])
        if not os.path.isfile(path) and os.path.exists(path):  # opening a pipe would wait for ever
            raise BadImage("not a file")
        return path


class FolderSource(FileSource):
    """Every image below a folder, whatever its layout, sorted by path.

    Links to folders are followed, but never back into a folder that holds them. Hidden
    files and folders are left out.

    Parameters
    ----------
    root
        The folder.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If it is missing, not a folder, unreadable, or holds no image.
    """

    def __init__(self, root: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        folder = existing(root)
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, not a folder: give the folder that holds the images.")
        names = pack_names(_image_names(folder))
        if not names:
            raise UserError(f"{folder} holds no image: give a folder with JPEG, PNG or other image files.")
        super().__init__("folder", folder, names, folder.resolve().name, max_pixels)


def holds_image(folder: Path) -> bool:
    """Return whether there is an image anywhere below a folder, without listing them all."""
    return next(_image_names(folder), None) is not None


def _image_names(root: Path) -> Iterator[str]:
    """Yield the images below `root`, relative to it and sorted by path."""
    # Each waits with the device and inode of every folder on the way to it: a link to one of them is a cycle.
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    while waiting:
        name, holders = waiting.pop()
        if name and not name.endswith("/"):
            yield name
            continue
        folder = root / name
        try:
            here = folder.stat()
            if (here.st_dev, here.st_ino) in holders:
                continue
            found = _entries(folder)
        except OSError as error:
            raise unreadable(folder, error) from error
        inside = holders | {(here.st_dev, here.st_ino)}
        waiting += [(name + entry, inside) for entry in reversed(found)]


def _entries(folder: Path) -> list[str]:
    """Return the images and, with a slash behind them, the folders in `folder`.

    The slash takes part in the order, which is thereby the order of the whole paths.
    """
    with os.scandir(folder) as entries:
        return sorted(
            entry.name + "/" * entry.is_dir()
            for entry in entries
            if not entry.name.startswith(".") and (entry.name.lower().endswith(IMAGE_SUFFIXES) or entry.is_dir())
        )
