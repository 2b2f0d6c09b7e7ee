"""Compare chunks of images in several processes, with bounded memory and the same result for any number of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from gluon_wgan.errors import UserError
from gluon_wgan.resize_parity.compare_backends import Findings, chunks_of, compare_images
from gluon_wgan.resize_parity.plan import Plan

_CHUNK = 8


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
        If a worker process dies, for example for lack of memory.
    """
    findings = Findings.none(plan)
    chunks = chunks_of(len(plan.images), _CHUNK)
    with tqdm(total=len(plan.images), desc="Comparing", unit="image", disable=not progress, dynamic_ncols=True) as bar:
        parts = _in_processes(plan, jobs, chunks) if jobs > 1 else (_compare_chunk(plan, c) for c in chunks)
        for chunk, part in zip(chunks, parts):
            findings.merge(part)
            bar.update(len(chunk))
    return findings


def _in_processes(plan: Plan, jobs: int, chunks: Sequence[range]) -> Iterator[Findings]:
    """Yield the findings of every chunk in order, with a bounded number of chunks under way."""
    # Spawned, since a process that has loaded MXNet must not be forked.
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[Findings]] = deque()
    with ProcessPoolExecutor(jobs, context, _start_worker) as pool:
        try:
            for chunk in chunks:
                with _ctrl_c_held_back():
                    waiting.append(pool.submit(_compare_chunk, plan, chunk))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise UserError("A worker process died: use fewer --jobs if memory is short.") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _compare_chunk(plan: Plan, chunk: range) -> Findings:
    # BLAS adds in another order with another number of threads, so the last bits would depend on the number of jobs.
    with threadpool_limits(1, user_api="blas"):
        return compare_images(plan, chunk)


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait, and be held back in the processes that are started meanwhile, for the parent handles it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    """End this worker when its parent was killed: otherwise it would wait forever for the next chunk."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
