"""The line that training prints when the chosen backend aliases on the chosen images.

Cheap enough to be looked at before every run: a few images, half a second at most.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from typing import Optional

import numpy as np

from gluon_wgan.data.aliasing import fold, to_spectrum
from gluon_wgan.data.aliasing_options import AGAINST, ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box, cut, source_pixels_to_one
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.sources import Source

_IMAGES = 8
_SECONDS = 0.5


def aliasing_warning(
    source: Source,
    *,
    size: int,
    resize: str,
    crop: Optional[Box],
    roots: Sequence[str],
    fit: str = CROP,
    seconds: float = _SECONDS,
) -> Optional[str]:
    """Say in one line that a backend aliases on a few of the images, or return None if it does not.

    Parameters
    ----------
    source
        The images.
    size
        Height and width they are resized to, in pixels.
    resize
        Name of the backend.
    crop
        Box that is cut out first, or None.
    roots
        What the command that shows the report is to name; nothing for the built-in portraits.
    fit
        How the images become squares.
    seconds
        When to stop measuring further images.
    """
    backend = canonical_name(resize)
    if BACKENDS[backend].antialiases:
        return None
    measured = _measure(source, size, backend, crop, fit, seconds)
    if not len(measured):
        return None
    share, levels, ratio = np.median(measured, axis=0)
    if not (share > ALIASING_SHARE and levels > ALIASING_LEVELS):
        return None
    # Both are named, so that the report compares the two without waiting for the others.
    words = ["python", "tools/resize_parity.py", *roots, "--size", str(size)]
    words += ["--crop", ",".join(map(str, crop))] if crop is not None else []
    words += ["--fit", fit] if fit != CROP else []
    words += ["--backends", ",".join(dict.fromkeys((backend, AGAINST)))]
    return (
        f"--resize {backend} aliases on these images, {ratio:.1f} source pixels to one: {share:.0%} of the "
        f"detail that is too fine returns as false detail, {levels:.0f} levels strong ({AGAINST} does not); "
        f"the report of this command shows it: {shlex.join(words)}"
    )


def _measure(source: Source, size: int, backend: str, crop: Optional[Box], fit: str, seconds: float) -> np.ndarray:
    """Return share, levels and ratio of a few evenly spread images that are shrunk: float (images, 3)."""
    measured = []
    until = time.perf_counter() + seconds
    for index in range(0, len(source), -(-len(source) // _IMAGES)):
        try:
            image = source.open(index, 3)
            image = image if crop is None else cut(image, crop)
        except BadImage:
            continue  # preparing the data reports it
        ratio = source_pixels_to_one(*image.size, size, fit)
        folded = fold(to_spectrum(image), ratio, [backend]) if ratio > 1 else None
        if folded is not None and np.isfinite(folded.share[0]):
            measured.append((folded.share[0], folded.rms[0], ratio))
        if time.perf_counter() > until:
            break
    return np.array(measured).reshape(-1, 3)
