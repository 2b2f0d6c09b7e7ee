"""Write small containers of images, each with the official tool or library of its format where there is one."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import lmdb
import numpy as np
from PIL import Image

Images = Mapping[str, bytes]


def jpeg(rng: np.random.Generator, width: int = 12, height: int = 10) -> bytes:
    """Return a JPEG of random pixels."""
    return encoded(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), "JPEG")


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Return what Pillow alone makes of an encoded image."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def write_folder(root: Path, images: Images) -> Path:
    for name, content in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_csv(root: Path, images: Images) -> Path:
    write_folder(root, images)
    (root / "list.csv").write_text("\n".join(images) + "\n")
    return root / "list.csv"


def write_lmdb(root: Path, images: Mapping[bytes, bytes], **options: Any) -> Path:
    root.parent.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(root), map_size=1 << 28, **options) as environment, environment.begin(write=True) as transaction:
        for key, content in images.items():
            transaction.put(key, content)
    return root


def write_zip(path: Path, images: Images, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in images.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, images: Images, mode: str = "w:", kind: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, mode, format=kind) as archive:  # type: ignore[call-overload]
        for name, content in images.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_rec(path: Path, images: Images) -> Path:
    """Write a .rec and its .idx with MXNet, labels of one number and of several by turns."""
    from mxnet import recordio

    record = recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "w")
    for key, content in enumerate(images.values()):
        label = float(key) if key % 2 else [1.0, 2.0, 3.0]
        record.write_idx(key, recordio.pack(recordio.IRHeader(0, label, key, 0), content))
    record.close()
    return path


def idx_bytes(images: np.ndarray) -> bytes:
    """Return uint8 (images, height, width) as Yann LeCun's page describes the format."""
    return struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.tobytes()


def write_idx(path: Path, images: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = idx_bytes(images)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


PythonsPickler: Any = pickle._Pickler


class Python2Pickler(PythonsPickler):
    """Writes bytes as Python 2 wrote its strings, which is how CIFAR-10's official pickles have them."""

    dispatch: ClassVar[Any] = dict(PythonsPickler.dispatch)

    def save_string(self, content: bytes) -> None:
        head = b"U" + bytes([len(content)]) if len(content) < 256 else b"T" + struct.pack("<i", len(content))
        self.write(head + content)
        self.memoize(content)

    dispatch[bytes] = save_string


class Python2Array:
    """Pickles as NumPy 1 under Python 2 pickled an array of unsigned bytes."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __reduce__(self) -> tuple[Any, ...]:
        from numpy.core.multiarray import _reconstruct  # type: ignore[attr-defined]

        state = (1, self.array.shape, Python2Dtype(), False, self.array.tobytes())
        return _reconstruct, (np.ndarray, (0,), b"b"), state


class Python2Dtype:
    def __reduce__(self) -> tuple[Any, ...]:
        return np.dtype, (b"u1", 0, 1), (3, b"|", None, None, None, -1, -1, 0)


def cifar_pickle(rows: np.ndarray, names: list[bytes]) -> bytes:
    """Return a batch as in cifar-10-python.tar.gz: protocol 2, the keys and types of the official files."""
    batch = {
        b"data": Python2Array(rows),
        b"labels": [number % 10 for number in range(len(rows))],
        b"batch_label": b"training batch 1 of 5",
        b"filenames": names,
    }
    file = io.BytesIO()
    Python2Pickler(file, 2).dump(batch)
    return file.getvalue()


def cifar_binary(rows: np.ndarray) -> bytes:
    labels = (np.arange(len(rows)) % 10).astype(np.uint8)
    return np.concatenate([labels[:, None], rows], axis=1).tobytes()


def write_cifar(path: Path, batches: Mapping[str, bytes], folder: str) -> Path:
    """Write batches, named as the official ones, into a folder or, if the path says so, an archive."""
    files = {f"{folder}/{name}": content for name, content in batches.items()}
    if path.name.endswith(".tar.gz"):
        return write_tar(path, files, "w:gz")
    return write_folder(path, files) / folder
