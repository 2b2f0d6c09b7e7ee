"""What decides the pixels of a store: the images, the resize backend, the crop and the size."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from gluon_wgan.data.decode import COLOUR_HANDLING
from gluon_wgan.data.geometry import FITS
from gluon_wgan.data.resize import BACKENDS, library_versions
from gluon_wgan.data.sources import Source
from gluon_wgan.data.store import FORMAT_VERSION, PART
from gluon_wgan.data.workers import Preparation
from gluon_wgan.errors import UserError

# The fields that do not depend on where the images are. The version is one: it is raised when the conversion from
# a decoded image to a square changes.
_HOW = {
    "format_version": "format",
    "resize": "--resize",
    "filter": "filter",
    "libraries": "libraries",
    "size": "--image-size",
    "crop": "--crop",
    "center_crop": "--center-crop",
    "fit": "--fit",
    "nc": "--nc",
    "bit_depth": "--bit-depth",
    "colour": "colour handling",
    PART: "--part",
}
_OPTIONAL = ("center_crop", "fit", "bit_depth")


def store_spec(source: Source, how: Preparation) -> dict[str, Any]:
    """Return everything that decides the pixels of a store, JSON-able, or raise UserError if any is out of range."""
    return {**preprocessing_spec(how), "source": source.identity()}


def preprocessing_spec(how: Preparation) -> dict[str, Any]:
    """Return a store's spec without its source: how images are prepared, whatever they are."""
    if how.size < 1:
        raise UserError(f"Images cannot be {how.size} pixels wide: use a size of 1 or more.")
    if how.nc not in (1, 3):
        raise UserError(f"Images cannot have {how.nc} channels: use 1 (gray) or 3 (colour).")
    crop = how.crop
    if crop is not None and not (0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]):
        raise UserError(f"The crop box {crop} is empty or negative: give left, top, right, bottom in pixels.")
    if how.fit not in FITS:
        raise UserError(f"Images cannot be brought to a square by {how.fit!r}: use {', '.join(FITS)}.")
    backend = BACKENDS[how.resize]
    return {
        "format_version": FORMAT_VERSION,
        "resize": backend.name,
        "filter": backend.filter,
        "libraries": library_versions(backend.name),
        "size": how.size,
        "crop": None if crop is None else list(crop),
        "nc": how.nc,
        "colour": COLOUR_HANDLING,
        # Left out where it is the usual one, so that stores made before there was a choice keep their names.
        **{name: getattr(how, name) for name in _OPTIONAL if getattr(how, name) != getattr(Preparation, name)},
    }


def fit_of(made_from: dict[str, Any]) -> str:
    """Return how the images of a store were brought to a square."""
    return recorded(made_from, "fit")


def spec_key(made_from: dict[str, Any]) -> str:
    """Return the SHA-256 of a spec in canonical JSON."""
    canonical = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def recorded(made_from: dict[str, Any], option: str) -> Any:
    """Return the value of an option with which a store was made."""
    return made_from.get(option, getattr(Preparation, option, None))


def preprocessing_differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in words where two specs differ in how images are prepared, whatever the images are."""
    fields = [field for field in _HOW if old.get(field) != new.get(field)]
    if "resize" in fields:  # another backend has another filter and other libraries, which would only say the same
        fields = [field for field in fields if field not in ("filter", "libraries")]
    return [f"{_HOW[field]} {_shown(old, field)}, not {_shown(new, field)}" for field in fields]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in words where two specs differ."""
    before, now = old.get("source"), new.get("source")
    if before == now:
        return preprocessing_differences(old, new)
    counts = [
        f"{source['images']:,} images" for source in (before, now) if isinstance(source, dict) and "images" in source
    ]
    if len(counts) == 2 and counts[0] != counts[1]:
        return [*preprocessing_differences(old, new), f"made from {counts[0]}, not {counts[1]}"]
    # A file is known by its name, size and time: to compare contents would read every image.
    files = "made from other files, or from the same before they were copied or changed"
    return [*preprocessing_differences(old, new), files]


def _shown(made_from: dict[str, Any], field: str) -> str:
    value = recorded(made_from, field)
    if isinstance(value, dict):
        return " and ".join(f"{name} {version}" for name, version in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
