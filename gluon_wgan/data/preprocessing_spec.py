"""What decides the pixels of a store: the images, the resize backend, the crop and the size."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Optional

from gluon_wgan.data.decode import COLOUR_HANDLING
from gluon_wgan.data.geometry import CROP, FITS, Box
from gluon_wgan.data.resize import BACKENDS, canonical_name, library_versions
from gluon_wgan.data.sources import Source
from gluon_wgan.data.store import FORMAT_VERSION, PART
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


def store_spec(source: Source, **options: Any) -> dict[str, Any]:
    """Return everything that decides the pixels of a store, JSON-able.

    For the options, which `preprocessing_spec` takes, see `gluon_wgan.data.workers.Preparation`.

    Raises
    ------
    UserError
        If one is out of range.
    """
    return {**preprocessing_spec(**options), "source": source.identity()}


def preprocessing_spec(
    *,
    size: int,
    resize: str,
    crop: Optional[Box],
    nc: int,
    center_crop: str = "round",
    fit: str = CROP,
    bit_depth: Optional[int] = None,
) -> dict[str, Any]:
    """Return how images are prepared, whatever they are: a store's spec without its source."""
    if size < 1:
        raise UserError(f"Images cannot be {size} pixels wide: use a size of 1 or more.")
    if nc not in (1, 3):
        raise UserError(f"Images cannot have {nc} channels: use 1 (gray) or 3 (colour).")
    if crop is not None and not (0 <= crop[0] < crop[2] and 0 <= crop[1] < crop[3]):
        raise UserError(f"The crop box {crop} is empty or negative: give left, top, right, bottom in pixels.")
    if fit not in FITS:
        raise UserError(f"Images cannot be brought to a square by {fit!r}: use {', '.join(FITS)}.")
    backend = BACKENDS[canonical_name(resize)]
    return {
        "format_version": FORMAT_VERSION,
        "resize": backend.name,
        "filter": backend.filter,
        "libraries": library_versions(backend.name),
        "size": size,
        "crop": None if crop is None else list(crop),
        "nc": nc,
        "colour": COLOUR_HANDLING,
        # Left out where it is the usual one, so that stores made before there was a choice keep their names.
        **({} if center_crop == "round" else {"center_crop": center_crop}),
        **({} if fit == CROP else {"fit": fit}),
        **({} if bit_depth is None else {"bit_depth": bit_depth}),
    }


def fit_of(made_from: dict[str, Any]) -> str:
    """Return how the images of a store were brought to a square."""
    return made_from.get("fit", CROP)


def spec_key(made_from: dict[str, Any]) -> str:
    """Return the SHA-256 of a spec in canonical JSON."""
    canonical = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def preprocessing_differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return in words where two specs differ in how images are prepared, whatever the images are."""
    return [
        f"{_HOW[field]} {_shown(_value(old, field))}, not {_shown(_value(new, field))}"
        for field in _differing(old, new)
    ]


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


def _differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    fields = [field for field in _HOW if old.get(field) != new.get(field)]
    # Another backend has another filter and other libraries, which would only say the same again.
    return [field for field in fields if "resize" not in fields or field not in ("filter", "libraries")]


def _value(made_from: dict[str, Any], field: str) -> Any:
    return made_from.get(field, {"center_crop": "round", "fit": CROP}.get(field))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{name} {version}" for name, version in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
