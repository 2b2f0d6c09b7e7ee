"""Images that the user names for a comparison: a store, arrays, or image files, which are prepared or taken as is."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Callable
from pathlib import Path
from typing import Union

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.preparation import Preparation, prepare
from gluon_wgan.data.prepared_data import cache_directory, preparation_of
from gluon_wgan.data.preprocessing_spec import fit_of
from gluon_wgan.data.sources import Source, named_source, recognise
from gluon_wgan.data.sources.base import set_bit_depth
from gluon_wgan.data.store import META, Store, open_store
from gluon_wgan.errors import UserError
from gluon_wgan.metrics.evaluation_options import EvaluationOptions
from gluon_wgan.metrics.image_sets import ARRAY_SUFFIXES, ImageArray, StoredImages, decoded_images, read_array

Given = Union[Path, ImageArray]
WANTED = "give a store, a .npy or .npz array, or a folder, a list, an archive or a database of images"


def is_store(path: Path) -> bool:
    """Return whether a path is a folder made by ``tools/prepare_data.py`` or the like."""
    return (path / META).exists()


def like_run(path: Given, config: TrainConfig, options: EvaluationOptions) -> StoredImages:
    """Return a store, an array, or a store made in the cache of other images as a run's own were prepared.

    Raises UserError if there are no images.
    """
    how = preparation_of(config, progress=True)
    if options.bit_depth is not None:
        how = dataclasses.replace(how, bit_depth=options.bit_depth)
    return _prepared(path, how, config, options)


def like_store(path: Given, other: Store, options: EvaluationOptions) -> StoredImages:
    """Return a store, an array, or a store made in the cache of other images, of the kind of another store.

    Nothing is cropped off first but what exceeds a square: these images may have been cut out already. Raises UserError
    if there are no images.
    """
    _, channels, size, _ = other.images.shape
    config = TrainConfig()
    how = dataclasses.replace(
        preparation_of(config, progress=True),
        size=size,
        nc=channels,
        resize=other.made_from["resize"],
        center_crop=other.made_from.get("center_crop", config.center_crop),
        fit=fit_of(other.made_from),
        bit_depth=options.bit_depth or other.made_from.get("bit_depth"),
    )
    return _prepared(path, how, config, options)


def pair(evaluated: Given, real: Given, options: EvaluationOptions) -> tuple[StoredImages, StoredImages]:
    """Return two sets of images; if one is a store, it decides how the other's image files are prepared.

    Otherwise image files are compared at their own size, which must be the same for all. Raises UserError if there are
    no images, or they differ in size.
    """
    if isinstance(real, Path) and is_store(real):
        against = open_store(real)
        return like_store(evaluated, against, options), against
    if isinstance(evaluated, Path) and is_store(evaluated):
        store = open_store(evaluated)
        return store, like_store(real, store, options)
    return own_size(evaluated, options), own_size(real, options)


def own_size(path: Given, options: EvaluationOptions) -> StoredImages:
    """Return a store, an array, or images decoded and left at their own size.

    Raises UserError if there are no images, or they differ in size.
    """

    def decoded(source: Source, _: Path) -> StoredImages:
        assert isinstance(path, Path)
        set_bit_depth(source, options.bit_depth)
        return decoded_images(source, path, options.num, options.seed)

    return _opened(path, TrainConfig(), options, decoded)


def _prepared(path: Given, how: Preparation, config: TrainConfig, options: EvaluationOptions) -> StoredImages:
    how = dataclasses.replace(how, strict=False)
    return _opened(path, config, options, lambda source, cache: prepare(source, how, cache))


def _opened(
    path: Given, config: TrainConfig, options: EvaluationOptions, make: Callable[[Source, Path], StoredImages]
) -> StoredImages:
    """Return a store or an array as it is, and what is made of other images and the cache folder."""
    if isinstance(path, ImageArray):
        return path
    if is_store(path):
        return open_store(path)
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return read_array(path)
    _recognised(path)
    cache = cache_directory(config)
    return make(named_source("auto", [str(path)], cache, exclude=options.exclude), cache)


def _recognised(path: Path) -> None:
    """Refuse what the general reader would want a flag for that evaluation does not have."""
    if glob.has_magic(str(path)) and not path.exists():
        return
    if not path.exists():
        raise UserError(f"{path} does not exist: {WANTED}.")
    try:
        recognise(path)
    except UserError as error:
        if "--dataset" not in str(error):
            raise  # it is known what the file is
        raise UserError(f"Cannot tell what {path} is: {WANTED}.") from None
