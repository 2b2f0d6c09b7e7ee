"""Decode and resize many images at once, in this process and in helper processes.

Helpers are plain subprocesses instead of multiprocessing's: nothing is forked from a process
that may have loaded MXNet, and the main script is not imported again, so this works from a
script without a main guard, from a notebook and from stdin. The calling process takes its
share of the work, which hides how long the helpers take to start.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import Box, fit
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.data.sources import Source
from gluon_wgan.errors import UserError

Failures = list[tuple[int, str]]
"""Number of each image that could not be used, and why."""
Helper = subprocess.Popen[bytes]

_LONGEST_CHUNK = 64
# With fewer images for each helper, starting it costs more time than it saves.
_WORTH_A_HELPER = 100
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


@dataclass(frozen=True)
class Task:
    """What to do with every image of a source, and the file to write the rows of pixels into."""

    source: Source
    size: int
    crop: Optional[Box]
    nc: int
    backend: str
    pixels: Path

    def run(self, chunk: range) -> Failures:
        """Write the rows of the images in `chunk`, and return those that failed; their rows become zeros."""
        backend = BACKENDS[self.backend]
        blank = np.zeros((self.size, self.size, self.nc), np.uint8)
        failures: Failures = []
        with self.pixels.open("r+b") as file:
            file.seek(chunk.start * blank.size)
            for index in chunk:
                try:
                    image = fit(self.source.open(index, self.nc), self.size, self.crop, backend)
                except BadImage as error:
                    image = blank
                    failures.append((index, str(error)))
                file.write(image.transpose(2, 0, 1).tobytes())
        return failures


def run_task(task: Task, jobs: int, stop_at_failure: bool, advance: Callable[[int], object]) -> Failures:
    """Write the rows of all images of a task.

    Parameters
    ----------
    task
        The work. Its file must exist.
    jobs
        How many processes may work, this one included; few images get fewer.
    stop_at_failure
        Whether to begin no more work once an image has failed.
    advance
        Called with the number of images just finished, never twice at the same time.

    Returns
    -------
    list of (number, reason)
        Sorted. With `stop_at_failure`, too, the first is the first bad image of the source.

    Raises
    ------
    OSError
        If the rows cannot be written.
    UserError
        If a helper process dies.
    """
    # The main script is not imported by helpers, so a source that it defines can only be read here.
    alone = type(task.source).__module__ == "__main__"
    helpers = 0 if alone else min(jobs - 1, len(task.source) // _WORTH_A_HELPER)
    chunks = _chunks(len(task.source), helpers + 1)
    failures: Failures = []
    stop, lock = threading.Event(), threading.Lock()

    def work(run: Callable[[range], Failures]) -> None:
        try:
            while not stop.is_set():
                with lock:
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                found = run(chunk)
                with lock:
                    failures.extend(found)
                    advance(len(chunk))
                if found and stop_at_failure:
                    stop.set()
        except BaseException:
            stop.set()
            raise

    def delegate(helper: Helper) -> None:
        try:
            _send(helper, task)  # waits, with many names, until the helper has started and reads them
            work(partial(_run_in, helper))
        except (EOFError, BrokenPipeError) as error:
            stop.set()
            raise UserError(
                f"A helper process died with exit status {helper.wait()}: use fewer jobs if memory is short."
            ) from error

    with ThreadPoolExecutor(helpers + 1) as threads, _started(helpers) as started:
        others = [threads.submit(delegate, helper) for helper in started]
        work(task.run)
        for other in others:
            other.result()
    return sorted(failures)


def _chunks(count: int, workers: int) -> Iterator[range]:
    """Yield ranges that cover 0..count: long ones first, which cost less to hand out, then ever shorter ones."""
    start = 0
    while start < count:
        length = max(1, min(_LONGEST_CHUNK, (count - start) // (4 * workers)))
        yield range(start, start + length)
        start += length


def serve() -> None:
    """Be a helper: read a task and then chunks from stdin, and answer each chunk on stdout."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    try:
        task = pickle.load(sys.stdin.buffer)
        while True:
            chunk = pickle.load(sys.stdin.buffer)
            try:
                answer = task.run(chunk)
            except Exception as error:
                answer = error
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, BrokenPipeError):  # the caller has finished, or has died
        pass


@contextmanager
def _started(count: int) -> Iterator[list[Helper]]:
    """Lend running helpers, and end them."""
    helpers: list[Helper] = []
    try:
        for _ in range(count):
            helpers.append(_start())
        yield helpers
    finally:
        for helper in helpers:
            helper.kill()
            helper.communicate()


def _start() -> Helper:
    environment = {
        **os.environ,
        **_ONE_THREAD,
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-c", "from gluon_wgan.data.workers import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the caller, which then ends its helpers
    )


def _run_in(helper: Helper, chunk: range) -> Failures:
    _send(helper, chunk)
    assert helper.stdout is not None
    answer = pickle.load(helper.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(helper: Helper, message: object) -> None:
    assert helper.stdin is not None
    pickle.dump(message, helper.stdin)
    helper.stdin.flush()
