"""Decode and resize many images at once, in this process and in helper processes.

Helpers are plain subprocesses instead of multiprocessing's: nothing is forked from a process
that may have loaded MXNet, and the main script is not imported again, so this works from a
script without a main guard, from a notebook and from stdin. The calling process takes its
share of the work, which hides how long the helpers take to start. Pixels come back through
memory that all of them share.
"""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, Callable, NamedTuple, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import CROP, Box, fit
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.data.sample_depth import PEAK
from gluon_wgan.data.sources import Source
from gluon_wgan.errors import UserError
from gluon_wgan.utils.work_queue import Conveyor, Job


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


Helper = subprocess.Popen[bytes]

_LONGEST_CHUNK = 64
_CHUNK_BYTES = 1 << 20
_SLOTS_EACH = 4
# With fewer images for each helper, starting it costs more time than it saves.
_WORTH_A_HELPER = 100
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


@dataclass(frozen=True)
class Task:
    """What to do with every image of a source."""

    source: Source
    size: int
    crop: Optional[Box]
    nc: int
    backend: str
    center_crop: str = "round"
    fit: str = CROP

    @property
    def row(self) -> tuple[int, int, int]:
        """Shape of a prepared image: (channels, size, size)."""
        return self.nc, self.size, self.size

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
        image = self.source.open(index, self.nc)
        square = fit(image, self.size, self.crop, BACKENDS[self.backend], self.center_crop, self.fit)
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
    task
        The work.
    start
        Number of the first image.
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
    with _shared_file() as file:
        slots = Slots(file.fileno(), (_SLOTS_EACH * (helpers + 1), longest, *task.row))
        file.truncate(prod(slots.shape))
        rows = slots.mapped()

        def hand_over(job: Job, findings: Findings) -> None:
            deliver(job.chunk, rows[job.slot, : len(job.chunk)], findings)

        conveyor = Conveyor(_chunks(start, len(task.source), helpers + 1, longest), slots.shape[0], hand_over)
        with ThreadPoolExecutor(helpers + 1) as threads, _started(helpers, slots) as started:
            others = [threads.submit(_stopping, conveyor, _delegate, helper, task) for helper in started]
            _stopping(conveyor, _work_here, task, rows)
            for other in others:
                other.result()


def _chunks(start: int, count: int, workers: int, longest: int) -> Iterator[range]:
    """Yield ranges that cover start..count: long ones first, which cost less to hand out, then ever shorter ones."""
    while start < count:
        length = max(1, min(longest, (count - start) // (4 * workers)))
        yield range(start, start + length)
        start += length


def _stopping(conveyor: Conveyor[Findings], work: Callable[..., None], *arguments: Any) -> None:
    """Do some work, and stop everybody's if it fails."""
    try:
        work(conveyor, *arguments)
    except BaseException:
        conveyor.stop()
        raise


def _work_here(conveyor: Conveyor[Findings], task: Task, rows: np.ndarray) -> None:
    while (job := conveyor.take(wait=True)) is not None:
        conveyor.put(job, task.run(job.chunk, rows[job.slot]))


def _delegate(conveyor: Conveyor[Findings], helper: Helper, task: Task) -> None:
    """Keep a helper busy: while it works on one chunk it has the next already."""
    sent: list[Job] = []
    try:
        _send(helper, task)  # waits, with many names, until the helper has started and reads them
        while True:
            job = conveyor.take(wait=not sent)
            if job is not None:
                _send(helper, job)
                sent.append(job)
                if len(sent) == 1:
                    continue
            if not sent:
                break
            conveyor.put(sent.pop(0), _answer(helper))
    except (EOFError, BrokenPipeError) as error:
        raise UserError(
            f"A helper process died with exit status {helper.wait()}: use fewer jobs if memory is short."
        ) from error


def serve(slots: Slots) -> None:
    """Be a helper: read a task and then jobs from stdin, and answer each job on stdout."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    rows = slots.mapped()
    try:
        task = pickle.load(sys.stdin.buffer)
        while True:
            job = pickle.load(sys.stdin.buffer)
            try:
                answer = task.run(job.chunk, rows[job.slot])
            except Exception as error:
                answer = error
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, BrokenPipeError):  # the caller has finished, or has died
        pass


@contextmanager
def _started(count: int, slots: Slots) -> Iterator[list[Helper]]:
    """Lend running helpers, and end them."""
    helpers: list[Helper] = []
    try:
        for _ in range(count):
            helpers.append(_start(slots))
        yield helpers
    finally:
        for helper in helpers:
            helper.kill()
            helper.communicate()


def _start(slots: Slots) -> Helper:
    environment = {
        **os.environ,
        **_ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-c", f"from gluon_wgan.data.workers import Slots, serve; serve({slots})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        pass_fds=[slots.descriptor],
        start_new_session=True,  # Ctrl-C is for the caller, which then ends its helpers
    )


def _shared_file() -> BinaryIO:
    """Return a file in memory, or on the disk where the system has none in memory."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("gluon_wgan-slots"), "w+b")
    return tempfile.TemporaryFile()


def _answer(helper: Helper) -> Findings:
    assert helper.stdout is not None
    answer = pickle.load(helper.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(helper: Helper, message: object) -> None:
    assert helper.stdin is not None
    pickle.dump(message, helper.stdin)
    helper.stdin.flush()
