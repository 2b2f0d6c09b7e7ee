"""From what a user names (paths, patterns, folders of shards, single image files) to its source, by what is there."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Optional

from gluon_wgan.data.decode import is_image_file
from gluon_wgan.data.file_formats import FOREIGN_HEAD_BYTES, IMAGE_SUFFIXES, describe_foreign
from gluon_wgan.data.sources import cifar, idx, lsun
from gluon_wgan.data.sources.base import AnyPath, Source, existing, first_bytes
from gluon_wgan.data.sources.cifar import CifarSource
from gluon_wgan.data.sources.composed import MixedSource, unambiguous_prefixes, without
from gluon_wgan.data.sources.folder import FileSource, FolderSource, holds_image
from gluon_wgan.data.sources.idx import IdxSource
from gluon_wgan.data.sources.list_files import LIST_SUFFIXES, ListSource
from gluon_wgan.data.sources.lsun import LsunSource
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.data.sources.parquet import MAGIC as PARQUET_MAGIC
from gluon_wgan.data.sources.parquet import ParquetSource
from gluon_wgan.data.sources.record import RecordSource
from gluon_wgan.data.sources.tar_archive import COMPRESSED, TarSource, decompressed
from gluon_wgan.data.sources.zip_archive import ZipSource
from gluon_wgan.errors import UserError

log = logging.getLogger("gluon_wgan.data")

IMAGE, SHARDS = "image", "shards"
"""What `recognise` says of a single image file, and of a folder of containers."""
_TAR_SUFFIXES = (
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
    *(".tar.zst", ".tar.zstd", ".tzst"),
)
_SHARD_SUFFIXES: dict[str, tuple[str, ...]] = {
    "tar": _TAR_SUFFIXES,
    "parquet": (".parquet",),
    "rec": (".rec",),
    "zip": (".zip",),
}
"""Kinds of containers of which a folder may hold several, and what their names end in."""
_SHARD_DEPTH = 3
"""Hugging Face puts its shards into a folder ``data``, sometimes with one folder a configuration."""
CELEBA = "img_align_celeba"
LFW = ("lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-funneled")
_USTAR = slice(257, 262)
_LMDB_MAGIC = slice(16, 20)

Make = Callable[[AnyPath, AnyPath, Optional[int]], Source]
_MAKERS: dict[str, Make] = {
    "folder": lambda path, cache, limit: FolderSource(path, max_pixels=limit),
    "csv": lambda path, cache, limit: ListSource(path, max_pixels=limit),
    "lsun": lambda path, cache, limit: LsunSource(path, cache, max_pixels=limit),
    "celeba": lambda path, cache, limit: celeba(path, cache, max_pixels=limit),
    "lfw": lambda path, cache, limit: lfw(path, cache, max_pixels=limit),
    "cifar10": lambda path, cache, limit: CifarSource(path, cache, max_pixels=limit),
    "mnist": lambda path, cache, limit: IdxSource(path, cache, max_pixels=limit),
    "zip": lambda path, cache, limit: ZipSource(path, cache, max_pixels=limit),
    "tar": lambda path, cache, limit: TarSource(path, cache, max_pixels=limit),
    "rec": lambda path, cache, limit: RecordSource(path, cache, max_pixels=limit),
    "parquet": lambda path, cache, limit: ParquetSource(path, cache, max_pixels=limit),
}
KINDS = tuple(_MAKERS)
"""What `source_of` can be asked for, besides ``auto``."""


def named_source(
    kind: str,
    roots: Sequence[str],
    cache_dir: AnyPath,
    *,
    max_pixels: Optional[int] = None,
    exclude: Sequence[str] = (),
) -> Source:
    """Return all images that a user names as one source.

    Parameters
    ----------
    kind
        One of `KINDS`, or ``auto`` to recognise each path.
    roots
        Paths, at least one: whatever `source_of` reads, single image files, folders of shards, and patterns
        such as ``train-*.tar``.
    cache_dir, max_pixels, exclude
        As for `source_of`.

    Raises
    ------
    UserError
        If nothing usable is there, or something is named twice.
    """
    parts: list[Source] = []
    named: list[str] = []
    found = [item for root in roots for item in _expanded(root, kind)]
    for are_images, together in groupby(found, lambda item: item[0] == IMAGE):
        group = list(together)
        paths = [path for _, path in group]
        named += paths[:1] if are_images else paths
        if are_images:
            parts.append(_image_files(paths, max_pixels))
        else:
            parts += [source_of(what, path, cache_dir, max_pixels=max_pixels, exclude=exclude) for what, path in group]
    if len(parts) == 1:
        return parts[0]
    # What one argument names has its name, as ``train-*.tar`` and a folder of shards do.
    label = Path(roots[0].partition("*")[0].rstrip("-_/")).resolve().name if len(roots) == 1 else None
    return MixedSource(parts, unambiguous_prefixes(named), label or None)


def _expanded(root: str, kind: str) -> list[tuple[str, str]]:
    """Return the paths that one argument stands for, each after its kind."""
    if not os.path.lexists(root) and glob.has_magic(root):
        found = sorted(glob.glob(root, recursive=True))
        # The .idx of a .rec is read with it.
        paths = [path for path in found if not (path.endswith(".idx") and f"{path[:-4]}.rec" in found)]
        if not paths:
            raise UserError(f"No file matches {root}: check the pattern.")
        return [item for path in paths for item in _expanded(path, kind)]
    what = recognise(root) if kind == "auto" else kind
    if os.path.isdir(root) and what in (SHARDS, *_SHARD_SUFFIXES):
        shards = shard_files(Path(root), None if what == SHARDS else what)
        return [(recognise(path) if kind == "auto" else kind, path) for path in shards]
    return [(what, root)]


def _image_files(paths: Sequence[str], max_pixels: Optional[int]) -> Source:
    """Return single image files as a source; one that is named twice counts once."""
    absolute = list(dict.fromkeys(os.path.abspath(path) for path in paths))
    root = os.path.commonpath([os.path.dirname(path) for path in absolute])
    names = pack_names(os.path.relpath(path, root) for path in absolute)
    label = Path(absolute[0]).stem if len(absolute) == 1 else os.path.basename(root)
    return FileSource("files", Path(root), names, label, max_pixels)


def source_of(
    kind: str, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None, exclude: Sequence[str] = ()
) -> Source:
    """Return the source of one path; see `named_source` for patterns, shards and single images.

    Parameters
    ----------
    kind
        One of `KINDS`, or ``auto`` to recognise it.
    cache_dir
        Where lists and unpacked images are kept.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If nothing usable is there.
    """
    if kind == "auto":
        kind = recognise(root)
    else:
        _refuse_foreign(existing(root))
    if kind == "folder":
        return FolderSource(root, max_pixels=max_pixels, exclude=exclude)
    source = _MAKERS[kind](root, cache_dir, max_pixels)
    return without(source, exclude) if exclude else source


def recognise(root: AnyPath) -> str:
    """Return which of `KINDS`, `IMAGE` or `SHARDS` a path is, by its name and how it begins.

    Raises
    ------
    UserError
        If it does not exist, is known to be something else, or cannot be told.
    """
    path = existing(root)
    if path.is_dir():
        return _kind_of_folder(path)
    _refuse_foreign(path)
    kind = _kind_of_file(path) if path.is_file() else None
    if kind is None:
        raise UserError(f"Cannot tell what {path} is: say so with --dataset ({', '.join(KINDS)}).")
    return kind


def shard_files(folder: Path, kind: Optional[str] = None) -> list[str]:
    """Return the containers in a folder, sorted by path: those for training only, if names say which these are.

    They are looked for at most three levels deep. `kind` is ``tar``, ``parquet``, ``rec`` or ``zip``, or None for
    whichever there is. UserError is raised if there are several kinds, or none of the kind wanted.
    """
    found: dict[str, list[str]] = {}
    for known, path in _shards_below(folder):
        if kind in (None, known) and os.path.isfile(path):
            found.setdefault(known, []).append(path)
    if not found:
        raise UserError(f"{folder} holds no {kind or 'container'} file: give the folder that does.")
    if len(found) > 1:
        raise UserError(
            f"{folder} holds {' and '.join(found)} files: name one kind, as with '{folder}/*.{next(iter(found))}'."
        )
    ((_, paths),) = found.items()
    train = [path for path in paths if os.path.basename(path).lower().startswith("train")]
    if train and len(train) < len(paths):
        log.info(
            "Of the %d shards in %s, the %d whose names begin with train are used.", len(paths), folder, len(train)
        )
    return sorted(train or paths)


def _refuse_foreign(path: Path) -> None:
    if not path.is_file():
        return
    foreign = describe_foreign(path.name, first_bytes(path, FOREIGN_HEAD_BYTES))
    if foreign is not None:
        what, remedy = foreign
        raise UserError(f"{path} is {what}: {remedy}.")


def _kind_of_folder(folder: Path) -> str:
    if (folder / lsun.DATA_FILE).is_file() or any(folder.glob(f"*_lmdb/{lsun.DATA_FILE}")):
        return "lsun"
    if any((folder / name).exists() for name in cifar.FOLDERS + cifar.ARCHIVES):
        return "cifar10"
    if any(cifar.BATCH.match(path.name) for path in folder.glob("data_batch_*")):
        return "cifar10"
    if idx.train_image_files(folder):
        return "mnist"
    if (folder / CELEBA).exists() or (folder / f"{CELEBA}.zip").exists():
        return "celeba"
    return "folder" if holds_image(folder) or not any(_shards_below(folder)) else SHARDS


def _shards_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield kind and path of what is named like a container, not far below a folder and not hidden."""
    for depth in range(_SHARD_DEPTH):
        for path in glob.iglob("/".join([glob.escape(str(folder)), *["*"] * (depth + 1)])):
            for kind, endings in _SHARD_SUFFIXES.items():
                if path.lower().endswith(endings):
                    yield kind, path


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
    if start.startswith(PARQUET_MAGIC) or name.endswith(".parquet"):
        return "parquet"
    if start.startswith(COMPRESSED):
        return _kind_of_compressed(path)
    return IMAGE if name.endswith(IMAGE_SUFFIXES) or is_image_file(path) else None


