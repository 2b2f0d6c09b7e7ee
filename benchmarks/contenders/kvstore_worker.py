"""One process of benchmarks/kvstore.py: a scheduler, a server, or a worker that takes a turn for each line it reads."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Callable

from benchmarks.contenders.sizes import BATCH, NC, PROBLEMS
from gluon_wgan.training.distributed.roles import ROLE, WORKER, serve

# Seconds in which nobody counts as lost, however busy the machine is.
PATIENCE = 600


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    """Exchange vectors of the sizes on the command line, and take critic steps at full size, as often as asked."""
    role = os.environ.get(ROLE)
    if role is not None and role != WORKER:
        serve(role, "dist_sync", PATIENCE, PATIENCE)
    import mxnet as mx
    import numpy as np

    from gluon_wgan.config.train_config import TrainConfig
    from gluon_wgan.data.batches import cut
    from gluon_wgan.training.distributed.kvstore import KVStoreExchange
    from gluon_wgan.training.exchange import Exchange
    from gluon_wgan.training.wgan import WGAN

    alone = role is None
    exchange = Exchange(1) if alone else KVStoreExchange([mx.cpu()], "dist_sync", PATIENCE, PATIENCE)
    wgan = WGAN(TrainConfig(), [mx.cpu()], exchange)
    batch = np.random.default_rng(0).integers(0, 256, (BATCH, NC, *2 * [PROBLEMS["full"].size]), dtype=np.uint8)
    share = batch[cut(0, BATCH, exchange.workers)[exchange.rank]]
    vectors = {} if alone else {size: mx.nd.ones((int(size),)) for size in sys.argv[1:]}
    report = np.zeros((1, 1), np.float32)

    def take_step() -> None:
        wgan.critic_step(share, BATCH).read()
        mx.nd.waitall()

    print("ready", flush=True)
    for _ in sys.stdin:
        times = {}
        for size, vector in vectors.items():
            times[size] = milliseconds(partial(exchange.collect, size, [[vector]], lambda: report))
        print(json.dumps({**times, "step": milliseconds(take_step)}), flush=True)
    exchange.leave()
    os._exit(0)


if __name__ == "__main__":
    main()
