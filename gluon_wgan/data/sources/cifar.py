"""CIFAR-10 as its makers distribute it: the Python or the binary version, packed or unpacked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
from PIL import Image

from gluon_wgan.data.decode import BadImage, pixels_of, to_channels
from gluon_wgan.data.sources import archive_members
from gluon_wgan.data.sources.archive_members import SpanReader
from gluon_wgan.data.sources.base import AnyPath, damaged, existing, existing_file, unreadable
from gluon_wgan.data.sources.cifar_pickle import as_bytes, read_batch
from gluon_wgan.data.sources.index_writer import DATA, IndexWriter
from gluon_wgan.data.sources.member_index import index_of
from gluon_wgan.data.sources.tar_archive import decompressed
from gluon_wgan.data.sources.tar_walk import TarWalk
from gluon_wgan.errors import UserError

SIDE = 32
_PIXELS = 3 * SIDE * SIDE
_BINARY_ROW = 1 + _PIXELS  # a label, and the red, green and blue plane
BATCH = re.compile(r"data_batch_\d+(\.bin)?\Z")
FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
# The official batches have 31 MB.
_LARGEST_BATCH = 256 << 20


class CifarSource:
    """CIFAR-10's training images, batch by batch.

    The test batch is left out. The pixels are copied once into the cache folder, 154 MB for the
    whole set. Pickles are read without running them.

    Parameters
    ----------
    root
        ``cifar-10-python.tar.gz`` or ``cifar-10-binary.tar.gz``; or the folder with the ``data_batch_*`` files;
        or a folder that holds one of these.
    cache_dir
        Where the pixels are kept.
    max_pixels
        Refuse images of more pixels.

    Raises
    ------
    UserError
        If there are no batches, one is damaged or cut off, or a pickle asks for anything but an
        array; or if the cache folder cannot hold the pixels.
    """

    label = "cifar10"

    def __init__(self, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = find_cifar(existing(root))
        self.facts: dict[str, Any] = (
            {"archive": archive_members.file_facts(path)} if path.is_file() else _folder_facts(path)
        )
        self.index = index_of(Path(cache_dir), path, "cifar10", self.facts, 0, lambda writer: _unpack(path, writer))
        if not self.index.count:
            raise UserError(f"{path} holds no file data_batch_1 to data_batch_5: give CIFAR-10's archive or folder.")
        self.reader, self.max_pixels = SpanReader(self.index.folder / DATA), max_pixels
        self.names = self.index.names

    def __len__(self) -> int:
        return self.index.count

    def identity(self) -> dict[str, Any]:
        """Return the size and time of each file, and a digest of the images' names."""
        limits = {} if self.max_pixels is None else {"max_pixels": self.max_pixels}
        return {"kind": "cifar10", "images": len(self), **self.facts, "list_sha256": self.index.sha256, **limits}

    def open(self, index: int, nc: int) -> Image.Image:
        """Return image number `index`, 32 pixels wide and high, in mode RGB (`nc` 3) or L (`nc` 1)."""
        if self.max_pixels is not None and self.max_pixels < SIDE * SIDE:
            raise BadImage(f"{SIDE}x{SIDE} pixels, more than the limit of {self.max_pixels}")
        planes = np.frombuffer(self.reader.read(index * _PIXELS, _PIXELS), np.uint8)
        pixels = planes.reshape(3, SIDE, SIDE).transpose(1, 2, 0)
        return to_channels(Image.fromarray(np.ascontiguousarray(pixels)), nc)

    def read(self, index: int, nc: int) -> np.ndarray:
        """Return image number `index` as uint8 (32, 32, nc)."""
        return pixels_of(self.open(index, nc))


def find_cifar(root: Path) -> Path:
    """Return the archive, or the folder of batches, that `root` is or holds."""
    if root.is_dir():
        for place in (root, *(root / name for name in FOLDERS)):
            if any(BATCH.match(path.name) for path in place.glob("data_batch_*")):
                return place
        found = [root / name for name in ARCHIVES if (root / name).is_file()]
        if not found:
            raise UserError(f"{root} holds no CIFAR-10: give {' or '.join(ARCHIVES)}, or the folder unpacked from it.")
        return found[0]
    return existing_file(root, "CIFAR-10's archive")


def _batch_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("data_batch_*") if BATCH.match(path.name) and path.is_file())


def _folder_facts(folder: Path) -> dict[str, Any]:
    return {path.name: archive_members.file_facts(path) for path in _batch_files(folder)}


def _unpack(path: Path, writer: IndexWriter) -> None:
    """Copy the pixels of every batch, and list the images."""
    done: set[str] = set()
    for name, content, where in _batches(path):
        if any(name.endswith(".bin") != other.endswith(".bin") for other in done):
            raise UserError(f"{path} holds both versions of CIFAR-10: give one of them.")
        if name in done:
            raise UserError(f"{path} holds {name} twice: fetch it again.")
        done.add(name)
        names, pixels = (_binary if name.endswith(".bin") else _pickled)(content, where)
        writer.unpack(pixels)
        for image in names or [b"%05d" % place for place in range(len(pixels) // _PIXELS)]:
            writer.add(name.encode() + b"/" + image)


def _batches(path: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content, and name for messages, of each training batch."""
    if path.is_dir():
        for file in _batch_files(path):
            try:
                if file.stat().st_size > _LARGEST_BATCH:
                    raise damaged(file, _LARGEST_BATCH, "a batch of CIFAR-10 ends before")
                yield file.name, file.read_bytes(), str(file)
            except OSError as error:
                raise unreadable(file, error) from error
        return
    with decompressed(path) as file_in:
        walk = TarWalk(file_in, path)
        for member in walk:
            name = member.name.decode(errors="replace").rpartition("/")[2]
            if member.is_file and BATCH.match(name):
                if member.size > _LARGEST_BATCH:
                    raise damaged(path, member.offset, f"{name} has {member.size} bytes")
                yield name, walk.read(member.size), f"{path}, {name},"
        while file_in.read(1 << 20):  # the archive's checksum stands at the very end
            pass


def _binary(content: bytes, where: str) -> tuple[Optional[list[bytes]], bytes]:
    if not content or len(content) % _BINARY_ROW:
        raise damaged(where, len(content), f"it ends within an image, of {_BINARY_ROW} bytes each")
    rows = np.frombuffer(content, np.uint8).reshape(-1, _BINARY_ROW)
    if rows[:, 0].max() > 9:
        row = int(np.argmax(rows[:, 0] > 9))
        raise damaged(where, row * _BINARY_ROW, f"a label of {rows[row, 0]}, which must be 0 to 9")
    return None, rows[:, 1:].tobytes()


def _pickled(content: bytes, where: str) -> tuple[Optional[list[bytes]], bytes]:
    batch = read_batch(content, where)
    pixels, names = batch.get(b"data"), batch.get(b"filenames")
    if not isinstance(pixels, bytes) or not pixels or len(pixels) % _PIXELS:
        raise damaged(where, len(content), f"its data is no array of {_PIXELS} bytes an image")
    if names is None:
        return None, pixels
    if not isinstance(names, list) or len(names) != len(pixels) // _PIXELS:
        raise damaged(where, len(content), "it does not hold one file name for each image")
    try:
        return [as_bytes(name) for name in names], pixels
    except ValueError as error:
        raise damaged(where, len(content), "a file name in it is no string") from error
