"""CelebA and LFW as they are distributed: a folder of images, or one archive."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from gluon_wgan.data.sources.base import AnyPath, Source, existing, first_bytes
from gluon_wgan.data.sources.folder import FolderSource
from gluon_wgan.data.sources.tar_archive import TarSource
from gluon_wgan.data.sources.zip_archive import ZipSource

CELEBA = "img_align_celeba"
LFW = ("lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-funneled")


def celeba(root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> Source:
    """Return the source of CelebA's aligned images.

    Parameters
    ----------
    root
        The folder ``img_align_celeba``, ``img_align_celeba.zip``, or a folder that holds one of these.
    cache_dir, max_pixels
        As for `ZipSource`.

    Raises
    ------
    UserError
        As `FolderSource` and `ZipSource` do.
    """
    path = existing(root)
    for inside in (path / CELEBA, path / f"{CELEBA}.zip"):
        if inside.exists():
            path = inside
    return folder_or_archive(path, cache_dir, max_pixels)


def lfw(root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> Source:
    """Return the source of LFW's images: its folder, ``lfw.tgz``, or a folder that holds one of these."""
    path = existing(root)
    inside = [path / f"{name}{suffix}" for name in LFW for suffix in ("", ".tgz")] if path.is_dir() else []
    path = next((place for place in inside if place.exists()), path)
    return folder_or_archive(path, cache_dir, max_pixels)


def folder_or_archive(path: Path, cache_dir: AnyPath, max_pixels: Optional[int]) -> Source:
    """Return the source of a folder, a ZIP archive or a tar archive."""
    if path.is_dir():
        return FolderSource(path, max_pixels=max_pixels)
    kind = ZipSource if first_bytes(path, 2) == b"PK" else TarSource
    return kind(path, cache_dir, max_pixels=max_pixels)
