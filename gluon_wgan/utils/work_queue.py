"""Chunks of work that several workers finish in any order and that are delivered in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Condition
from typing import Callable, Generic, NamedTuple, Optional, TypeVar

Result = TypeVar("Result")


class Job(NamedTuple):
    """A chunk of images to work on, and the slot of memory to put them into."""

    number: int
    slot: int
    chunk: range


class Conveyor(Generic[Result]):
    """Hands out chunks and delivers their results in the chunks' order.

    Parameters
    ----------
    chunks
        The work.
    slots
        How many chunks may be on the way at once.
    deliver
        Called with a job and its result, never twice at the same time; its slot is free afterwards.
    """

    def __init__(self, chunks: Iterator[range], slots: int, deliver: Callable[[Job, Result], None]) -> None:
        self._chunks, self._deliver = enumerate(chunks), deliver
        self._free = list(range(slots))
        self._finished: dict[int, tuple[Job, Result]] = {}
        self._front = 0
        self._stopped = False
        self._changed = Condition()

    def take(self, *, wait: bool) -> Optional[Job]:
        """Return the next job, or None if there is none, or no slot for it and `wait` is not set.

        Whoever holds an unfinished job must not wait: it may be the one whose slot is waited for.
        """
        with self._changed:
            while wait and not self._free and not self._stopped:
                self._changed.wait()
            if self._stopped or not self._free:
                return None
            found = next(self._chunks, None)
            return None if found is None else Job(found[0], self._free.pop(), found[1])

    def put(self, job: Job, result: Result) -> None:
        """Hand in a finished job, and deliver all whose turn it is."""
        with self._changed:
            self._finished[job.number] = job, result
            while self._front in self._finished and not self._stopped:
                done = self._finished.pop(self._front)
                self._deliver(*done)
                self._front += 1
                self._free.append(done[0].slot)
                self._changed.notify_all()

    def stop(self) -> None:
        """Hand out and deliver nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
