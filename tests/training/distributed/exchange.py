"""One process of an exchange without training: ``python exchange.py FOLDER``; worker N writes FOLDER/N.json."""

import functools
import json
import operator
import os
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from gluon_wgan.config.train_config import preset_config
from gluon_wgan.training.distributed.roles import ROLE, WORKER, serve

# Of which worker which fact is different.
DIFFERENT = [(None, ""), (1, "lr_d"), (2, "gen_iters"), (2, "pixels")]
SIZES = [(3, 5), (7,)]


def gradients(rank: int, turn: int) -> list[np.ndarray]:
    """Return arrays whose float32 sum depends on the order."""
    rng = np.random.default_rng([rank, turn])
    return [(rng.normal(size=size) * 10.0 ** rng.integers(-4, 4, size)).astype(np.float32) for size in SIZES]


def sum_over_sockets(own: np.ndarray, rank: int, workers: int, listener: socket.socket, port: int) -> np.ndarray:
    """Return the sum in rank order, which worker 0 takes over plain sockets."""
    if rank:
        with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rwb") as file:
            file.write(bytes([rank]) + own.tobytes())
            file.flush()
            return np.frombuffer(file.read(own.nbytes), np.float32)
    files = {}
    for _ in range(workers - 1):
        file = listener.accept()[0].makefile("rwb")
        files[file.read(1)[0]] = file
    total = own
    for other in range(1, workers):
        total = total + np.frombuffer(files[other].read(own.nbytes), np.float32)
    for file in files.values():
        file.write(total.tobytes())
        file.close()
    return total


def main() -> int:
    folder = Path(sys.argv[1])
    if os.environ[ROLE] != WORKER:
        return serve(os.environ[ROLE], "dist_sync", 10, 60)
    import mxnet as mx
    from mxnet import nd

    from gluon_wgan.errors import UserError
    from gluon_wgan.training.distributed.kvstore import KVStoreExchange
    from gluon_wgan.training.run_training import facts

    exchange = KVStoreExchange([mx.cpu()], "dist_sync", 10, 60)
    rank, said, sums, expected = exchange.rank, [], [], []
    if rank == 0:  # as a worker, and as a stranger
        pickled = (folder / "pickle").read_bytes()
        exchange._kv._send_command_to_servers(0, pickled.decode("ascii"))
        with socket.create_connection(("127.0.0.1", int(os.environ["DMLC_PS_ROOT_PORT"]))) as stranger:
            stranger.sendall(pickled)
    for worker, name in DIFFERENT:
        config = preset_config("gluon", **({name: 1} if worker == rank and name != "pixels" else {}))
        store = SimpleNamespace(content_sha256=f"{worker == rank and name == 'pixels'}")
        try:
            exchange.agree(facts(config, store))  # type: ignore[arg-type]
            said.append("")
        except UserError as error:
            said.append(str(error))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        own = np.array([[listener.getsockname()[1], rank]], np.float32)
        for turn in range(3):
            arrays = gradients(rank, turn)
            rows, reports = exchange.collect("gradients", [[nd.array(array) for array in arrays]], lambda: own)
            assert reports[:, 1].tolist() == [0, 1, 2] and [array.shape for array in rows[0]] == SIZES
            added = [functools.reduce(operator.add, arrays) for arrays in zip(*rows)]
            sums.append(np.concatenate([array.asnumpy().ravel() for array in added]).tobytes().hex())
            flat = np.concatenate([array.ravel() for array in arrays])
            total = sum_over_sockets(flat, rank, exchange.workers, listener, int(reports[0, 0]))
            expected.append(total.tobytes().hex())
    (folder / f"{rank}.json").write_text(json.dumps({"said": said, "sums": sums, "expected": expected}))
    exchange.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
