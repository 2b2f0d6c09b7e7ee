"""From what a user names (paths, patterns, folders of shards, single image files) to one source."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Optional

from gluon_wgan.data.sources.base import AnyPath, Source
from gluon_wgan.data.sources.composed import MixedSource, unambiguous_prefixes
from gluon_wgan.data.sources.detect import IMAGE, SHARD_KINDS, SHARDS, recognise, shard_files, source_of
from gluon_wgan.data.sources.folder import FileSource
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError


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
        One of `gluon_wgan.data.sources.detect.KINDS`, or ``auto`` to recognise each path.
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
    if os.path.isdir(root) and what in (SHARDS, *SHARD_KINDS):
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
