"""Images that the user names for a comparison: a store, or pictures that are first prepared as one."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.config import TrainConfig
from gluon_wgan.data.geometry import Box
from gluon_wgan.data.load import cache_directory
from gluon_wgan.data.prepare import Preparation, prepare
from gluon_wgan.data.sources import recognise, source_of
from gluon_wgan.data.store import META, Store, open_store
from gluon_wgan.errors import UserError

WANTED = "give a store, or a folder, a list, an archive or a database of images"


def is_store(path: Path) -> bool:
    """Return whether a path is a folder made by ``tools/prepare_data.py`` or the like."""
    return (path / META).exists()


def like_run(path: Path, config: TrainConfig) -> Store:
    """Return a store, or one made in the cache of other pictures, as a run's own images were prepared.

    Raises
    ------
    UserError
        If there are no images.
    """
    how = _way(config.image_size, config.resize, config.crop, config.nc, config.center_crop)
    return _prepared(path, how, config)


def like_store(path: Path, other: Store) -> Store:
    """Return a store, or one made in the cache of other pictures, of the kind of another store.

    Nothing is cropped off first but what exceeds a square: these pictures may have been cut out already.

    Raises
    ------
    UserError
        If there are no images.
    """
    _, channels, size, _ = other.images.shape
    center_crop = other.made_from.get("center_crop", TrainConfig.center_crop)
    return _prepared(path, _way(size, other.made_from["resize"], None, channels, center_crop), TrainConfig())


def pair(judged: Path, real: Path) -> tuple[Store, Store]:
    """Return two sets of images, each a store or pictures, of which one store decides how the others are prepared.

    Raises
    ------
    UserError
        If neither is a store, or there are no images.
    """
    if is_store(real):
        against = open_store(real)
        return like_store(judged, against), against
    if is_store(judged):
        store = open_store(judged)
        return store, like_store(real, store)
    for path in (judged, real):
        _recognised(path)
    raise UserError(
        f"Neither {judged} nor {real} is a store, which would say how large images are compared: make one of {real} "
        "with tools/prepare_data.py."
    )


def _way(size: int, resize: str, crop: Optional[Box], nc: int, center_crop: str) -> Preparation:
    cores = compat.usable_cores()
    return Preparation(size, resize, crop, nc, strict=False, jobs=cores, progress=True, center_crop=center_crop)


def _prepared(path: Path, how: Preparation, config: TrainConfig) -> Store:
    if is_store(path):
        return open_store(path)
    _recognised(path)
    cache = cache_directory(config)
    return prepare(source_of("auto", str(path), cache), how, cache)


def _recognised(path: Path) -> None:
    """Refuse what the general reader would want a flag for that evaluation does not have."""
    if not path.exists():
        raise UserError(f"{path} does not exist: {WANTED}.")
    try:
        recognise(path)
    except UserError:
        raise UserError(f"Cannot tell what {path} is: {WANTED}.") from None
