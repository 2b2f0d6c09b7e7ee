"""The scheduler and the servers of a run on several machines, and what the launcher's variables say."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from typing import Optional

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError

ROLE, WORKER = "DMLC_ROLE", "worker"
NEEDED = ("DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")
# Exit status of a process whose partners are gone, and seconds between two looks at them.
LOST, _POLL = 4, 0.5
_ESTABLISHED = "01"


def check_role(config: TrainConfig) -> Optional[str]:
    """Return the role that a launcher gave this process, None where no launcher did.

    Raises UserError when role and ``--kvstore`` do not go together, or variables are missing.
    """
    role = os.environ.get(ROLE)
    if config.kvstore is None:
        if role is not None:
            raise UserError(
                f"{ROLE}={role} is set, but --kvstore is not given: add --kvstore dist_sync, or unset {ROLE}."
            )
        return None
    if role not in (WORKER, "server", "scheduler"):
        raise UserError(
            f"--kvstore {config.kvstore} needs {ROLE}=worker, server or scheduler in the environment"
            f"{'' if role is None else f', not {role}'}: start the run with python tools/launch.py -n 2 -s 2 -- "
            "python train_wgan.py --kvstore dist_sync, or continue it in one process with as many devices and "
            "--kvstore none."
        )
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        raise UserError(f"{', '.join(missing)} is not set: start the run with python tools/launch.py.")
    return role


def serve(role: str, kind: str, timeout: int, start_timeout: int) -> int:
    """Be the scheduler or a server until the workers have finished, and return the exit status.

    A server ignores commands, which MXNet's own would unpickle. The scheduler ends as soon as any process has sent
    no heartbeat for ``timeout`` seconds, and a server as soon as it cannot reach the scheduler.
    """
    os.environ["PS_HEARTBEAT_INTERVAL"] = "1"
    del os.environ[ROLE]  # under which MXNet would serve inside the import and never return
    import mxnet as mx

    from gluon_wgan.training.distributed.kvstore import EVERYONE, SCHEDULER, dead_nodes

    os.environ[ROLE] = role
    kv = mx.kv.create(kind)
    group = EVERYONE if role == "scheduler" else SCHEDULER
    workers, servers = (int(os.environ[name]) for name in NEEDED[2:])
    partners = workers + servers if role == "scheduler" else workers + 1

    def watch() -> None:
        started = time.monotonic()
        while _connections() < partners:
            if time.monotonic() - started > start_timeout:
                _end(f"{role}: not all of {workers} workers and {servers} servers were there after {start_timeout} s.")
            time.sleep(_POLL)
        time.sleep(timeout)
        while not dead_nodes(kv, group, timeout):
            time.sleep(_POLL)
        _end(f"{role}: another process of this run was lost: it ended, stopped or cannot be reached.")

    threading.Thread(target=watch, daemon=True).start()
    ignore = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    mx.base.check_call(mx.base._LIB.MXKVStoreRunServer(kv.handle, ignore, None))
    sys.stdout.flush()
    os._exit(0)


def _end(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
    os._exit(LOST)


def _connections() -> int:
    """Return how many processes this one is connected with over TCP."""
    own = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            own.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with open("/proc/self/net/tcp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return sum(line[3] == _ESTABLISHED and f"socket:[{line[9]}]" in own for line in lines)