def _kind_of_compressed(path: Path) -> Optional[str]:
    with decompressed(path) as file:
        start = file.read(512)
    if start[:4] == idx.MAGIC:
        return "mnist"
    return "tar" if start[_USTAR] == b"ustar" else None


def celeba(root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> Source:
    """Return the source of CelebA's aligned images.

    It is the folder ``img_align_celeba``, ``img_align_celeba.zip``, or a folder that holds one of these.
    """
    return _folder_or_archive(root, (f"{CELEBA}.zip", CELEBA), cache_dir, max_pixels)


def lfw(root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> Source:
    """Return the source of LFW's images: its folder, ``lfw.tgz``, or a folder that holds one of these."""
    names = [f"{name}{suffix}" for name in LFW for suffix in ("", ".tgz")]
    return _folder_or_archive(root, names, cache_dir, max_pixels)


def _folder_or_archive(root: AnyPath, names: Sequence[str], cache_dir: AnyPath, max_pixels: Optional[int]) -> Source:
    """Return the source of the first of some names that a folder holds, or else of the folder or archive itself."""
    path = existing(root)
    path = next((path / name for name in names if (path / name).exists()), path)
    if path.is_dir():
        return FolderSource(path, max_pixels=max_pixels)
    kind = ZipSource if first_bytes(path, 2) == b"PK" else TarSource
    return kind(path, cache_dir, max_pixels=max_pixels)
