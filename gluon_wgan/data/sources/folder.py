"""Every image file below a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.file_formats import HEAD_BYTES, is_meant_as_image
from gluon_wgan.data.sources.base import AnyPath, EncodedSource, existing, is_folder, unreadable
from gluon_wgan.data.sources.left_out import LeftOut, is_system_folder, matching
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError, shell_word

_IN_EVERY_RUN = ("config.json", "checkpoints", "samples")


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
        if not os.path.isfile(path) and os.path.exists(path):  # opening a pipe would wait indefinitely
            raise BadImage("not a file")
        return path


class FolderSource(FileSource):
    """Every image below a folder, whatever its layout, sorted by path.

    A file is an image if its suffix or its first bytes say so. Links to folders are followed, but never back into a
    folder that holds them. Hidden files and folders, those that a system writes for itself (``@eaDir``), run
    directories, and folders that cannot be read are left out and counted.

    Parameters
    ----------
    max_pixels, exclude
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, not a folder, unreadable, a run directory, or holds no image.
    """

    def __init__(self, root: AnyPath, *, max_pixels: Optional[int] = None, exclude: Sequence[str] = ()) -> None:
        folder = existing(root)
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, not a folder: give the folder that holds the images.")
        left_out = LeftOut()
        names = pack_names(_image_names(folder, left_out, exclude))
        if not names:
            if (folder / "store.json").exists():
                raise UserError(
                    f"{folder} is a store of prepared images: give it to training with --data, or name the images that "
                    "it was made from."
                )
            others = "; ".join(f"{name}: {why}" for name, why in left_out.rows()[:3])
            raise UserError(
                f"{folder} holds no image{f' ({others})' if others else ''}: give a folder with JPEG, PNG or other "
                "image files."
            )
        super().__init__("folder", folder, names, folder.resolve().name, max_pixels)
        self.left_out = left_out


def holds_image(folder: Path) -> bool:
    """Return whether there is an image anywhere below a folder, without listing them all."""
    return next(_image_names(folder, LeftOut(), ()), None) is not None


def _image_names(root: Path, left_out: LeftOut, exclude: Sequence[str]) -> Iterator[str]:
    """Yield the images below `root`, relative to it and sorted by path, and count what else is there."""
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
            if all((folder / part).exists() for part in _IN_EVERY_RUN):
                _leave_out_run(folder, name, left_out)
                continue
            found = _entries(folder, name, left_out, exclude)
        except OSError as error:
            if not name:
                raise unreadable(folder, error) from error
            left_out.unreadable.append((name.rstrip("/"), (error.strerror or str(error)).lower()))
            continue
        inside = holders | {(here.st_dev, here.st_ino)}
        waiting += [(name + entry, inside) for entry in reversed(found)]


def _leave_out_run(run: Path, name: str, left_out: LeftOut) -> None:
    """Leave out a run directory, whose images are samples; refuse it where it is all that was named."""
    if not name:
        raise UserError(
            f"{run} is a run directory, and its images are samples: to train on, name it with --resume or --branch; "
            f"where the samples are wanted, name {shell_word(run / 'samples')}."
        )
    left_out.runs.append(name.rstrip("/"))


def _entries(folder: Path, inside: str, left_out: LeftOut, exclude: Sequence[str]) -> list[str]:
    """Return the images and, with a slash behind them, the folders in `folder`, whose path from the root is `inside`.

    The slash takes part in the order, which is thereby the order of the whole paths.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            pattern = matching(inside + name, exclude)
            if pattern:
                left_out.excluded[pattern] += 1
            elif is_folder(entry):
                if is_system_folder(name):
                    left_out.folders[name] += 1
                else:
                    found.append(f"{name}/")
            elif not name.startswith(".") and is_meant_as_image(name, partial(_head, entry)):
                found.append(name)
            else:
                left_out.count_file(name)
    return sorted(found)


def _head(entry: os.DirEntry[str]) -> bytes:
    """Return how a file begins; nothing of what cannot be read, or is a pipe, at which opening would wait forever."""
    try:
        if not entry.is_file():
            return b""
        with open(entry.path, "rb", buffering=0) as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
