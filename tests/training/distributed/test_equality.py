"""W workers of C devices train exactly what one process with W * C devices trains."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
# 37 images leave a last batch of one, which is less than any world here.
OPTIONS: dict[str, Any] = {
    "preset": "gluon",
    "num_faces": 37,
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


def train(out: Path, workers: int, contexts: int, *, resume: bool = False, **changes: Any) -> None:
    """Train in so many processes; none stands for one without a kvstore."""
    options = {**OPTIONS, "cache_dir": str(out.parent / "cache"), **changes}
    command = [sys.executable, "-m", "tests.training.distributed.worker", str(out), str(contexts), str(int(resume))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if workers:
        options["kvstore"] = "dist_sync"
        launch = [sys.executable, "tools/launch.py", "-n", str(workers), "-s", "1", "--grace", "20", "--"]
        command = [*launch, *command]
    command.append(json.dumps(options))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]


def content(run: Path) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the bytes of the last checkpoint's arrays, and the metrics without times."""
    last = max((run / "checkpoints").glob("iter_*"))
    files = {path.name: path.read_bytes() for path in last.glob("*.params")}
    state = json.loads((last / "state.json").read_text())
    for name in TIMED:
        state.pop(name, None)
    files["state.json"] = json.dumps(state, sort_keys=True).encode()
    with open(run / "metrics.csv", newline="") as file:
        rows = [{k: v for k, v in row.items() if not k.startswith(TIMED)} for row in csv.DictReader(file)]
    return files, rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "contexts", "changes"),
    [
        (1, 1, {}),
        (2, 1, {}),
        (3, 1, {}),
        (4, 1, {"preset": "wgan-gp"}),
        (2, 2, {"preset": "dcgan"}),
        (2, 1, {"preset": "wgan-gp", "short_noise": True}),
        (3, 1, {"preset": "port2018", "short_noise": True}),
    ],
)
def test_workers_equal_one_process(tmp_path: Path, workers: int, contexts: int, changes: dict[str, Any]) -> None:
    train(tmp_path / "alone", 0, workers * contexts, **changes)
    train(tmp_path / "together", workers, contexts, **changes)
    alone, together = content(tmp_path / "alone"), content(tmp_path / "together")
    assert alone[0].keys() == together[0].keys()
    assert [name for name in alone[0] if alone[0][name] != together[0][name]] == []
    assert alone[1] == together[1]


@pytest.mark.slow
def test_a_run_continues_with_another_arrangement_of_its_devices(tmp_path: Path) -> None:
    train(tmp_path / "alone", 0, 3, gen_iters=4)
    train(tmp_path / "moved", 3, 1, gen_iters=2)
    train(tmp_path / "moved", 0, 3, resume=True, gen_iters=3)
    train(tmp_path / "moved", 3, 1, resume=True, gen_iters=4)
    assert content(tmp_path / "moved") == content(tmp_path / "alone")
