"""From a path to its source, by what is found there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Optional

from gluon_wgan.data.sources import cifar, faces, idx, lsun
from gluon_wgan.data.sources.base import AnyPath, Source, existing, first_bytes
from gluon_wgan.data.sources.cifar import CifarSource
from gluon_wgan.data.sources.folder import FolderSource
from gluon_wgan.data.sources.idx import IdxSource
from gluon_wgan.data.sources.lists import LIST_SUFFIXES, ListSource
from gluon_wgan.data.sources.lsun import LsunSource
from gluon_wgan.data.sources.portraits import PortraitsSource
from gluon_wgan.data.sources.record import RecordSource
from gluon_wgan.data.sources.tar_archive import TarSource, decompressed
from gluon_wgan.data.sources.zip_archive import ZipSource
from gluon_wgan.errors import UserError

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
_USTAR = slice(257, 262)
_LMDB_MAGIC = slice(16, 20)

Make = Callable[[AnyPath, AnyPath, Optional[int]], Source]
_MAKERS: dict[str, Make] = {
    "folder": lambda path, cache, limit: FolderSource(path, max_pixels=limit),
    "csv": lambda path, cache, limit: ListSource(path, max_pixels=limit),
    "lsun": lambda path, cache, limit: LsunSource(path, cache, max_pixels=limit),
    "celeba": lambda path, cache, limit: faces.celeba(path, cache, max_pixels=limit),
    "lfw": lambda path, cache, limit: faces.lfw(path, cache, max_pixels=limit),
    "cifar10": lambda path, cache, limit: CifarSource(path, cache, max_pixels=limit),
    "mnist": lambda path, cache, limit: IdxSource(path, cache, max_pixels=limit),
    "zip": lambda path, cache, limit: ZipSource(path, cache, max_pixels=limit),
    "tar": lambda path, cache, limit: TarSource(path, cache, max_pixels=limit),
    "rec": lambda path, cache, limit: RecordSource(path, cache, max_pixels=limit),
    "portraits": lambda path, cache, limit: PortraitsSource(path, max_pixels=limit),
}
KINDS = tuple(_MAKERS)
"""What `source_of` can be asked for, besides ``auto``."""


def source_of(kind: str, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> Source:
    """Return the source of a path.

    Parameters
    ----------
    kind
        One of `KINDS`, or ``auto`` to recognise it.
    root
        The path.
    cache_dir
        Where lists and unpacked images are kept.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If nothing usable is there.
    """
    return _MAKERS[recognise(root) if kind == "auto" else kind](root, cache_dir, max_pixels)


def recognise(root: AnyPath) -> str:
    """Return which of `KINDS` a path is, by its name and how it begins.

    Raises
    ------
    UserError
        If it does not exist or cannot be told.
    """
    path = existing(root)
    if path.is_dir():
        return _kind_of_folder(path)
    kind = _kind_of_file(path) if path.is_file() else None
    if kind is None:
        raise UserError(f"Cannot tell what {path} is: say so with --dataset ({', '.join(KINDS)}).")
    return kind


def _kind_of_folder(folder: Path) -> str:
    if (folder / lsun.DATA_FILE).is_file() or any(folder.glob(f"*_lmdb/{lsun.DATA_FILE}")):
        return "lsun"
    if any((folder / name).exists() for name in cifar.FOLDERS + cifar.ARCHIVES):
        return "cifar10"
    if any(cifar.BATCH.match(path.name) for path in folder.glob("data_batch_*")):
        return "cifar10"
    if idx.train_image_files(folder):
        return "mnist"
    inside = [folder / faces.CELEBA, folder / f"{faces.CELEBA}.zip"]
    return "celeba" if any(path.exists() for path in inside) else "folder"


def _kind_of_file(path: Path) -> Optional[str]:
    name, start = path.name.lower(), first_bytes(path, 512)
    if name in cifar.ARCHIVES:
        return "cifar10"
    if start[:2] == b"PK" or name.endswith(".zip"):
        return "zip"
    if start[:4] == idx.MAGIC or "idx3-ubyte" in name:
        return "mnist"
    if start[_LMDB_MAGIC] == b"\xde\xc0\xef\xbe" or name == lsun.DATA_FILE:
        return "lsun"
    if name.endswith((".rec", ".idx")):
        return "rec"
    if start[_USTAR] == b"ustar" or name.endswith(_TAR_SUFFIXES):
        return "tar"
    if name.endswith(LIST_SUFFIXES):
        return "csv"
    return _kind_of_compressed(path) if start.startswith(_COMPRESSED) else None


def _kind_of_compressed(path: Path) -> Optional[str]:
    with decompressed(path) as file:
        start = file.read(512)
    if start[:4] == idx.MAGIC:
        return "mnist"
    return "tar" if start[_USTAR] == b"ustar" else None
