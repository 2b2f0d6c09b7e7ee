"""A process that is killed or stopped ends all others, and the run continues to the bit."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.training.distributed.test_equality import ROOT, WORKER, content, job, train

pytestmark = pytest.mark.slow

# Long enough that no run is over before its process is hit.
LONG: dict[str, Any] = {"gen_iters": 4000, "checkpoint_every": 100_000, "sample_every": 100_000, "keep_checkpoints": 0}
LIMIT = 30
STARTS_WITHIN = 100


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return int(tcp.getsockname()[1])


def start(out: Path, log: Path, **options: Any) -> dict[str, subprocess.Popen[bytes]]:
    """Start a scheduler, a server and two workers, each by itself, as any launcher would."""
    common = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NODE_HOST": "127.0.0.1",
        "DMLC_NUM_WORKER": "2",
        "DMLC_NUM_SERVER": "1",
    }
    command = [*WORKER, json.dumps([job(out, 1, kvstore="dist_sync", worker_timeout=4, **options)])]
    processes = {}
    for name in ("scheduler", "server", "worker 0", "worker 1"):
        role, _, number = name.partition(" ")
        with open(log / name, "wb") as file:
            environment = {**common, "DMLC_ROLE": role, **({"DMLC_WORKER_ID": number} if number else {})}
            processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
    return processes


def wait_for_rows(run: Path, count: int, log: Path) -> None:
    """Wait until a run has that many rows of metrics."""
    metrics, until = run / "metrics.csv", time.monotonic() + STARTS_WITHIN
    while not (metrics.is_file() and metrics.read_bytes().count(b"\n") > count):
        assert time.monotonic() < until, (log / "worker 0").read_text()[-2000:]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the runs that a lost process has ended."""
    return tmp_path_factory.mktemp("ended")


@pytest.mark.parametrize(
    ("victim", "signum"),
    [("worker 1", signal.SIGKILL), ("server", signal.SIGSTOP), ("scheduler", signal.SIGKILL)],
)
def test_a_lost_process_ends_the_others(tmp_path: Path, ended: Path, victim: str, signum: signal.Signals) -> None:
    out, log = ended / victim, tmp_path / "log"
    log.mkdir()
    processes = start(out, log, **LONG)
    try:
        wait_for_rows(out, 4, log)
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
    assert saved.name > "iter_000003"


def test_a_stop_of_one_worker_stops_all_at_the_same_step(tmp_path: Path) -> None:
    out, log = tmp_path / "folder" / "run", tmp_path / "log"
    log.mkdir()
    processes = start(out, log, **LONG)
    try:
        wait_for_rows(out, 4, log)
        processes["worker 1"].send_signal(signal.SIGTERM)
        statuses = {name: process.wait(timeout=LIMIT) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    assert statuses == {"scheduler": 0, "server": 0, "worker 0": 143, "worker 1": 143}
    first, second = ((log / name).read_text().splitlines()[-1] for name in ("worker 0", "worker 1"))
    (saved,) = (out / "checkpoints").iterdir()
    assert f" and saved {saved}. Continue with: " in first
    assert second == first.partition(" and saved")[0] + "; worker 0 saves the run and says how to continue."


def test_all_workers_see_the_same_nan(tmp_path: Path) -> None:
    out, log = tmp_path / "folder" / "run", tmp_path / "log"
    log.mkdir()
    processes = start(out, log, lr_d=1e30, clip=1e30, **LONG)
    try:
        statuses = {name: process.wait(timeout=100) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    assert statuses == {"scheduler": 0, "server": 0, "worker 0": 1, "worker 1": 1}
    first, second = ((log / name).read_text().splitlines()[-1] for name in ("worker 0", "worker 1"))
    (saved,) = (out / "checkpoints").iterdir()
    assert f"; the state is saved in {saved}: " in first and "is nan at generator iteration 0" in first
    assert second == first.partition("; the state")[0] + "; worker 0 saves the state and says how to continue."


def test_what_they_saved_continues_to_the_bit(ended: Path, tmp_path: Path) -> None:
    ends = {}
    for run in ended.iterdir():
        (state,) = (run / "checkpoints").glob("iter_*/state.json")
        ends[run] = json.loads(state.read_text())["gen_iter"] + 2
    # One run stops where each of them is to end.
    stops = [{"resume": number > 0, "gen_iters": end} for number, end in enumerate(sorted(set(ends.values())))]
    alone = [job(tmp_path / "alone", 2, checkpoint_every=100_000, keep_checkpoints=0, **stop) for stop in stops]
    train(*alone, *(job(run, 2, resume=True, gen_iters=end) for run, end in ends.items()))
    for run, end in ends.items():
        assert content(run) == content(tmp_path / "alone", end)
