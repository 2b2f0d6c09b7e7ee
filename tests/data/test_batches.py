"""The order of the data: fixed forever by seed and epoch, resumable, and read ahead without leaks."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.data.batches import BatchPlan, BatchStream, epoch_flips, epoch_order
from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError

START = {"epoch": 0, "position": 0}


def numbered_store(count: int, nc: int = 1, size: int = 2) -> Store:
    """Return a store, in memory, whose image number i holds the bytes of i."""
    images = np.zeros((count, nc, size, size), np.uint8)
    images.reshape(count, -1)[:, :2] = np.arange(count)[:, None] // [1, 256] % 256
    return Store(Path("memory"), {}, images)


def numbers(batch: np.ndarray) -> list[int]:
    flat = batch.reshape(len(batch), -1).astype(int)
    return (flat[:, 0] + 256 * flat[:, 1]).tolist()


def stream(count: int, batch_size: int, **changes: Any) -> BatchStream:
    options: dict[str, Any] = {"seed": 3, "keep_last": True, "state": START, **changes}
    return BatchStream(numbered_store(count), batch_size, **options)


def test_orders_are_these_for_ever() -> None:
    assert epoch_order(8, 0, 0).tolist() == [5, 0, 2, 6, 1, 4, 7, 3]
    assert epoch_order(8, 0, 1).tolist() == [2, 0, 1, 6, 5, 3, 7, 4]
    assert epoch_order(8, 1, 0).tolist() == [2, 0, 4, 7, 3, 1, 5, 6]
    assert epoch_order(8, 2**63 - 1, 10**6).tolist() == [0, 1, 7, 3, 5, 4, 6, 2]


@given(st.integers(1, 500), st.integers(0, 2**63 - 1), st.integers(0, 2**40))
def test_an_order_is_a_permutation_and_repeats(count: int, seed: int, epoch: int) -> None:
    order = epoch_order(count, seed, epoch)
    assert sorted(order.tolist()) == list(range(count))
    np.random.seed(0)
    np.testing.assert_array_equal(order, epoch_order(count, seed, epoch))


def test_orders_differ_between_epochs_and_seeds() -> None:
    orders = {tuple(epoch_order(100, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@pytest.mark.parametrize(("keep_last", "sizes"), [(True, [4, 4, 2]), (False, [4, 4])])
def test_epochs_in_order_with_or_without_the_short_batch(keep_last: bool, sizes: list[int]) -> None:
    with stream(10, 4, keep_last=keep_last) as batches:
        assert batches.batches_per_epoch == len(sizes)
        for epoch in range(3):
            taken = [next(batches) for _ in sizes]
            assert [len(batch) for batch in taken] == sizes
            seen = [number for batch in taken for number in numbers(batch)]
            assert seen == epoch_order(10, 3, epoch)[: sum(sizes)].tolist()


def test_no_empty_batch_when_it_divides_evenly() -> None:
    with stream(8, 4) as batches:
        assert batches.batches_per_epoch == 2
        assert [len(next(batches)) for _ in range(5)] == [4] * 5


def test_batches_are_contiguous_and_the_callers_own() -> None:
    store = numbered_store(6, nc=3, size=4)
    with BatchStream(store, 6, 0, True, START) as batches:
        first, second = next(batches), next(batches)
        assert first.shape == (6, 3, 4, 4)
        assert first.dtype == np.uint8 and first.flags.c_contiguous and first.flags.writeable
        before = second.copy()
        first[:] = 255
        np.testing.assert_array_equal(second, before)
        assert np.asarray(store.images).max() < 10


def test_state_counts_what_was_taken_and_survives_json() -> None:
    with stream(10, 4) as batches:
        assert batches.state() == START
        states = []
        for _ in range(4):
            next(batches)
            states.append(json.loads(json.dumps(batches.state())))
        assert states == [
            {"epoch": 0, "position": 1},
            {"epoch": 0, "position": 2},
            {"epoch": 1, "position": 0},
            {"epoch": 1, "position": 1},
        ]


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 30))
def test_resuming_anywhere_gives_the_same_batches(count: int, batch_size: int, keep_last: bool, taken: int) -> None:
    batch_size = min(batch_size, count)
    with stream(count, batch_size, keep_last=keep_last) as whole:
        for _ in range(taken):
            next(whole)
        state = whole.state()
        rest = [numbers(next(whole)) for _ in range(4)]
    with stream(count, batch_size, keep_last=keep_last, state=state) as resumed:
        assert resumed.state() == state
        assert [numbers(next(resumed)) for _ in range(4)] == rest


@given(st.integers(1, 300), st.integers(1, 60), st.integers(1, 5), st.integers(1, 3), st.booleans())
def test_workers_share_the_epoch_out(count: int, batch_size: int, world: int, devices: int, keep_last: bool) -> None:
    if batch_size > count:
        with pytest.raises(UserError, match="more images"):
            BatchPlan(count, batch_size, keep_last, 0, world, devices)
        return
    plans = [BatchPlan(count, batch_size, keep_last, rank, world, devices) for rank in range(world)]
    alone = BatchPlan(count, batch_size, keep_last)
    order = np.arange(count)
    for position in range(alone.batches_per_epoch):
        whole = order[alone.places(position)]
        assert alone.size(position) == len(whole)
        parts = np.array_split(whole, world * devices)
        for rank, plan in enumerate(plans):
            assert plan.batches_per_epoch == alone.batches_per_epoch
            wanted = np.concatenate(parts[rank * devices : (rank + 1) * devices])
            assert order[plan.places(position)].tolist() == wanted.tolist()


def test_one_worker_keeps_every_batch_at_its_size() -> None:
    plan = BatchPlan(10, 4, True)
    assert [plan.places(position) for position in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 10)]


def test_too_few_left_for_every_worker_leave_the_last_ones_none() -> None:
    plans = [BatchPlan(14, 6, True, rank, 3) for rank in range(3)]
    assert [plan.places(2) for plan in plans] == [slice(12, 13), slice(13, 14), slice(14, 14)]


def test_streams_of_two_workers_resume_together() -> None:
    with stream(50, 8, rank=0, world_size=2) as first, stream(50, 8, rank=1, world_size=2) as second:
        epoch = [numbers(next(batches)) for _ in range(first.batches_per_epoch) for batches in (first, second)]
        assert sorted(number for batch in epoch for number in batch) == list(range(50))
        assert [number for batch in epoch for number in batch] == epoch_order(50, 3, 0).tolist()
        next(first)
        assert first.state() == {"epoch": 1, "position": 1}
        with stream(50, 8, rank=1, world_size=2, state=first.state()) as late:
            next(second)
            assert numbers(next(late)) == numbers(next(second))


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_worker_that_is_not_there(rank: int, world_size: int) -> None:
    with pytest.raises(UserError, match="no worker"):
        stream(50, 4, rank=rank, world_size=world_size)


def test_an_order_of_millions_is_small() -> None:
    assert epoch_order(3_033_042, 0, 0).nbytes == 4 * 3_033_042


def test_too_few_images_names_both_numbers() -> None:
    with pytest.raises(UserError) as caught:
        stream(10, 64)
    assert "64" in str(caught.value) and "10" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError):
        stream(10, 0)


@pytest.mark.parametrize("state", [{"epoch": 0, "position": 3}, {"epoch": -1, "position": 0}, {"epoch": 1}, {}])
def test_a_state_of_another_stream_is_refused(state: dict[str, int]) -> None:
    with pytest.raises(UserError):
        stream(10, 4, state=state)


def test_an_error_while_reading_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreadable(np.ndarray):
        def take(self, *arguments: Any, **options: Any) -> Any:
            raise OSError("the disk is gone")

    batches = stream(10, 4)
    monkeypatch.setattr(batches, "_pixels", np.zeros((10, 1, 2, 2), np.uint8).view(Unreadable))
    with batches, pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def prefetchers() -> int:
    return sum(thread.name.startswith("gluon_wgan.batches") for thread in threading.enumerate())


def test_no_thread_is_left_behind() -> None:
    assert prefetchers() == 0
    with stream(100, 2) as batches:
        next(batches)
        assert prefetchers() > 0
    assert prefetchers() == 0
    dropped = stream(100, 2)
    next(dropped)
    del dropped
    gc.collect()
    deadline = time.monotonic() + 10
    while prefetchers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert prefetchers() == 0


def test_closing_twice_and_early_is_harmless() -> None:
    batches = stream(100, 2)
    batches.close()
    batches.close()
    with pytest.raises(RuntimeError):
        next(batches)


def test_an_open_stream_does_not_hold_up_the_interpreter(run_python: Callable[..., Any]) -> None:
    code = (
        "import numpy as np; from pathlib import Path\n"
        "from gluon_wgan.data.batches import BatchStream\n"
        "from gluon_wgan.data.store import Store\n"
        "store = Store(Path(), {}, np.zeros((500, 3, 64, 64), np.uint8))\n"
        "stream = BatchStream(store, 64, 0, True, {'epoch': 0, 'position': 0})\n"
        "print(next(stream).shape)"
    )
    done = run_python(code)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "(64, 3, 64, 64)")


def test_half_of_the_images_are_mirrored_the_same_ones_for_every_worker_and_after_a_resume() -> None:
    def columns(**changes: Any) -> list[list[int]]:
        """Return the first row of pixels of each image of three epochs."""
        store = Store(Path("memory"), {}, np.arange(21 * 2 * 2, dtype=np.uint8).reshape(21, 1, 2, 2))
        with BatchStream(store, 4, 3, True, **{"state": START, **changes}) as batches:
            left = 3 * batches.batches_per_epoch - batches.state()["epoch"] * batches.batches_per_epoch
            left -= batches.state()["position"]
            return [image[0, 0].tolist() for _ in range(left) for image in next(batches)]

    plain, flipped = columns(), columns(flip=True)
    mirrored = [one[::-1] == other for one, other in zip(plain, flipped)]
    assert all(one in (other, other[::-1]) for one, other in zip(flipped, plain))
    assert mirrored == np.concatenate([epoch_flips(21, 3, epoch) for epoch in range(3)]).tolist()
    assert mirrored[:21] != mirrored[21:42] and 15 <= sum(mirrored) <= 48
    assert columns(flip=True, state={"epoch": 1, "position": 2}) == flipped[21 + 8 :]
    shares = [iter(columns(flip=True, rank=rank, world_size=2)) for rank in range(2)]
    together = []
    for _ in range(3):
        for size in (4, 4, 4, 4, 4, 1):
            first = (size + 1) // 2
            together += [next(shares[0]) for _ in range(first)] + [next(shares[1]) for _ in range(size - first)]
    assert together == flipped


def test_mirroring_is_fair() -> None:
    share = np.mean([epoch_flips(1000, seed, 0).mean() for seed in range(20)])
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(20_000)
