"""What workers find out at their start, and an exchange against plain sockets."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.distributed.exchange import gradients
from tests.training.distributed.test_equality import ROOT, WORKER, job
from tests.training.distributed.test_failures import free_port

pytestmark = pytest.mark.slow
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def launch(workers: int, *command: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "tools/launch.py", "-n", str(workers), "-s", "1", "--grace", "5", "--", *command]
    return subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=200)


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def test_an_exchange(tmp_path: Path) -> None:
    mark = tmp_path / "unpickled"
    pickled = pickle.dumps(Hostile(f"touch {mark}"), protocol=0)
    pickle.loads(pickled)
    mark.unlink()  # it is fit to do harm
    (tmp_path / "pickle").write_bytes(pickled)
    done = launch(3, sys.executable, "-m", "tests.training.distributed.exchange", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert not mark.exists()
    first, *others = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(3)]
    assert others == [first, first]

    host = socket.gethostname()
    same, rate, length, pixels = first["said"]
    assert same == ""
    assert rate.startswith(f"Worker 1 ({host}) and worker 0 ({host}) differ in --lr-d: ")
    assert length.startswith(f"Worker 2 ({host}) and worker 0 ({host}) differ in --gen-iters: ")
    assert pixels.startswith(f"Worker 2 ({host}) and worker 0 ({host}) differ in the pixels of the store: ")

    assert first["sums"] == first["expected"]
    for turn, told in enumerate(first["sums"]):
        a, b, c = (np.concatenate([array.ravel() for array in gradients(rank, turn)]) for rank in range(3))
        assert told == ((a + b) + c).tobytes().hex() != (a + (b + c)).tobytes().hex()


def test_workers_of_other_pixels_or_the_same_number_are_refused(tmp_path: Path) -> None:
    work = {**job(tmp_path / "run", 1, kvstore="dist_sync"), "by_worker": {"1": {"subset_seed": 5}}}
    done = launch(2, *WORKER, json.dumps([work]))
    assert done.returncode == 2 and "differ in the pixels of the store" in done.stderr, done.stderr[-3000:]
    assert not (tmp_path / "run").exists()
    done = launch(2, "env", "DMLC_WORKER_ID=1", *WORKER, json.dumps([work]))
    assert done.returncode == 2 and "Worker 0 was started 0 times" in done.stderr, done.stderr[-3000:]


def test_whoever_is_alone_gives_up(tmp_path: Path) -> None:
    work = json.dumps([job(tmp_path / "run", 1, kvstore="dist_sync", start_timeout=5)])
    processes = {}
    for role in ("scheduler", "server", "worker"):
        roots = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(free_port()), "DMLC_NODE_HOST": "127.0.0.1"}
        numbers = {"DMLC_NUM_WORKER": "2", "DMLC_NUM_SERVER": "1", "DMLC_WORKER_ID": "0", "DMLC_ROLE": role}
        environment = {**ENVIRONMENT, **roots, **numbers}
        processes[role] = subprocess.Popen(
            [*WORKER, work], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
    try:
        said = {role: process.communicate(timeout=100)[1] for role, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
    for role, process in processes.items():
        assert process.returncode in (2, 4) and "there after 5 s" in said[role], said[role]
    assert not (tmp_path / "run").exists()
