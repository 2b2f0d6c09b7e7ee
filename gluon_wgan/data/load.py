"""From a configuration to its prepared data."""

from __future__ import annotations

import os
from pathlib import Path

from gluon_wgan import compat
from gluon_wgan.config import TrainConfig
from gluon_wgan.data.prepare import prepare
from gluon_wgan.data.sources import CsvSource, DrawnFacesSource, FolderSource, Source
from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError


def find_source(config: TrainConfig) -> Source:
    """Find the images that a configuration names, without reading them.

    Raises
    ------
    UserError
        When there are none.
    """
    if config.dataset == "drawn-faces":
        return DrawnFacesSource(config.num_faces, config.faces_seed)
    assert config.data_root is not None  # TrainConfig has refused it
    root = Path(config.data_root)
    return FolderSource(root) if config.dataset == "folder" else CsvSource(root)


def prepare_data(config: TrainConfig, *, progress: bool) -> Store:
    """Decode and resize a configuration's images once, or open what an earlier run prepared.

    Raises
    ------
    UserError
        When there are no usable images, fewer than a batch, or the cache cannot be written.
    """
    store = prepare(
        find_source(config),
        size=config.image_size,
        resize=config.resize,
        crop=config.crop,
        nc=config.nc,
        strict=config.strict,
        cache_dir=cache_directory(config),
        jobs=config.jobs or compat.usable_cores(),
        progress=progress,
    )
    if len(store) < config.batch_size:
        raise UserError(
            f"There are {len(store)} usable images but --batch-size is {config.batch_size}: give more images "
            "or a smaller batch."
        )
    return store


def cache_directory(config: TrainConfig) -> Path:
    """Return where prepared data is kept: ``cache_dir``, or the user's cache folder (XDG)."""
    if config.cache_dir is not None:
        return Path(config.cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gluon_wgan"
