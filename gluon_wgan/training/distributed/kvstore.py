"""The exchange of gradients over MXNet's KVStore, exact to the bit, which notices when a process is gone."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Callable, Optional

import mxnet as mx
import numpy as np
from mxnet import Context, cpu, nd

from gluon_wgan.errors import UserError
from gluon_wgan.training.exchange import Exchange, PartnerLost, Row, StopRequest

# ps-lite's numbers of groups of nodes.
SCHEDULER, EVERYONE = 1, 6
_HOST, _FACT = 64, 8  # bytes
_POLL = 0.5  # seconds


def dead_nodes(kv: Any, group: int, seconds: int) -> int:
    """Return how many nodes of a group have sent no heartbeat for so many seconds."""
    count = ctypes.c_int()
    mx.base.check_call(mx.base._LIB.MXKVStoreGetNumDeadNode(kv.handle, group, ctypes.byref(count), seconds))
    return count.value


class KVStoreExchange(Exchange):
    """All workers' devices, one worker being this process.

    The server sums for two devices, which is exact in any order. For more, each device pushes its row of a
    row-sparse array, and every worker pulls all rows, to be added in the order of the devices.

    Raises UserError when not all processes have started in time, or the workers' ranks are wrong.

    Parameters
    ----------
    contexts
        This worker's devices; every worker has as many.
    timeout
        Seconds without a heartbeat after which a process counts as lost.
    start_timeout
        Seconds in which all processes of the run must have started.
    """

    def __init__(self, contexts: list[Context], kind: str, timeout: int, start_timeout: int) -> None:
        os.environ["PS_HEARTBEAT_INTERVAL"] = "1"
        self._timeout, self._keys = timeout, set[str]()
        self._kv: Any = None
        self._watch: Optional[StopRequest] = None
        self.signum: Optional[int] = None
        try:
            self._kv = self._guarded(lambda: mx.kv.create(kind), start_timeout)
        except PartnerLost:
            raise UserError(
                f"The scheduler, servers and workers of this run were not all there after {start_timeout} s: start "
                "the missing ones, or all with python tools/launch.py, or raise --start-timeout."
            ) from None
        self.lost = False
        self.workers, number = self._kv.num_workers, self._kv.rank
        self.rank = int(os.environ.get("DMLC_WORKER_ID") or os.environ.get("DMLC_TASK_ID") or number)
        per = len(contexts)
        self.devices, self.own = self.workers * per, slice(self.rank * per, (self.rank + 1) * per)
        self.about = {
            "kvstore": kind,
            "workers": self.workers,
            "servers": int(os.environ.get("DMLC_NUM_SERVER", 0)),
            "hosts": self._hosts(),
        }

    def collect(self, name: str, own: list[Row], report: Callable[[], np.ndarray]) -> tuple[list[Row], np.ndarray]:
        """Return rows to be added in order, whose sum is that over all devices, and the reports of all devices."""
        flat = [nd.concat(*(array.reshape((-1,)).as_in_context(cpu()) for array in row), dim=0) for row in own]
        signum = self._watch.signum if self._watch is not None else None
        sent = report()
        sent = np.concatenate([sent, np.full((len(sent), 1), signum or 0, np.float32)], axis=1)
        size = flat[0].size
        if self.devices > 2:
            rows, reports = self._gather(name, flat, sent)
        else:
            # x + -0 is x for every x, 0 and -0 among them.
            slots = np.full((self.devices, sent.shape[1]), -0.0, np.float32)
            slots[self.own] = sent
            summed = flat[0] if len(flat) == 1 else flat[0] + flat[1]
            vector = self._sum(name, nd.concat(summed, nd.array(slots.ravel()), dim=0))
            rows, reports = [vector[:size]], vector[size:].asnumpy().reshape(slots.shape)
        stop = int(reports[:, -1].max())
        self.signum = stop or None
        return [_unflatten(row, own[0]) for row in rows], reports[:, :-1]

    def shared(self, watch: StopRequest) -> StopRequest:
        """Return the stop request that travels with the gradients."""
        self._watch = watch
        return self

    def agree(self, facts: Mapping[str, Any]) -> None:
        """Refuse to train unless these facts are the same for all workers.

        Raises UserError naming the worker and the fact.
        """
        digests = [hashlib.sha256(json.dumps(fact).encode()).digest()[:_FACT] for fact in facts.values()]
        rows = self._bytes(f"facts {len(facts)}", b"".join(digests)).reshape(self.workers, len(facts), _FACT)
        for rank in range(1, self.workers):
            for name, first, other in zip(facts, rows[0], rows[rank]):
                if (first != other).any():
                    raise UserError(
                        f"Worker {rank} ({self.about['hosts'][rank]}) and worker 0 ({self.about['hosts'][0]}) differ "
                        f"in {name}: give all workers the same command, data and versions."
                    )

    def leave(self) -> None:
        """Wait until all workers have come here, and end the servers and the scheduler."""
        self._sum("leave", nd.zeros((1,)))
        # A process that dies in this very moment must not hold up those that have finished.
        late = threading.Timer(self._timeout, os._exit, [0])
        late.daemon = True
        late.start()
        self._kv = None
        late.cancel()

    def _hosts(self) -> list[str]:
        ranks = self._sum("ranks", nd.one_hot(nd.array([self.rank]), self.workers)[0]).asnumpy()
        if (ranks != 1).any():
            raise UserError(
                f"Worker {int(np.argmax(ranks != 1))} was started {int(ranks[np.argmax(ranks != 1)])} times: give "
                f"each worker its own DMLC_WORKER_ID, from 0 to {self.workers - 1}."
            )
        name = socket.gethostname().encode("ascii", "replace")[:_HOST].ljust(_HOST, b"\0")
        return [bytes(row).rstrip(b"\0").decode() for row in self._bytes("hosts", name)]

    def _bytes(self, name: str, own: bytes) -> np.ndarray:
        """Return each worker's bytes, uint8 (workers, n)."""
        rows = np.zeros((self.workers, len(own)), np.float32)
        rows[self.rank] = np.frombuffer(own, np.uint8)
        return self._sum(name, nd.array(rows.ravel())).asnumpy().reshape(rows.shape).astype(np.uint8)

    def _sum(self, name: str, own: nd.NDArray) -> nd.NDArray:
        """Return the sum over the workers, of which at most two may have other values than 0."""

        def work() -> nd.NDArray:
            if name not in self._keys:
                self._kv.init(name, nd.zeros(own.shape))
                self._keys.add(name)
            out = nd.empty(own.shape)
            self._kv.push(name, own)
            self._kv.pull(name, out=out)
            out.wait_to_read()
            return out

        return self._guarded(work)

    def _gather(self, name: str, flat: list[nd.NDArray], sent: np.ndarray) -> tuple[list[nd.NDArray], np.ndarray]:
        """Return one vector for each device of all workers, and their reports."""
        size = flat[0].size
        own = nd.concat(nd.stack(*flat), nd.array(sent), dim=1)
        shape = (self.devices, own.shape[1])

        def work() -> nd.NDArray:
            if name not in self._keys:
                # An array of zeros would have no rows, on which the server aborts.
                self._kv.init(name, nd.ones(shape).tostype("row_sparse"))
                self._keys.add(name)
            numbers = nd.array(np.arange(self.devices)[self.own], dtype="int64")
            out = nd.sparse.zeros("row_sparse", shape)
            self._kv.push(name, nd.sparse.row_sparse_array((own, numbers), shape=shape))
            self._kv.row_sparse_pull(name, out=out, row_ids=nd.arange(self.devices, dtype="int64"))
            out.wait_to_read()
            return out.data

        rows = self._guarded(work)
        return [rows[device, :size] for device in range(self.devices)], rows[:, size:].asnumpy()

    def _guarded(self, work: Callable[[], Any], limit: Optional[int] = None) -> Any:
        """Return what a call returns that may wait for others indefinitely.

        MXNet has no waits with a limit, so the call runs in a thread of its own while this one looks after the
        scheduler, which ends as soon as any process is lost.
        """
        results: list[Any] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)
            done.set()

        threading.Thread(target=run, daemon=True).start()
        waited = 0.0
        while not done.wait(_POLL):
            waited += _POLL
            lost = limit is not None and waited >= limit
            if lost or (self._kv is not None and dead_nodes(self._kv, SCHEDULER, self._timeout)):
                self.lost = True
                raise PartnerLost("Another process of this run was lost: it ended, stopped or cannot be reached.")
        if errors:
            raise errors[0]
        return results[0]


def _unflatten(vector: nd.NDArray, like: Row) -> Row:
    """Return a vector's parts in the shapes of these arrays."""
    ends = np.cumsum([array.size for array in like]).tolist()
    return [vector[end - array.size : end].reshape(array.shape) for end, array in zip(ends, like)]
