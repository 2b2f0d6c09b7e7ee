"""Images in the IDX format of MNIST: gray bytes behind a header of 16."""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import Any, Optional

from gluon_wgan.data.sources.base import AnyPath, damaged, existing, existing_file, first_bytes
from gluon_wgan.data.sources.containers import PixelSource, file_facts
from gluon_wgan.data.sources.member_index import DATA, IndexWriter, index_of
from gluon_wgan.data.sources.packed_names import LazyNames
from gluon_wgan.data.sources.tar_archive import decompressed
from gluon_wgan.errors import UserError

MAGIC = b"\0\0\x08\x03"
"""Unsigned bytes in three dimensions."""
GZIP_MAGIC = b"\x1f\x8b"
_HEADER = Struct(">4s3I")
_UNPACKED_AT_ONCE = 1 << 20
_LIKELY = "*train-images*idx3-ubyte*"


class IdxSource(PixelSource):
    """The images of one IDX file, such as MNIST's ``train-images-idx3-ubyte.gz``.

    A compressed file is unpacked once into the cache folder.

    Parameters
    ----------
    root
        The file, plain or .gz; or the folder that holds one ``train-images`` file, as MNIST's does.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If it is missing, no IDX file of images, or its length is not what its header says; or if
        the cache folder cannot hold it.
    """

    def __init__(self, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = _train_images(existing(root))
        self.facts, label = file_facts(path), path.name.split(".")[0]
        if first_bytes(path, 2) == GZIP_MAGIC:
            path = index_of(Path(cache_dir), path, "idx", self.facts, 0, _unpack).folder / DATA
        with path.open("rb") as file:
            count, height, width = _shape(path, file.read(_HEADER.size))
        _check_length(path, path.stat().st_size, count, height * width)
        names = LazyNames(count, "image-{:06d}".format)
        super().__init__(names, label, path.resolve(), _HEADER.size, (1, height, width), max_pixels)

    def identity(self) -> dict[str, Any]:
        """Return the shape, and the size and time of the file."""
        return {"kind": "idx", "shape": [len(self), *self.shape[1:]], **self.facts, **self.limits()}


def train_image_files(folder: Path) -> list[Path]:
    """Return the IDX files of training images in a folder or its ``raw``, unpacked ones before their .gz."""
    found = [path for place in (folder, folder / "raw", folder / "MNIST" / "raw") for path in place.glob(_LIKELY)]
    return [path for path in sorted(found) if path.suffix != ".gz" or path.with_suffix("") not in found]


def _train_images(root: Path) -> Path:
    if not root.is_dir():
        return existing_file(root, "an IDX file of images")
    found = train_image_files(root)
    if len(found) != 1:
        many = "no" if not found else "more than one"
        raise UserError(f"{root} holds {many} train-images-idx3-ubyte file: give the file itself.")
    return found[0]


def _shape(path: Path, header: bytes) -> tuple[int, int, int]:
    if len(header) != _HEADER.size:
        raise damaged(path, len(header), "it ends within its header")
    magic, count, height, width = _HEADER.unpack(header)
    if magic != MAGIC:
        raise damaged(path, 0, "it does not begin as an IDX file of images does, with 00 00 08 03")
    if not (count and height and width):
        raise damaged(path, 4, f"its header announces {count} images of {height}x{width}")
    return count, height, width


def _check_length(path: Path, length: int, count: int, size: int) -> None:
    expected = _HEADER.size + count * size
    if length != expected:
        raise damaged(path, min(length, expected), f"its header announces {expected} bytes, and there are {length}")


def _unpack(path: Path, writer: IndexWriter) -> None:
    """Unpack a compressed file, no further than its header says."""
    with decompressed(path) as file:
        header = file.read(_HEADER.size)
        count, height, width = _shape(path, header)
        length = writer.unpack(header) + len(header)
        while content := file.read(_UNPACKED_AT_ONCE):
            writer.unpack(content)
            length += len(content)
            if length > _HEADER.size + count * height * width:
                break
        _check_length(path, length, count, height * width)
