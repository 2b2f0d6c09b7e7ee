"""How many threads a run computes with, as the process that trains has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

import pytest

from gluon_wgan import compat
from gluon_wgan.config.train_config import preset_config
from gluon_wgan.runs import threads as rule
from tests.conftest import REPOSITORY

SMALL = [
    *("--image-size", "16", "--ngf", "4", "--ndf", "4", "--batch-size", "8", "--limit", "24"),
    *("--gen-iters", "1", "--warmup-iters", "0", "--jobs", "1"),
]


def train(*words: str, **environment: str) -> Path:
    """Train in a process of its own, and return the run."""
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")}
    command = [sys.executable, str(REPOSITORY / "train_wgan.py"), *words]
    done = subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Path(words[words.index("--out" if "--out" in words else "--resume") + 1])


def threads(run: Path) -> str:
    return json.loads((run / "environment.json").read_text())["threads"]


@pytest.mark.slow
def test_a_small_network_takes_one_thread_unless_told_and_a_resume_keeps_them(tmp_path: Path) -> None:
    where = ["--cache-dir", str(tmp_path / "cache"), "--out"]
    assert threads(train(*SMALL, *where, str(tmp_path / "rule"))) == "1"
    assert threads(train(*SMALL, *where, str(tmp_path / "variable"), OMP_NUM_THREADS="3")) == "3"
    assert threads(train(*SMALL, *where, str(tmp_path / "option"), "--threads", "2", OMP_NUM_THREADS="3")) == "2"
    resumed = train("--resume", str(tmp_path / "variable"), "--gen-iters", "2", OMP_NUM_THREADS="4")
    log = (resumed / "log.txt").read_text()
    assert log.count("with 3 threads") == 2 and "with 4 threads" not in log


@pytest.mark.parametrize(
    ("size", "width", "instructions", "cores", "chosen"),
    [
        (32, 8, {"avx2"}, 4, 1),
        (64, 4, set(), 4, 1),
        (32, 16, {"avx2"}, 4, 2),
        (32, 16, {"avx2"}, 1, 1),
        (32, 16, {"avx2", "avx512f"}, 4, 1),
        (16, 64, {"avx2"}, 4, None),
        (32, 32, {"avx2", "avx512f"}, 4, None),
    ],
)
def test_the_rule_of_threads(
    monkeypatch: pytest.MonkeyPatch, size: int, width: int, instructions: set[str], cores: int, chosen: Optional[int]
) -> None:
    monkeypatch.setattr(rule, "instruction_sets", lambda: frozenset(instructions))
    monkeypatch.setattr(compat, "usable_cores", lambda: cores)
    monkeypatch.setattr(compat, "threads_were_given", lambda: False)
    monkeypatch.setitem(sys.modules, "mxnet", None)
    monkeypatch.delitem(sys.modules, "mxnet")
    assert rule.choose_threads(preset_config("gluon", image_size=size, ngf=width, ndf=width), None) == chosen
    assert rule.choose_threads(preset_config("gluon", image_size=size, ngf=4, ndf=width), None) == chosen


@pytest.mark.parametrize(("given", "set_to"), [({}, "1000"), ({"GOMP_SPINCOUNT": "infinite"}, "infinite")])
def test_waiting_threads_sleep_soon_unless_told(run_python, given: dict[str, str], set_to: str) -> None:
    code = "import os\nif not GIVEN: os.environ.pop('GOMP_SPINCOUNT', None)\n".replace("GIVEN", repr(bool(given)))
    code += "import gluon_wgan; print(os.environ['GOMP_SPINCOUNT'])"
    assert run_python(code, **given).stdout.strip() == set_to
