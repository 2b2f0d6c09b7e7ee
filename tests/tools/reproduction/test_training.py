"""Training a plan's runs: stopped, killed, gone on with, refused; with the training script itself or a stub."""

from __future__ import annotations

import dataclasses
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils import atomic_files
from tests.conftest import REPOSITORY
from tests.tools.reproduction.plans import TINY
from tools.reproduction import training
from tools.reproduction.plan import Run, read_plan
from tools.reproduction.split import find_images, prepare_images
from tools.reproduction.training import Task, command, tasks_of, train_all

pytestmark = pytest.mark.slow

# Long enough to be stopped amid it.
LONGER = TINY.replace("gen_iters = 8", "gen_iters = 120").replace("checkpoint_every = 4", "checkpoint_every = 30")
LONGER = LONGER.replace("seeds = [0, 1]", "seeds = [0]").replace('"plain"', '"plain"\nmoments = [120]')


def start(plan: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    program = [sys.executable, str(REPOSITORY / "tools" / "reproduce.py")]
    return subprocess.Popen(
        [*program, "--plan", str(plan), "--out", str(out), "--only", "wgan", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=out.parent,
    )


def wait_for_rows(metrics: Path, rows: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while not metrics.exists() or metrics.read_bytes().count(b"\n") <= rows:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)


def test_stopped_then_killed_then_gone_on_with_a_run_is_the_same_and_is_not_trained_twice(
    tmp_path, plan_file, tool, cheap
):
    file, out = plan_file(LONGER), tmp_path / "out"
    plan = read_plan(file)
    straight = tmp_path / "straight"
    prepare_images(plan, find_images(plan, None), ["pil-bilinear"], straight)
    (task,) = tasks_of([plan.runs["wgan"]], straight)
    # With one thread, as in the tool: sums over two are rounded otherwise.
    subprocess.run(command(task), check=True, capture_output=True, timeout=250)
    shutil.copytree(straight / "data", out / "data")
    (task,) = tasks_of([plan.runs["wgan"]], out)
    metrics, chance = task.path / "metrics.csv", random.Random(0)

    process = start(file, out)
    wait_for_rows(metrics, 3, process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=200)
    assert process.returncode == 130
    assert said.replace("\r", "\n").splitlines()[-1] == "reproduce.py: Stopped; the same command goes on."
    assert "Traceback" not in said
    assert children and not any(child.is_running() and child.status() != "zombie" for child in children)
    (saved,) = (path.name for path in (task.path / "checkpoints").iterdir())
    rows = metrics.read_bytes().count(b"\n") - 1
    assert saved.startswith(f"iter_{rows:06d}") and rows < 120

    process = start(file, out)
    rows = chance.randrange(rows + 1, 118)
    wait_for_rows(metrics, rows, process)
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in tree:
        member.kill()
    process.communicate(timeout=60)
    assert not task.done()

    # The last time in this process: without starting Python and MXNet twice more, and with few directions of the SWD.
    status, printed, said = tool("--plan", file, "--out", out, "--only", "wgan")
    assert status == 0, said
    for name in ("generator.params", "critic.params"):
        ours, wanted = (
            atomic_files.sha256_of(where / "runs" / "wgan-seed0" / "checkpoints" / "iter_000120" / name)
            for where in (out, straight)
        )
        assert ours == wanted, f"stopped, then killed after row {rows}"
    assert {line.split(",")[0] for line in printed.splitlines()} == {"wgan", "data-pil-bilinear"}
    assert not (out / "exploration.md").exists()

    before = {path: path.stat().st_mtime_ns for path in (task.path / "checkpoints").rglob("*")}
    assert len(before) > 10
    again = tool("--plan", file, "--out", out, "--only", "wgan")
    assert again[:2] == (0, printed)
    assert {path: path.stat().st_mtime_ns for path in (task.path / "checkpoints").rglob("*")} == before


def test_the_printed_commands_work(tmp_path, plan_file, tool):
    out = tmp_path / "out"
    file = plan_file(TINY.replace("gen_iters = 8", "gen_iters = 2"))
    status, printed, _ = tool("--plan", file, "--out", out, "--only", "gp", "--dry-run")
    assert status == 0 and not out.exists()
    (line,) = printed.splitlines()
    plan = read_plan(file)
    prepare_images(plan, find_images(plan, None), ["pil-bilinear"], out)
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, cwd=tmp_path, timeout=250)
    assert done.returncode == 0, done.stderr
    (task,) = tasks_of([plan.runs["gp"]], out)
    assert task.done()
    assert RunDirectory.open(task.path).config().replace(out=None, threads=None) == task.config.replace(
        sample_every=1, out=None
    )
    # And the next command goes on with it.
    _, printed, _ = tool("--plan", file, "--out", out, "--only", "gp", "--dry-run")
    assert shlex.split(printed)[2:] == ["--resume", str(task.path), "--gen-iters", "2", "--threads", "1"]


def test_tasks_take_turns_over_the_seeds(tmp_path):
    runs = [Run(name, name, seeds, (1,), "cv2-area", {}) for name, seeds in (("a", (0, 1, 5)), ("b", (0,)))]
    tasks = tasks_of(runs, tmp_path)
    assert [task.path.relative_to(tmp_path).as_posix() for task in tasks] == [
        "runs/a-seed0",
        "runs/b-seed0",
        "runs/a-seed1",
        "runs/a-seed5",
    ]
    assert {task.store for task in tasks} == {tmp_path / "data" / "train-cv2-area"}
    assert [task.seed for task in tasks] == [0, 0, 1, 5] and tasks_of([], tmp_path) == []


@pytest.fixture
def task_named(tmp_path):
    """Return a function that makes a task of a stub."""

    def make(name: str) -> Task:
        run = Run(name, name, (0,), (3,), "pil-bilinear", {"gen_iters": 3, "ngf": 4})
        return Task(run, 0, tmp_path / "runs" / name, tmp_path / "store")

    return make


DONE = "\n(path / 'checkpoints' / 'iter_000003').mkdir(parents=True)\n"
PATH = "import sys, pathlib\npath = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"


def test_a_failing_run_is_named_with_its_own_last_sentence_and_the_others_are_stopped(stub, task_named, tmp_path):
    stub(
        PATH
        + """
import signal, time
if path.name == "bad":
    while not (path.parent / "good.began").exists():
        time.sleep(0.01)
    print("first words", file=sys.stderr)
    print("train_wgan.py: It cannot be.", file=sys.stderr)
    sys.exit(2)
def stop(signum, frame):
    path.with_suffix(".stopped").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
path.parent.mkdir(parents=True, exist_ok=True)
path.with_suffix(".began").touch()
time.sleep(100)
path.with_suffix(".finished").touch()
"""
    )
    with pytest.raises(UserError, match=r"The run bad failed \(train_wgan.py: It cannot be\.\): .*--out \S+ .*shows"):
        train_all([task_named("good"), task_named("bad"), task_named("later")], 2)
    left = {path.name for path in (tmp_path / "runs").iterdir()}
    assert left == {"good.began", "good.stopped"}


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_so_many_runs_are_trained_at_once_and_done_ones_are_left_alone(jobs, stub, task_named, tmp_path):
    stub(
        PATH
        + f"""
import os, time
now = path.parent / "now"
now.mkdir(parents=True, exist_ok=True)
(now / path.name).touch()
deadline = time.monotonic() + 30
while len(os.listdir(now)) < {jobs} and not (path.parent / "full").exists() and time.monotonic() < deadline:
    time.sleep(0.01)
(path.parent / "full").touch()
time.sleep(0.15)
(path.parent / "most").open("a").write(f"{{len(os.listdir(now))}}\\n")
(now / path.name).unlink()
"""
        + DONE
    )
    tasks = [task_named(name) for name in "abcd"]
    tasks[1].checkpoint(3).mkdir(parents=True)
    train_all(tasks, jobs)
    counts = [int(line) for line in (tmp_path / "runs" / "most").read_text().split()]
    assert len(counts) == 3 and max(counts) == jobs
    assert all(task.done() for task in tasks)


def test_what_a_run_killed_at_its_very_beginning_left_is_no_hindrance(stub, task_named):
    stub(PATH + "sys.exit(2 if path.exists() else 0)")
    task = task_named("begun")
    for entry in ("samples", "checkpoints"):
        (task.path / entry).mkdir(parents=True)
    (task.path / ".config.json.123.tmp").touch()
    train_all([task], 1)
    # But nothing that somebody could miss is removed.
    (task.path / "samples").mkdir(parents=True)
    (task.path / "samples" / "mine.txt").touch()
    with pytest.raises(UserError, match="The run begun failed"):
        train_all([task], 1)
    assert (task.path / "samples" / "mine.txt").exists()


def test_a_run_that_begins_in_the_instant_of_a_stop_is_stopped_too(stub, task_named, tmp_path, monkeypatch):
    stub(PATH + "import time\ntime.sleep(20)\npath.mkdir(parents=True)\n")
    stopping, real = threading.Event(), subprocess.Popen

    def begin(*words, **more):
        stopping.set()  # as if the stop came while the child was made
        return real(*words, **more)

    monkeypatch.setattr(training.subprocess, "Popen", begin)
    training._train(task_named("late"), set(), stopping)
    assert not (tmp_path / "runs" / "late").exists()
    stopping.set()
    monkeypatch.setattr(training.subprocess, "Popen", None)
    training._train(task_named("later"), set(), stopping)


def test_a_run_made_with_other_options_is_refused_before_anything_is_trained(whole, tool, tmp_path, monkeypatch):
    changed = tmp_path / "changed.toml"
    changed.write_text(whole.file.read_text().replace("clip = 0.005", "clip = 0.006\nn_critic = 2"))
    monkeypatch.setattr(training.subprocess, "Popen", None)
    status, _, said = tool("--plan", changed, "--out", whole.out)
    assert status == 2
    path = whole.task("clip-0005").path
    assert said.splitlines()[-1] == (
        f"reproduce.py: {path} was trained with another --clip, --n-critic than the plan says: move it away or give "
        "another --out."
    )


def test_steps_are_counted_by_the_last_whole_row(whole, tmp_path):
    task = whole.task("wgan")
    assert training._steps_taken(task) == training._critic_steps(task, 2) == 6  # two iterations of three in the warm-up
    other = Task(task.run, 0, tmp_path, task.store)
    assert training._steps_taken(other) == 0
    text = (task.path / "metrics.csv").read_text()
    for kept, steps in ((text.splitlines()[0] + "\n", 0), (text + "3,0,1,0.2", 6), (text[: len(text) - 3], 3)):
        (tmp_path / "metrics.csv").write_text(kept)
        assert training._steps_taken(other) == steps


def test_gpus_reach_the_command_and_the_configuration(whole):
    (task, *_) = tasks_of([whole.plan.runs["wgan"]], whole.out.parent / "elsewhere", (0, 1))
    words = command(task)
    assert words[words.index("--gpus") + 1] == "0,1" and task.gpus == (0, 1)
    assert "--gpus" not in command(tasks_of([whole.plan.runs["wgan"]], whole.out.parent / "elsewhere")[0])
    assert words[0] == sys.executable and os.path.samefile(words[1], REPOSITORY / "train_wgan.py")


def test_a_run_is_done_at_its_last_moment_alone(whole):
    task = whole.task("long")
    assert task.done() and task.run.moments == (1, 2, 3, 4)
    longer = dataclasses.replace(task, run=dataclasses.replace(task.run, moments=(1, 2, 3, 4, 5)))
    assert not longer.done()
