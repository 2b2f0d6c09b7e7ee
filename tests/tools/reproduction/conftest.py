"""Small plans: one to read, and one with the run names of the committed plans, trained once for all tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gluon_wgan import compat
from gluon_wgan.api import train
from gluon_wgan.metrics import swd
from gluon_wgan.training.loop import Session
from tests.tools.reproduction.plans import TINY, all_names
from tools.reproduction import cli, pace
from tools.reproduction import training as reproduction_training
from tools.reproduction.evaluation import BASELINE_RESIZE
from tools.reproduction.plan import Plan, read_plan
from tools.reproduction.split import find_images, prepare_images
from tools.reproduction.training import Task, tasks_of


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a plan, by default a tiny one, with pieces of it replaced."""

    def write(text: str = TINY, **pieces: str) -> Path:
        path = tmp_path / "tiny.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def tool(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Return a function that runs tools/reproduce.py's main here: exit status, stdout, stderr."""
    handler = signal.getsignal(signal.SIGTERM)
    # MXNet has been loaded here, and has its threads.
    monkeypatch.setattr(compat, "set_threads", lambda count: None)

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    yield run
    signal.signal(signal.SIGTERM, handler)


class Whole:
    """A plan with all run names, trained in this process as `train_wgan.py` trains."""

    def __init__(self, file: Path, out: Path) -> None:
        self.file, self.out = file, out
        self.plan: Plan = read_plan(file)
        self.tasks: list[Task] = tasks_of(list(self.plan.runs.values()), out)
        self.watched: list[Task] = tasks_of(list(self.plan.starts.values()), out)

    def task(self, name: str, seed: int = 0) -> Task:
        """Return a run or a start."""
        return next(task for task in (*self.tasks, *self.watched) if (task.run.name, task.seed) == (name, seed))


@pytest.fixture(scope="package")
def cheap() -> Iterator[pytest.MonkeyPatch]:
    """Take the sliced distance along a few directions only, and time few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swd, "DIRECTIONS", 8)
        patch.setattr(swd, "REPEATS", 1)
        patch.setattr(pace, "ROUNDS", 1)
        patch.setattr(pace, "STEPS", 1)
        yield patch


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory, cheap: pytest.MonkeyPatch) -> Whole:
    """Return the trained plan with all run names; nothing is measured yet."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "standard-names.toml"
    file.write_text(all_names(), encoding="utf-8")
    found = Whole(file, folder / "out")
    resizes = sorted({BASELINE_RESIZE, *(task.run.resize for task in (*found.tasks, *found.watched))})
    prepare_images(found.plan, find_images(found.plan, None), resizes, found.out)
    # Images of runs take longer than these runs themselves.
    cheap.setattr(Session, "draw", lambda session: None)
    for task in found.tasks:
        train(task.config.replace(out=str(task.path), sample_every=1000), progress=False)
    return found


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a script in the place of `train_wgan.py`."""

    def put(code: str) -> Path:
        path = tmp_path / "stub.py"
        path.write_text(code)
        monkeypatch.setattr(reproduction_training, "PROGRAM", path)
        return path

    return put
