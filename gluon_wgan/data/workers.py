"""Decode and resize many images at once, in this process and in helper processes.

Helpers are started as ``python -m gluon_wgan.data.workers`` instead of through multiprocessing:
nothing is forked from a process that may have loaded MXNet, and the main script is not
imported again, so this works from a script without a main guard, a notebook or stdin. The
calling process takes its share of the work, which hides the helpers' start.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import Box, fit
from gluon_wgan.data.sources import Source
from gluon_wgan.errors import UserError

Failures = list[tuple[int, str]]
"""Number of and reason for each image that could not be used."""

_CHUNK = 16
# Below this many images for each helper, starting it costs more than it saves.
_WORTH_A_HELPER = 100


@dataclass(frozen=True)
class Task:
    """What to do with every image, and the file of rows to write them into."""

    source: Source
    size: int
    crop: Optional[Box]
    nc: int
    backend: str
    pixels: Path

    def run(self, chunk: range) -> Failures:
        """Write the rows of a chunk; those of failed images are left as they are."""
        failures: Failures = []
        with self.pixels.open("r+b", buffering=0) as file:
            for index in chunk:
                try:
                    image = fit(self.source.read(index, self.nc), self.size, self.crop, self.backend)
                except BadImage as error:
                    failures.append((index, str(error)))
                    continue
                row = np.ascontiguousarray(image.transpose(2, 0, 1))
                os.pwrite(file.fileno(), row, index * row.nbytes)
        return failures


def run_task(task: Task, jobs: int, stop_at_failure: bool, advance: Callable[[int], object]) -> Failures:
    """Write the rows of all images of a task with up to `jobs` processes.

    Parameters
    ----------
    task
        The work; its file of rows must exist.
    jobs
        Processes, this one included; fewer are used for few images.
    stop_at_failure
        Whether to hand out no more work once an image has failed.
    advance
        Called, from several threads, with the number of images just finished.

    Returns
    -------
    list of (number, reason)
        Sorted. With `stop_at_failure` the first is the first bad image of all, whoever found it.

    Raises
    ------
    OSError
        If rows cannot be written.
    UserError
        If a helper dies.
    """
    count = len(task.source)
    chunks = deque(range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))
    failures: Failures = []

    def work(run: Callable[[range], Failures]) -> None:
        try:
            while chunks:
                chunk = chunks.popleft()
                failures.extend(run(chunk))
                advance(len(chunk))
                if failures and stop_at_failure:
                    chunks.clear()
        except IndexError:  # another thread took the last chunk in between
            pass
        except BaseException:
            chunks.clear()
            raise

    helpers = min(jobs - 1, count // _WORTH_A_HELPER)
    with _helpers(task, helpers) as runs, ThreadPoolExecutor(max(1, helpers)) as threads:
        others = [threads.submit(work, run) for run in runs]
        work(task.run)
        for other in others:
            other.result()
    return sorted(failures)
