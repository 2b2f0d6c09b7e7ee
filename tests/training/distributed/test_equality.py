"""W workers of C devices train exactly what one process with W * C devices trains."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# 37 images leave a last batch of one, which is less than any world here.
OPTIONS: dict[str, Any] = {
    "name": "gluon",
    "limit": 37,
    "image_size": 16,
    "ngf": 4,
    "ndf": 4,
    "batch_size": 12,
    "gen_iters": 3,
    "warmup_iters": 1,
    "warmup_critic": 5,
    "n_critic": 2,
    "sample_every": 100,
    "checkpoint_every": 2,
    "jobs": 1,
}
TIMED = ("seconds", "images_per_second")
WORKER = [sys.executable, "-m", "tests.training.distributed.worker"]

# Workers, devices of each, and options. Two devices or fewer let the server add, more gather rows.
CASES: list[tuple[int, int, dict[str, Any]]] = [
    (1, 1, {}),
    (2, 1, {"name": "dcgan", "short_noise": True}),
    (2, 2, {"name": "wgan-gp", "short_noise": True}),
]
# One process begins, and three workers go on.
MOVED: dict[str, Any] = {"name": "port2018", "short_noise": True}


def job(out: Path, contexts: int, *, resume: bool = False, **changes: Any) -> dict[str, Any]:
    """Return what `tests.training.distributed.worker` is to do."""
    # Two folders up is a folder that all tests share, so that the images are drawn once.
    options = {**OPTIONS, "cache_dir": str(out.parents[1] / "cache"), **changes}
    return {"out": str(out), "contexts": contexts, "resume": resume, "options": options}


def train(*jobs: dict[str, Any], workers: int = 0, seconds: int = 200) -> None:
    """Train in so many processes; none stands for one without a kvstore, which takes one job after the other."""
    command = [*WORKER, json.dumps(jobs)]
    if workers:
        command = [sys.executable, "tools/launch.py", "-n", str(workers), "-s", "1", "--grace", "20", "--", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-3000:]


def train_together(workers: int, out: Path, contexts: int, **options: Any) -> None:
    """Train with several workers."""
    train(job(out, contexts, kvstore="dist_sync", **options), workers=workers)


def content(run: Path, iteration: Optional[int] = None) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the bytes of a checkpoint's arrays, and the metrics without times up to there; None for the last one."""
    last = max((run / "checkpoints").glob("iter_*" if iteration is None else f"iter_{iteration:06d}"))
    files = {path.name: path.read_bytes() for path in last.glob("*.params")}
    state = json.loads((last / "state.json").read_text())
    for name in TIMED:
        state.pop(name, None)
    files["state.json"] = json.dumps(state, sort_keys=True).encode()
    with open(run / "metrics.csv", newline="") as file:
        rows = [{k: v for k, v in row.items() if not k.startswith(TIMED)} for row in csv.DictReader(file)]
    return files, rows[:iteration]


def assert_same(together: Path, alone: Path) -> None:
    a, b = content(together), content(alone)
    assert a[0].keys() == b[0].keys()
    assert [name for name in a[0] if a[0][name] != b[0][name]] == []
    assert a[1] == b[1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what one process trained, to compare with and to go on from."""
    folder = tmp_path_factory.mktemp("alone")
    cases = [job(folder / str(number), w * c, **changes) for number, (w, c, changes) in enumerate(CASES)]
    train(*cases, job(folder / "moved", 3, **MOVED), job(folder / "begun", 3, **MOVED, gen_iters=2))
    return folder


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{w}x{c}-{o.get('name')}" for w, c, o in CASES])
def test_workers_equal_one_process(tmp_path: Path, alone: Path, number: int) -> None:
    workers, contexts, changes = CASES[number]
    train_together(workers, tmp_path / "run", contexts, **changes)
    assert_same(tmp_path / "run", alone / str(number))


def test_three_workers_continue_what_three_devices_of_one_process_began(alone: Path) -> None:
    train_together(3, alone / "begun", 1, resume=True, **MOVED)
    assert_same(alone / "begun", alone / "moved")
