"""Decode and resize many images at once, in this process and in helper processes.

Pixels come back through memory that all of them share.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import BinaryIO, Callable, NamedTuple, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box, fit
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.sample_depth import PEAK
from gluon_wgan.data.sources import Source
from gluon_wgan.utils.helper_processes import in_order


class Findings(NamedTuple):
    """What is to be said of some images, each after its number."""

    failures: list[tuple[int, str]]
    """Why images cannot be used."""
    dark: list[tuple[int, int]]
    """The largest value of 16-bit images that leave the upper bits unused."""


_LONGEST_CHUNK = 64
_CHUNK_BYTES = 1 << 20
_SLOTS_EACH = 4
# With fewer images for each helper, starting it costs more time than it saves.
_WORTH_A_HELPER = 100


@dataclass(frozen=True)
class Preparation:
    """How images are prepared; the pixels are the same for any number of jobs.

    Attributes
    ----------
    size
        Height and width of the prepared images, in pixels.
    crop
        Box (left, top, right, bottom) to cut out before resizing, in pixels, or None.
    nc
        Channels: 1 (gray) or 3 (RGB).
    strict
        Whether one unusable image is an error; otherwise it is skipped and listed in the store.
    jobs
        How many processes may work at once, this one included.
    center_crop
        Where the central square starts: ``round`` or ``floor``.
    fit
        How an image becomes a square: one of `gluon_wgan.data.geometry.FITS`.
    bit_depth
        How many bits the values of 16-bit images have; None for what their files declare.
    """

    size: int
    resize: str
    crop: Optional[Box]
    nc: int
    strict: bool
    jobs: int
    progress: bool
    center_crop: str = "round"
    fit: str = CROP
    bit_depth: Optional[int] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "resize", canonical_name(self.resize))

    @property
    def row(self) -> tuple[int, int, int]:
        """Shape of a prepared image: (channels, size, size)."""
        return self.nc, self.size, self.size


def prepare_images(
    source: Source, how: Preparation, start: int, deliver: Callable[[range, np.ndarray, Findings], None]
) -> None:
    """Prepare the images of a source from number `start` on, or raise UserError if a helper process dies.

    `deliver` is called for successive ranges of images with their numbers, their rows (uint8, of shape
    (images, channels, size, size)), and what was found; the rows of those that failed mean nothing. The rows are valid
    until it returns. It is never called twice at the same time. What it raises stops the work.
    """
    count = len(source) - start
    # The main script is not imported by helpers, so a source that it defines can only be read here.
    alone = type(source).__module__ == "__main__"
    helpers = 0 if alone else min(how.jobs - 1, count // _WORTH_A_HELPER)
    longest = max(1, min(_LONGEST_CHUNK, _CHUNK_BYTES // prod(how.row)))
    ahead = _SLOTS_EACH * (helpers + 1)
    shape = (ahead, longest, *how.row)
    with _shared_file() as file:
        file.truncate(prod(shape))
        rows, chunks = _mapped(file.fileno(), shape), _chunks(start, len(source), helpers + 1, longest)
        # A chunk is delivered before the next that has its slot is handed out.
        items = ((number % ahead, chunk) for number, chunk in enumerate(chunks))
        work = partial(_fill_slot, source, how, file.fileno(), shape)
        for (slot, chunk), findings in in_order(work, items, helpers, ahead, [file.fileno()]):
            deliver(chunk, rows[slot, : len(chunk)], findings)


def _mapped(descriptor: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the memory that processes share: uint8 (slots, images, channels, size, size)."""
    return np.frombuffer(mmap.mmap(descriptor, prod(shape)), np.uint8).reshape(shape)


def _fill_slot(
    source: Source, how: Preparation, descriptor: int, shape: tuple[int, ...], item: tuple[int, range]
) -> Findings:
    """Fill a slot with the images of a chunk; the rows of those that failed are left alone."""
    slot, chunk = item
    findings = Findings([], [])
    for index, row in zip(chunk, _mapped(descriptor, shape)[slot]):
        try:
            peak = _fill(source, how, index, row)
            if peak is not None:
                findings.dark.append((index, peak))
        except BadImage as error:
            findings.failures.append((index, str(error)))
    return findings


def _fill(source: Source, how: Preparation, index: int, row: np.ndarray) -> Optional[int]:
    """Fill one row, and return the peak of a dark image; a function, so that the image is gone before the next."""
    image = source.open(index, how.nc)
    square = fit(image, how.size, how.crop, BACKENDS[how.resize], how.center_crop, how.fit)
    row[...] = square.transpose(2, 0, 1)
    return image.info.get(PEAK)


def _chunks(start: int, count: int, workers: int, longest: int) -> Iterator[range]:
    """Yield ranges that cover start..count: long ones first, which cost less to hand out, then ever shorter ones."""
    while start < count:
        length = max(1, min(longest, (count - start) // (4 * workers)))
        yield range(start, start + length)
        start += length


def _shared_file() -> BinaryIO:
    """Return a file without a name, in memory, or on the disk where the system has none in memory."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("gluon_wgan-slots"), "w+b")
    return tempfile.TemporaryFile()
