"""From a configuration to its prepared data."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Optional

from gluon_wgan import compat
from gluon_wgan.config.train_config import DRAWN_FACES, TrainConfig
from gluon_wgan.data.preparation import Preparation, prepare
from gluon_wgan.data.preprocessing_spec import preprocessing_spec, recorded
from gluon_wgan.data.sources import BuiltInSource, FolderSource, Source, named_source
from gluon_wgan.data.sources.base import all_parts, left_out_rows, set_bit_depth
from gluon_wgan.data.sources.composed import sample
from gluon_wgan.data.store import Store, open_store
from gluon_wgan.errors import UserError

log = logging.getLogger("gluon_wgan.data")

_NAMED_IN_LOG = 12
# What finds images has no say beside a store, whichever a preset or an earlier run had.
_FINDERS = ("dataset", "data_root", "exclude", "max_pixels", "limit", "fraction")


def find_source(config: TrainConfig) -> Source:
    """Find the images that a configuration names, without decoding them.

    What is large or compressed is listed or unpacked in the cache folder when it is found for the first time.

    Raises
    ------
    UserError
        When there are none, or a folder cannot be read and the configuration is strict.
    """
    roots = config.data_roots
    if not roots:  # TrainConfig has seen to it that the built-in portraits are wanted
        whole: Source = BuiltInSource()
    elif roots == (DRAWN_FACES,):
        raise UserError(
            "The faces that this run was trained on were drawn by code, which gluon_wgan no longer has: give their "
            "prepared store with --data, or start a new run."
        )
    else:
        limit, exclude = config.max_pixels, config.exclude
        whole = named_source(config.dataset, roots, cache_directory(config), max_pixels=limit, exclude=exclude)
        set_bit_depth(whole, config.bit_depth)
    _report_left_out(whole, config.strict)
    wanted = config.limit
    if config.fraction is not None:
        wanted = max(1, round(config.fraction * len(whole)))
    return whole if wanted is None else sample(whole, wanted, config.subset_seed)


def _report_left_out(source: Source, strict: bool) -> None:
    for part in all_parts(source):
        if strict and isinstance(part, FolderSource) and part.left_out.unreadable:
            name, reason = part.left_out.unreadable[0]
            raise UserError(
                f"{part.root}/{name} cannot be read ({reason}): change its permissions, add --exclude '{name}', or "
                "leave --strict out."
            )
    rows = left_out_rows(source)
    for name, reason in rows[:_NAMED_IN_LOG]:
        log.warning("Left out of %s: %s (%s).", source.label, name, reason)
    if len(rows) > _NAMED_IN_LOG:
        log.warning(
            "Left out of %s: %d more kinds, all listed in skipped.csv.", source.label, len(rows) - _NAMED_IN_LOG
        )


def recognisable_roots(config: TrainConfig) -> tuple[str, ...]:
    """Return what a configuration names, if the tools that only recognise data read the same, or nothing."""
    return config.data_roots if config.dataset != "lfw" else ()


def prepare_data(config: TrainConfig, *, progress: bool, source: Optional[Source] = None) -> Store:
    """Open a configuration's store, or decode and resize its images once into one, which later runs open.

    Parameters
    ----------
    source
        What `find_source` found for this configuration; None to look, if it names no store.

    Raises
    ------
    UserError
        When there are no usable images, fewer than a batch, the store does not fit, or the cache cannot be
        written.
    """
    if config.data is not None:
        store = open_given(config)
    else:
        found = find_source(config) if source is None else source
        store = prepare(found, preparation_of(config, progress=progress), cache_directory(config))
    if len(store) < config.batch_size:
        raise UserError(
            f"There are {len(store)} usable images but --batch-size is {config.batch_size}: give more images "
            "or a smaller batch."
        )
    return store


def preparation_of(config: TrainConfig, *, progress: bool) -> Preparation:
    """Return how a configuration wants its images prepared, with or without a progress bar."""
    return Preparation(
        size=config.image_size,
        resize=config.resize,
        crop=config.crop,
        nc=config.nc,
        strict=config.strict,
        jobs=config.jobs or compat.usable_cores(),
        progress=progress,
        center_crop=config.center_crop,
        fit=config.fit,
        bit_depth=config.bit_depth,
    )


def count_images(config: TrainConfig) -> int:
    """Return how many images a configuration names, counting those that may turn out to be unusable."""
    return len(find_source(config)) if config.data is None else len(open_given(config))


def preprocessing_of(config: TrainConfig) -> dict[str, Any]:
    """Return the preprocessing spec of a configuration."""
    if config.data is not None:
        return open_given(config).made_from
    return preprocessing_spec(preparation_of(config, progress=False))


def cache_directory(config: TrainConfig) -> Path:
    """Return where prepared data is kept: ``cache_dir``, or the user's cache folder (XDG)."""
    if config.cache_dir is not None:
        return Path(config.cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gluon_wgan"


def adopt_store(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with what the store in ``data`` says of its images, where they do not say otherwise.

    `options` are those that the user gave, by name, ``data`` among them. UserError is raised if there is no usable
    store.
    """
    store = open_store(options["data"])
    _, channels, size, _ = store.images.shape
    # An option that contradicts the store is kept, and refused when the store is opened to be used.
    finders = {name: getattr(TrainConfig, name) for name in _FINDERS}
    return {**finders, **_said_of(store), "image_size": size, "nc": channels, **options}


def _said_of(store: Store) -> dict[str, Any]:
    """Return the options that made the pixels of a store, by name."""
    names = ("resize", "crop", "center_crop", "fit", "bit_depth")
    return {name: recorded(store.made_from, name) for name in names}


def open_given(config: TrainConfig) -> Store:
    """Open the store that a configuration names; raise UserError if it is not usable, or not what other options say."""
    assert config.data is not None
    store = open_store(config.data)
    _, channels, size, _ = store.images.shape
    if size != config.image_size:
        raise UserError(
            f"{config.data} holds images of {size}x{size} pixels, but --image-size is {config.image_size}: "
            f"give --image-size {size} or another store."
        )
    if channels != config.nc:
        raise UserError(
            f"{config.data} holds images of {channels} channels, but --nc is {config.nc}: give --nc {channels} "
            "or another store."
        )
    for name, made in _said_of(store).items():
        given = getattr(config, name)
        if (list(given) if isinstance(given, tuple) else given) != made:
            raise UserError(
                f"{_as_flag(name, given)} contradicts {config.data}, which was made with {_as_flag(name, made)}: leave "
                "it out or give another store."
            )
    return store


def _as_flag(name: str, value: Any) -> str:
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return f"no {flag}"
    return f"{flag} {','.join(map(str, value)) if isinstance(value, (list, tuple)) else value}"
