"""Which images to compare: folders, single files, lists, or faces drawn by code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from PIL import Image

from gluon_wgan.data.decode import BadImage, open_image
from gluon_wgan.data.sources import DrawnFacesSource, FolderSource, ListSource
from gluon_wgan.errors import UserError
from gluon_wgan.parity.options import FACES

LIST_SUFFIXES = (".csv", ".txt")


class Files:
    """Image files, each with a name for people.

    Attributes
    ----------
    names
        What each image is called in the report.
    paths
        Where each of them lies.
    label
        What all of them together are called.
    """

    def __init__(self, names: Sequence[str], paths: Sequence[str], label: str) -> None:
        self.names, self.paths, self.label = list(names), list(paths), label

    def __len__(self) -> int:
        return len(self.paths)

    def open(self, index: int, nc: int) -> Image.Image:
        """Return image number `index` in mode RGB (`nc` 3) or L (`nc` 1), or raise BadImage."""
        path = self.paths[index]
        if not os.path.isfile(path) and os.path.exists(path):  # opening a pipe would wait for ever
            raise BadImage("not a file")
        return open_image(path, nc)


Images = Union[Files, DrawnFacesSource]


def find_images(arguments: Sequence[str]) -> Images:
    """Find the images that the words of a command line name, without reading them.

    Parameters
    ----------
    arguments
        Folders, image files, and lists (``.csv`` or ``.txt``, one image a line, relative to the list's own
        folder). None at all stands for drawn faces.

    Raises
    ------
    UserError
        If something is missing or holds no image.
    """
    if not arguments:
        return DrawnFacesSource(FACES, 0)
    names: dict[str, str] = {}
    for argument in arguments:
        found, root = _named_by(Path(argument))
        # One argument needs no prefix; of several, each image says which it came from.
        prefix = "" if len(arguments) == 1 or root is None else argument.rstrip("/") + "/"
        for name in found:
            path = os.path.join(root, name) if root is not None else name
            # An image that is named twice counts once.
            names.setdefault(os.path.abspath(path), prefix + name)
    return Files(list(names.values()), list(names), ", ".join(Path(argument).resolve().name for argument in arguments))


def path_of(images: Images, index: int) -> Optional[str]:
    """Return where image number `index` lies, None if it is drawn."""
    return images.paths[index] if isinstance(images, Files) else None


def _named_by(path: Path) -> tuple[Sequence[str], Optional[str]]:
    """Return the names of the images and the folder that they are relative to."""
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path.")
    if path.is_dir():
        folder = FolderSource(path)
        return folder.names, folder.root
    if path.suffix.lower() in LIST_SUFFIXES:
        listed = ListSource(path)
        return listed.names, listed.root
    return [str(path)], None
