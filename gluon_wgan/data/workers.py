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
from typing import Any, BinaryIO, Callable, NamedTuple, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box, fit
from gluon_wgan.data.resize import BACKENDS, canonical_name
from gluon_wgan.data.sample_depth import PEAK
from gluon_wgan.data.sources import Source
from gluon_wgan.utils.helper_processes import in_order


class Findings(NamedTuple):
    """What is to be said of some images.

    Attributes
    ----------
    failures
        Number of each image that cannot be used, and why.
    dark
        Number and largest value of each 16-bit image that leaves the upper bits unused.
    """

    failures: list[tuple[int, str]]
    dark: list[tuple[int, int]]


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

    def options(self) -> dict[str, Any]:
        """Return what decides the pixels, by name."""
        names = ("size", "resize", "crop", "nc", "center_crop", "fit", "bit_depth")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Task:
    """What to do with every image of a source."""

    source: Source
    how: Preparation

    @property
    def row(self) -> tuple[int, int, int]:
        """Shape of a prepared image: (channels, size, size)."""
        return self.how.nc, self.how.size, self.how.size

    def run(self, chunk: range, rows: np.ndarray) -> Findings:
        """Fill uint8 rows with the images in `chunk`; the rows of those that failed are left alone."""
        findings = Findings([], [])
        for index, row in zip(chunk, rows):
            try:
                peak = self._fill(index, row)
                if peak is not None:
                    findings.dark.append((index, peak))
            except BadImage as error:
                findings.failures.append((index, str(error)))
        return findings

    def _fill(self, index: int, row: np.ndarray) -> Optional[int]:
        """Fill one row, and return the peak of a dark image; a function, so that the image is gone before the next."""
        how, image = self.how, self.source.open(index, self.how.nc)
        square = fit(image, how.size, how.crop, BACKENDS[canonical_name(how.resize)], how.center_crop, how.fit)
        row[...] = square.transpose(2, 0, 1)
        return image.info.get(PEAK)


@dataclass(frozen=True)
class Slots:
    """Memory for prepared images that processes share: a file without a name, known by its descriptor."""

    descriptor: int
    shape: tuple[int, ...]

    def mapped(self) -> np.ndarray:
        """Return the memory: uint8 (slots, images, channels, size, size)."""
        return np.frombuffer(mmap.mmap(self.descriptor, prod(self.shape)), np.uint8).reshape(self.shape)


def run_task(task: Task, start: int, jobs: int, deliver: Callable[[range, np.ndarray, Findings], None]) -> None:
    """Prepare the images of a task's source from number `start` on.

    Parameters
    ----------
    jobs
        How many processes may work, this one included; few images get fewer.
    deliver
        Called for successive ranges of images with their numbers, their rows (uint8, of shape
        (images, channels, size, size)), and what was found; the rows of those that failed mean nothing. The rows are
        valid until it returns. Never called twice at the same time. What it raises stops the work.

    Raises
    ------
    UserError
        If a helper process dies.
    """
    count = len(task.source) - start
    # The main script is not imported by helpers, so a source that it defines can only be read here.
    alone = type(task.source).__module__ == "__main__"
    helpers = 0 if alone else min(jobs - 1, count // _WORTH_A_HELPER)
    longest = max(1, min(_LONGEST_CHUNK, _CHUNK_BYTES // prod(task.row)))
    ahead = _SLOTS_EACH * (helpers + 1)
    with _shared_file() as file:
        slots = Slots(file.fileno(), (ahead, longest, *task.row))
        file.truncate(prod(slots.shape))
        rows, chunks = slots.mapped(), _chunks(start, len(task.source), helpers + 1, longest)
        # A chunk is delivered before the next that has its slot is handed out.
        items = ((number % ahead, chunk) for number, chunk in enumerate(chunks))
        for (slot, chunk), findings in in_order(
            partial(_fill_slot, task, slots), items, helpers, ahead, [file.fileno()]
        ):
            deliver(chunk, rows[slot, : len(chunk)], findings)


def _fill_slot(task: Task, slots: Slots, item: tuple[int, range]) -> Findings:
    slot, chunk = item
    return task.run(chunk, slots.mapped()[slot])


def _chunks(start: int, count: int, workers: int, longest: int) -> Iterator[range]:
    """Yield ranges that cover start..count: long ones first, which cost less to hand out, then ever shorter ones."""
    while start < count:
        length = max(1, min(longest, (count - start) // (4 * workers)))
        yield range(start, start + length)
        start += length


def _shared_file() -> BinaryIO:
    """Return a file in memory, or on the disk where the system has none in memory."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("gluon_wgan-slots"), "w+b")
    return tempfile.TemporaryFile()
