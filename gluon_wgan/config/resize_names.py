"""The names of the resize backends, ``library-filter``, and their aliases."""

from __future__ import annotations

from difflib import get_close_matches

from gluon_wgan.errors import UserError

FILTERS = {
    "pil": ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"),
    "cv2": ("nearest", "bilinear", "bicubic", "area", "lanczos4"),
    "mxnet": ("nearest", "bilinear", "bicubic", "area", "lanczos"),
}
NAMES = tuple(f"{library}-{filter_name}" for library, filters in FILTERS.items() for filter_name in filters)
ALIASES = {"pil": "pil-bilinear", "cv2": "cv2-bicubic"}


def canonical_name(name: str) -> str:
    """Return the full name of the backend that `name`, a full name or an alias, stands for.

    Raises
    ------
    UserError
        If there is none; the message lists the nearest names.
    """
    full = ALIASES.get(name, name)
    if full not in NAMES:
        near = get_close_matches(name, [*ALIASES, *NAMES], n=4, cutoff=0.4) or [*ALIASES, *NAMES]
        raise UserError(f"There is no resize backend {name!r}: choose {', '.join(near)}.")
    return full
