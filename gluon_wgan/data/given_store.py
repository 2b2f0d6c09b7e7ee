"""The store that ``--data`` gives."""

from __future__ import annotations

from typing import Any, Optional

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.preprocessing_spec import fit_of
from gluon_wgan.data.store import Store, open_store
from gluon_wgan.errors import UserError

# What finds images has no say beside a store, whichever a preset or an earlier run had.
_FINDERS = ("dataset", "data_root", "exclude", "max_pixels", "limit", "fraction")


def adopt_store(options: dict[str, Any]) -> dict[str, Any]:
    """Return options with what the store in ``data`` says of its images, where they do not say otherwise.

    Parameters
    ----------
    options
        The options that the user gave, by name, ``data`` among them.

    Raises
    ------
    UserError
        If there is no usable store.
    """
    store = open_store(options["data"])
    _, channels, size, _ = store.images.shape
    said = {name: store.made_from[name] for name in ("resize", "crop")}
    said["fit"] = fit_of(store.made_from)
    said["center_crop"] = _center_crop(store)
    said["bit_depth"] = store.made_from.get("bit_depth")
    # An option that contradicts the store is kept, and refused when the store is opened to be used.
    finders = {name: getattr(TrainConfig, name) for name in _FINDERS}
    return {**finders, **said, "image_size": size, "nc": channels, **options}


def open_given(config: TrainConfig) -> Store:
    """Open the store that a configuration names, if it is what the other options say.

    Raises
    ------
    UserError
        If there is no usable store, or its images do not fit.
    """
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
    made_from = store.made_from
    if config.resize != made_from["resize"]:
        raise UserError(
            f"--resize {config.resize} contradicts {config.data}, which was made with {made_from['resize']}: give "
            f"--resize {made_from['resize']} or another store."
        )
    crop = None if config.crop is None else list(config.crop)
    if crop != made_from["crop"]:
        raise UserError(
            f"--crop {_box(crop)} contradicts {config.data}, which was made with {_box(made_from['crop'])}: leave it "
            "out or give another store."
        )
    if config.center_crop != _center_crop(store):
        raise UserError(
            f"--center-crop {config.center_crop} contradicts {config.data}, which was made with {_center_crop(store)}: "
            "leave it out or give another store."
        )
    if config.fit != fit_of(made_from):
        raise UserError(
            f"--fit {config.fit} contradicts {config.data}, which was made with --fit {fit_of(made_from)}: leave it "
            "out or give another store."
        )
    if config.bit_depth != made_from.get("bit_depth"):
        raise UserError(
            f"{_bits(config.bit_depth)} contradicts {config.data}, which was made with "
            f"{_bits(made_from.get('bit_depth'))}: leave it out or give another store."
        )
    return store


def _bits(bit_depth: Optional[int]) -> str:
    return "no --bit-depth" if bit_depth is None else f"--bit-depth {bit_depth}"


def _center_crop(store: Store) -> str:
    return store.made_from.get("center_crop", TrainConfig.center_crop)


def _box(crop: Any) -> str:
    return "no crop" if crop is None else ",".join(map(str, crop))
