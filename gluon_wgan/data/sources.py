"""Where images come from: a folder, a list, or our own drawing code, behind one small interface.

A source names its images and reads them one at a time, in any order and in any process. Its
identity changes whenever any of its images may have changed.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, Union

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import BadImage, open_image, pixels_of, to_channels
from gluon_wgan.errors import UserError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2"),
)


class Source(Protocol):
    """Named images that can be read by number. Sources are pickled to worker processes."""

    @property
    def label(self) -> str:
        """A short name for people; it is no part of the identity."""

    @property
    def names(self) -> Sequence[str]:
        """What each image is called, for people to find it."""

    def __len__(self) -> int:
        """Return how many images there are."""

    def identity(self) -> dict[str, Any]:
        """Return JSON-able facts that differ whenever any pixel might."""

    def open(self, index: int, nc: int) -> Image.Image:
        """Return image number `index` in mode RGB (`nc` 3) or L (`nc` 1), or raise BadImage."""

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return image number `index` as uint8 (height, width, nc), or raise BadImage."""


class _FileSource:
    """Image files named relative to one folder."""

    def __init__(self, kind: str, root: Path, names: Sequence[str], label: str) -> None:
        self.kind, self.root, self.names, self.label = kind, str(root), names, label

    def __len__(self) -> int:
        return len(self.names)

    def identity(self) -> dict[str, Any]:
        """Return the kind, the number of files, and a digest of their names, sizes and times."""
        digest = hashlib.sha256()
        for name in self.names:
            try:
                found = os.stat(os.path.join(self.root, name))
                facts = f"{found.st_size} {found.st_mtime_ns}"
            except OSError:
                facts = "missing"
            digest.update(os.fsencode(name) + b"\0" + facts.encode() + b"\n")
        return {"kind": self.kind, "images": len(self.names), "sha256": digest.hexdigest()}

    def open(self, index: int, nc: int) -> Image.Image:
        """Return image number `index` in mode RGB (`nc` 3) or L (`nc` 1), or raise BadImage."""
        path = os.path.join(self.root, self.names[index])
        if not os.path.isfile(path) and os.path.exists(path):  # opening a pipe would wait for ever
            raise BadImage("not a file")
        return open_image(path, nc)

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return image number `index` as uint8 (height, width, nc), or raise BadImage."""
        return pixels_of(self.open(index, nc))


class FolderSource(_FileSource):
    """Every image below a folder, whatever its layout, sorted by path.

    Links to folders are followed, but never back into a folder that holds them. Hidden
    files and folders are left out.

    Parameters
    ----------
    root
        The folder.

    Raises
    ------
    UserError
        If it is missing, not a folder, unreadable, or holds no image.
    """

    def __init__(self, root: Union[str, PathLike[str]]) -> None:
        folder = _existing(root)
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, not a folder: give the folder that holds the images.")
        names = sorted(_image_names(folder, "", frozenset()))
        if not names:
            raise UserError(f"{folder} holds no image: give a folder with JPEG, PNG or other image files.")
        super().__init__("folder", folder, names, folder.resolve().name)


class CsvSource(_FileSource):
    """The images that a CSV file lists in its first column, relative to the CSV's own folder.

    A first row that names neither an existing file nor anything with an image's extension is
    a header. Further columns are ignored. Images that do not exist are found out when read.

    Parameters
    ----------
    csv_file
        The list, in UTF-8.

    Raises
    ------
    UserError
        If it is missing, a folder, not UTF-8 or not CSV, lists nothing, or names a file
        outside its folder.
    """

    def __init__(self, csv_file: Union[str, PathLike[str]]) -> None:
        path = _existing(csv_file)
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a CSV file: give the file that lists the images.")
        rows = list(_first_cells(path))
        if rows and not _looks_like_image(path.parent, rows[0][1]):
            del rows[0]
        names = [_checked_name(path, line, cell) for line, cell in rows]
        if not names:
            raise UserError(f"{path} lists no image: put one relative path on each line.")
        super().__init__("csv", path.parent, names, path.stem)


class DrawnFacesSource:
    """Faces drawn by code, which need no files.

    Parameters
    ----------
    count
        How many, 1 or more.
    seed
        Which series, 0 or more.

    Raises
    ------
    UserError
        If either is out of range.
    """

    label = "drawn-faces"

    def __init__(self, count: int, seed: int) -> None:
        if count < 1 or seed < 0:
            raise UserError(f"Cannot draw {count} faces with seed {seed}: draw at least 1, seed from 0 up.")
        self.count, self.seed = count, seed

    @property
    def names(self) -> Sequence[str]:
        """One name for each face."""
        return [f"face-{index:06d}" for index in range(self.count)]

    def __len__(self) -> int:
        return self.count

    def identity(self) -> dict[str, Any]:
        """Return count and seed, and the versions of what draws: our code, NumPy and OpenCV."""
        import cv2

        from gluon_wgan.data.drawn_faces import DRAWING_VERSION

        versions = {"drawing": DRAWING_VERSION, "numpy": np.__version__, "cv2": cv2.__version__}
        return {"kind": self.label, "count": self.count, "seed": self.seed, "versions": versions}

    def open(self, index: int, nc: int) -> Image.Image:
        """Return face number `index`, 178 pixels wide and 218 high, in mode RGB (`nc` 3) or L (`nc` 1)."""
        from gluon_wgan.data.drawn_faces import draw_face

        return to_channels(Image.fromarray(draw_face(self.seed, index)), nc)

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return face number `index` as uint8 (218, 178, nc)."""
        return pixels_of(self.open(index, nc))


def _existing(path: Union[str, PathLike[str]]) -> Path:
    found = Path(path)
    if not found.exists():
        raise UserError(f"{found} does not exist: check the path.")
    return found


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"Cannot read {path} ({error.strerror}): check its permissions.")


def _image_names(folder: Path, prefix: str, holders: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Yield the images below `folder`, unsorted, each name starting with `prefix`.

    `holders` are the device and inode of every folder on the way here: a link to one of them is a cycle.
    """
    try:
        here = folder.stat()
        entries = list(os.scandir(folder))
    except OSError as error:
        raise _unreadable(folder, error) from error
    if (here.st_dev, here.st_ino) in holders:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            inside = holders | {(here.st_dev, here.st_ino)}
            yield from _image_names(Path(entry.path), f"{prefix}{entry.name}/", inside)
        elif entry.name.lower().endswith(IMAGE_SUFFIXES):
            yield prefix + entry.name


def _first_cells(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line number and first cell of each row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield rows.line_num, row[0]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UserError(f"{path}, line {rows.line_num}, is not CSV ({error}): mend that line.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _looks_like_image(folder: Path, cell: str) -> bool:
    return cell.lower().endswith(IMAGE_SUFFIXES) or os.path.isfile(folder / cell)


def _checked_name(path: Path, line: int, cell: str) -> str:
    inside = PurePosixPath(os.path.normpath(cell))
    if not cell.strip() or "\0" in cell:
        raise UserError(f"{path}, line {line}, names no file in its first column: add it or remove the line.")
    if inside.is_absolute() or inside.parts[:1] == ("..",):
        raise UserError(f"{path}, line {line}, names {cell}, outside its folder: use paths relative to it.")
    return cell
