"""A process that is killed or stopped ends all others, and the run continues to the bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.distributed.test_equality import OPTIONS, ROOT, content, train

# Long enough that no run is over before its process is hit.
LONG = {"gen_iters": 4000, "checkpoint_every": 100_000, "sample_every": 100_000, "keep_checkpoints": 0}
LIMIT = 30


def free_port() -> int:
    import socket

    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


def start(out: Path, log: Path) -> dict[str, subprocess.Popen[bytes]]:
    """Start a scheduler, a server and two workers, each by itself, as any launcher would."""
    options = {**OPTIONS, **LONG, "kvstore": "dist_sync", "worker_timeout": 4, "cache_dir": str(out.parent / "cache")}
    common = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_WORKER": "2",
        "DMLC_NUM_SERVER": "1",
    }
    command = [sys.executable, "-m", "tests.training.distributed.worker", str(out), "1", "0", json.dumps(options)]
    processes = {}
    for name in ("scheduler", "server", "worker 0", "worker 1"):
        role, _, number = name.partition(" ")
        with open(log / name, "wb") as file:
            environment = {**common, "DMLC_ROLE": role, **({"DMLC_WORKER_ID": number} if number else {})}
            processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    return processes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "signum"),
    [("worker 1", signal.SIGKILL), ("server", signal.SIGSTOP), ("scheduler", signal.SIGKILL)],
)
def test_a_lost_process_ends_the_others(tmp_path: Path, victim: str, signum: signal.Signals) -> None:
    out, log = tmp_path / "run", tmp_path / "log"
    log.mkdir()
    processes = start(out, log)
    try:
        until = time.monotonic() + 100
        metrics = out / "metrics.csv"
        while not (metrics.is_file() and metrics.read_bytes().count(b"\n") > 4):
            assert time.monotonic() < until, (log / "worker 0").read_text()[-2000:]
            time.sleep(0.1)
        processes[victim].send_signal(signum)
        for name in set(processes) - {victim}:
            processes[name].wait(timeout=LIMIT)
            assert "was lost" in (log / name).read_text()
        if signum == signal.SIGSTOP:
            processes[victim].send_signal(signal.SIGCONT)
        assert processes[victim].wait(timeout=LIMIT) != 0
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    (saved,) = [path for path in (out / "checkpoints").iterdir() if path.name.startswith("iter_")]
    end = json.loads((saved / "state.json").read_text())["gen_iter"] + 2
    train(out, 2, 1, resume=True, gen_iters=end)
    train(tmp_path / "alone", 0, 2, gen_iters=end)
    assert content(out) == content(tmp_path / "alone")
