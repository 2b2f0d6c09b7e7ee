"""CIFAR-10 as its makers distribute it: the Python or the binary version, packed or unpacked."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.data.sources.base import AnyPath, damaged, existing, existing_file, unreadable
from gluon_wgan.data.sources.containers import PixelSource, file_facts
from gluon_wgan.data.sources.member_index import DATA, IndexWriter, index_of
from gluon_wgan.data.sources.tar_archive import members_of
from gluon_wgan.errors import UserError
from gluon_wgan.utils.untrusted_pickle import DataUnpickler, Refused

SIDE = 32
_PIXELS = 3 * SIDE * SIDE
_BINARY_ROW = 1 + _PIXELS  # a label, and the red, green and blue plane
BATCH = re.compile(r"data_batch_\d+(\.bin)?\Z")
FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin")
ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
# The official batches have 31 MB.
_LARGEST_BATCH = 256 << 20


class CifarSource(PixelSource):
    """CIFAR-10's training images, batch by batch.

    The test batch is left out. The pixels are copied once into the cache folder, 154 MB for the
    whole set. Pickles are read without running them.

    Parameters
    ----------
    root
        ``cifar-10-python.tar.gz`` or ``cifar-10-binary.tar.gz``; or the folder with the ``data_batch_*`` files;
        or a folder that holds one of these.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If there are no batches, one is damaged or cut off, or a pickle asks for anything but an
        array; or if the cache folder cannot hold the pixels.
    """

    def __init__(self, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = find_cifar(existing(root))
        files = {"archive": path} if path.is_file() else {file.name: file for file in _batch_files(path)}
        self.facts = {name: file_facts(file) for name, file in files.items()}
        self.index = index_of(Path(cache_dir), path, "cifar10", self.facts, 0, _unpack)
        if not self.index.count:
            raise UserError(f"{path} holds no file data_batch_1 to data_batch_5: give CIFAR-10's archive or folder.")
        super().__init__(self.index.names, "cifar10", self.index.folder / DATA, 0, (3, SIDE, SIDE), max_pixels)

    def identity(self) -> dict[str, Any]:
        """Return the size and time of each file, and a digest of the images' names."""
        made = {"images": len(self), **self.facts, "list_sha256": self.index.sha256}
        return {"kind": "cifar10", **made, **self.limits()}


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
    with members_of(path) as members:
        for member, opened in members:
            name = member.name.rpartition("/")[2]
            if member.isreg() and BATCH.match(name):
                if member.size > _LARGEST_BATCH:
                    raise damaged(path, member.offset_data, f"{name} has {member.size} bytes")
                yield name, opened().read(), f"{path}, {name},"


def _binary(content: bytes, where: str) -> tuple[Optional[list[bytes]], bytes]:
    if not content or len(content) % _BINARY_ROW:
        raise damaged(where, len(content), f"it ends within an image, of {_BINARY_ROW} bytes each")
    rows = np.frombuffer(content, np.uint8).reshape(-1, _BINARY_ROW)
    if rows[:, 0].max() > 9:
        row = int(np.argmax(rows[:, 0] > 9))
        raise damaged(where, row * _BINARY_ROW, f"a label of {rows[row, 0]}, which must be 0 to 9")
    return None, rows[:, 1:].tobytes()


class _Array:
    """Stands for an array; its state is a version, the shape, the type, whether in Fortran's order, and the bytes."""

    state: tuple[Any, ...] = ()


class _BatchUnpickler(DataUnpickler):
    """Knows the few names in the official files, in the spellings of NumPy 1 and 2."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")):
            return lambda *_: _Array()
        if (module, name) == ("numpy", "dtype"):
            return lambda kind, *_: kind
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return lambda text, encoding: text.encode({"latin1": "latin-1"}[encoding])
        return name if (module, name) == ("numpy", "ndarray") else super().find_class(module, name)

    def set_state(self, made: Any, state: Any) -> None:
        if isinstance(made, _Array):
            made.state = state


def _pickled(content: bytes, where: str) -> tuple[Optional[list[bytes]], bytes]:
    """Return names and pixels of a batch, without running anything that its pickle asks for."""
    file = io.BytesIO(content)
    try:
        batch = _BatchUnpickler(file, encoding="bytes").load()
        batch = {_as_bytes(key): value for key, value in batch.items()}
        _, _, kind, fortran, pixels = batch[b"data"].state
        if kind not in ("u1", b"u1") or fortran or type(pixels) is not bytes or not pixels or len(pixels) % _PIXELS:
            raise ValueError(f"its data is no array of {_PIXELS} bytes an image")
        names = batch.get(b"filenames")
        if names is not None and (type(names) is not list or len(names) != len(pixels) // _PIXELS):
            raise ValueError("it does not hold one file name for each image")
        return names and [_as_bytes(name) for name in names], pixels
    except Refused as error:
        raise UserError(
            f"{where} imports {error} at byte {file.tell()}, which no CIFAR-10 batch does, and is not read: fetch the "
            "official file."
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way at all
        what = f"not the pickle of a CIFAR-10 batch: {' '.join(str(error).split()) or type(error).__name__}"
        raise damaged(where, file.tell(), what) from error


def _as_bytes(text: Any) -> bytes:
    """Return a string of either Python as bytes."""
    if type(text) is not str and type(text) is not bytes:
        raise ValueError("a name in it is no string")
    return text.encode() if isinstance(text, str) else text
