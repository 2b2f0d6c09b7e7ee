"""Compare chunks of images in several processes, with bounded memory and the same result for any number."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from tqdm import tqdm

from gluon_wgan.errors import UserError
from gluon_wgan.resize_parity.compare_backends import Findings, chunks_of, compare_images
from gluon_wgan.resize_parity.plan import Plan

_CHUNK = 8
_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")}


def compare_all(plan: Plan, jobs: int, progress: bool) -> Findings:
    """Compare all images of a plan; the findings are the same for any number of jobs.

    Parameters
    ----------
    plan
        What to compare.
    jobs
        How many processes work; 1 is this one alone.
    progress
        Whether to show a progress bar on stderr.

    Raises
    ------
    UserError
        If a process dies, as for want of memory.
    """
    findings = Findings.none(plan)
    chunks = chunks_of(len(plan.images), _CHUNK)
    with tqdm(total=len(plan.images), desc="Comparing", unit="image", disable=not progress, dynamic_ncols=True) as bar:
        parts = _in_processes(plan, jobs, chunks) if jobs > 1 else (compare_images(plan, c) for c in chunks)
        for chunk, part in zip(chunks, parts):
            findings.merge(part)
            bar.update(len(chunk))
    return findings


def _in_processes(plan: Plan, jobs: int, chunks: Sequence[range]) -> Iterator[Findings]:
    """Yield the findings of every chunk in order, never far ahead of who takes them."""
    # Spawned, since a process that has loaded MXNet must not be forked.
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[Findings]] = deque()
    with _one_thread_each(), ProcessPoolExecutor(jobs, context, _ignore_ctrl_c) as pool:
        try:
            for chunk in chunks:
                waiting.append(pool.submit(compare_images, plan, chunk))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise UserError("A helper process died: use fewer --jobs if memory is short.") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let the processes started meanwhile compute with one thread each."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the caller, which then ends its helpers
