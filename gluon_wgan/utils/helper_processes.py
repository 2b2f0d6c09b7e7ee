"""Work that this process and helper processes share, with results in the order of the work.

Helpers are plain subprocesses instead of multiprocessing's: nothing is forked from a process
that may have loaded MXNet, and the main script is not imported again, so this works from a
script without a main guard, from a notebook and from stdin. The calling process takes its
share, which hides how long helpers take to start.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Callable, TypeVar

from gluon_wgan.compat import child_environment
from gluon_wgan.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], helpers: int, ahead: int, descriptors: Sequence[int] = ()
) -> Iterator[tuple[Item, Result]]:
    """Yield items with what `work` makes of each, in the order of the items.

    Raises UserError if a helper dies.

    Parameters
    ----------
    work
        Can be pickled if there are helpers, as can items and results. What it raises is raised here.
    items
        Taken when their turn comes.
    helpers
        How many processes work besides this one, 0 or more.
    ahead
        How many items may be taken before the first of them has been yielded, 1 or more.
    descriptors
        Open files that helpers inherit, under the same numbers.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    idle: SimpleQueue[_Helper] = SimpleQueue()
    started: list[_Helper] = []
    threads = ThreadPoolExecutor(2 * helpers + 1)

    def start(helper: _Helper) -> None:
        helper.ask(work)
        idle.put(helper)
        idle.put(helper)  # a second item waits with a helper until it has finished the first

    def delegate(helper: _Helper, item: Item) -> Result:
        result: Result = helper.ask(item)
        idle.put(helper)
        return result

    try:
        for _ in range(helpers):
            started.append(_Helper(descriptors))
        starting = [threads.submit(start, helper) for helper in started]
        for item in items:
            if len(waiting) == ahead:
                yield waiting[0][0], waiting.popleft()[1].result()
            if idle.empty():
                future: Future[Result] = Future()
                future.set_result(work(item))
            else:
                future = threads.submit(delegate, idle.get(), item)
            waiting.append((item, future))
            while waiting and waiting[0][1].done():
                yield waiting[0][0], waiting.popleft()[1].result()
            for beginning in starting:
                if beginning.done():
                    beginning.result()
        while waiting:
            yield waiting[0][0], waiting.popleft()[1].result()
    finally:
        for helper in started:
            helper.process.kill()
        threads.shutdown(cancel_futures=True)
        for helper in started:
            helper.process.communicate()


class _Helper:
    """A process that runs `serve`; several threads may ask it at the same time."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._sending, self._receiving = Lock(), Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(**_ONE_THREAD),
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C is for the caller, which then ends its helpers
        )

    def ask(self, item: object) -> Result:  # type: ignore[type-var]  # whatever the work returns
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            with self._sending:
                pickle.dump(item, self.process.stdin)
                self.process.stdin.flush()
                self._receiving.acquire()  # before the next one sends: answers come in the order of the items
            try:
                answer = pickle.load(self.process.stdout)
            finally:
                self._receiving.release()
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            status = self.process.wait()
            raise UserError(
                f"A helper process died with exit status {status}: use fewer jobs if memory is short."
            ) from error
        if isinstance(answer, Exception):
            raise answer
        return answer


def serve() -> None:
    """Be a helper: read the work and its items from stdin; answer the work with None and each item with its result."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    items: SimpleQueue[object] = SimpleQueue()
    with suppress(EOFError, BrokenPipeError):
        work = pickle.load(sys.stdin.buffer)
        Thread(target=_receive, args=(items,), daemon=True).start()
        answer = None
        while True:
            pickle.dump(answer, answers)
            answers.flush()
            try:
                answer = work(items.get())
            except Exception as error:
                answer = error


def _receive(items: SimpleQueue[object]) -> None:
    """Take in what comes from the caller, and end this process at once when that has finished or was killed."""
    try:
        while True:
            items.put(pickle.load(sys.stdin.buffer))
    finally:
        os._exit(1)
