"""The order in which training sees the images: shuffled by seed and epoch alone, resumable at any batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Optional

import numpy as np

from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError

# Keeps this stream apart from others that are keyed by the same seed.
_ORDER_STREAM = 4
_BATCHES_AHEAD = 3


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of `count` images in one epoch, a permutation that depends on nothing else.

    Parameters
    ----------
    count
        How many images.
    seed, epoch
        Whole numbers from 0 up.

    Returns
    -------
    int64 (count,)
    """
    return np.random.default_rng(np.random.SeedSequence([seed, _ORDER_STREAM, epoch])).permutation(count)


class BatchStream:
    """An endless iterator over batches, uint8 (n, channels, size, size), read ahead by one thread.

    n is the batch size, or less for an epoch's last batch. Each batch is the caller's own
    array. Usable as a context manager; a stream that is just dropped ends its thread too.

    Parameters
    ----------
    store
        The images.
    batch_size
        Images in a batch, 1 or more.
    seed
        Seed of the order, 0 or more.
    keep_last
        Whether the images left over at the end of an epoch make a short batch of their own,
        instead of being left out of that epoch.
    state
        Where to go on: what `state()` of such a stream returned, or
        ``{"epoch": 0, "position": 0}``.

    Raises
    ------
    UserError
        If there are fewer images than a batch has, or the state fits no such stream.
    """

    def __init__(self, store: Store, batch_size: int, seed: int, keep_last: bool, state: dict[str, int]) -> None:
        count = len(store)
        if not 1 <= batch_size <= count:
            raise UserError(
                f"A batch of {batch_size} cannot be taken from {count} images: "
                f"use a batch size from 1 to {count}, or more images."
            )
        self.batches_per_epoch = count // batch_size + (1 if keep_last and count % batch_size else 0)
        self._epoch, self._position = _checked(state, self.batches_per_epoch)
        self._pixels = np.asarray(store.images)
        self._numbers = _batch_numbers(count, batch_size, seed, self.batches_per_epoch, self._epoch, self._position)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gluon_wgan.batches")
        self._ahead: deque[Future[np.ndarray]] = deque()

    def __iter__(self) -> BatchStream:
        return self

    def __next__(self) -> np.ndarray:
        while len(self._ahead) < _BATCHES_AHEAD:
            self._ahead.append(self._thread.submit(self._pixels.take, next(self._numbers), 0))
        batch = self._ahead.popleft().result()
        self._epoch, self._position = _following(self._epoch, self._position, self.batches_per_epoch)
        return batch

    def state(self) -> dict[str, int]:
        """Return where the stream stands: the epoch, and how many of its batches have been taken."""
        return {"epoch": self._epoch, "position": self._position}

    def close(self) -> None:
        """End the thread. The stream yields nothing more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> BatchStream:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


def _batch_numbers(
    count: int, batch_size: int, seed: int, per_epoch: int, epoch: int, position: int
) -> Iterator[np.ndarray]:
    """Yield the numbers of the images of each batch from a position on, for ever."""
    while True:
        order = epoch_order(count, seed, epoch)
        for batch in range(position, per_epoch):
            yield order[batch * batch_size : (batch + 1) * batch_size]
        epoch, position = epoch + 1, 0


def _following(epoch: int, position: int, per_epoch: int) -> tuple[int, int]:
    return (epoch + 1, 0) if position + 1 == per_epoch else (epoch, position + 1)


def _checked(state: dict[str, int], per_epoch: int) -> tuple[int, int]:
    epoch, position = state.get("epoch", -1), state.get("position", -1)
    if epoch < 0 or not 0 <= position < per_epoch:
        raise UserError(
            f"The data cannot go on at {state}, with {per_epoch} batches to an epoch: "
            "resume with the same images and batch size."
        )
    return epoch, position
