"""Train the runs of a plan: start what is missing, resume what was interrupted, keep what is done."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from tqdm import tqdm

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import MATHS, TrainConfig, changed_fields
from gluon_wgan.data.prepared_data import adopt_store
from gluon_wgan.errors import UserError
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.training import schedule
from gluon_wgan.utils.folders import remove_stale_files
from gluon_wgan.utils.progress_bars import redraw_seconds
from tools.reproduction.plan import Run
from tools.reproduction.split import TRAIN, store_path

PROGRAM = Path(__file__).resolve().parents[2] / "train_wgan.py"
_LOOK_EVERY = 1.0


@dataclass(frozen=True)
class Task:
    """One run with one seed.

    Attributes
    ----------
    run, seed
        Which.
    path
        Its run directory.
    store
        The images it is trained on.
    gpus
        The GPUs that it is trained on; none is the CPU.
    """

    run: Run
    seed: int
    path: Path
    store: Path
    gpus: tuple[int, ...] = ()

    @property
    def config(self) -> TrainConfig:
        """What the run directory's configuration has to be."""
        wanted = self.run.config(self.seed, self.store)
        return wanted.replace(**adopt_store({"data": str(self.store)}), gpus=self.gpus)

    def checkpoint(self, iteration: int) -> Path:
        """Return the checkpoint after so many generator iterations."""
        return self.path / "checkpoints" / f"iter_{iteration:06d}"

    def done(self) -> bool:
        """Whether it has been trained to its end."""
        return self.checkpoint(self.run.moments[-1]).is_dir()


def tasks_of(runs: Sequence[Run], out: Path, gpus: tuple[int, ...] = ()) -> list[Task]:
    """Return every run with every seed, all the runs' first seeds first."""
    latest = max((len(run.seeds) for run in runs), default=0)
    found = []
    for turn in range(latest):
        for run in runs:
            if turn < len(run.seeds):
                path = out / "runs" / f"{run.name}-seed{run.seeds[turn]}"
                found.append(Task(run, run.seeds[turn], path, store_path(out, TRAIN, run.resize), gpus))
    return found


def command(task: Task) -> list[str]:
    """Return the words that train it, or go on with it: a command that anyone can type."""
    if (task.path / "config.json").exists():
        words: list[Any] = ["--resume", task.path, "--gen-iters", task.run.moments[-1], "--threads", 1]
    else:
        words = ["--data", task.store, "--seed", task.seed, "--out", task.path, "--threads", 1]
        words += ["--gpus", ",".join(map(str, task.gpus))] if task.gpus else []
        words += ["--sample-every", _images_every(task.run), *flags_of(task.run.options)]
    return [sys.executable, str(PROGRAM), *map(str, words)]


def flags_of(options: dict[str, Any]) -> list[str]:
    """Return the flags of ``train_wgan.py`` that set the options."""
    words: list[str] = []
    for name, value in options.items():
        flag = flag_of(name)
        if isinstance(value, bool):
            # Of an option that is called no_... there is no negation, and off is what it is by default.
            words += [flag] if value else [] if name.startswith("no_") else [f"--no-{flag[2:]}"]
        else:
            words += [flag, str(value)]
    return words


def train_all(tasks: Sequence[Task], jobs: int, finished: Callable[[Task], None] = lambda task: None) -> None:
    """Train every task to its end, `jobs` at a time, one thread each.

    Parameters
    ----------
    finished
        Called with every task once it is at its end, also those that were there before, while others are trained.

    Raises
    ------
    UserError
        When a run fails, with its own sentence; or a run directory was made with other options.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the runs under way have saved themselves.
    """
    waiting = [task for task in tasks if not task.done()]
    for task in tasks:
        _refuse_other_run(task)
    total = sum(_critic_steps(task, task.run.moments[-1]) for task in waiting)
    before = sum(_steps_taken(task) for task in waiting)
    bar = tqdm(
        desc=f"Training {len(waiting)} runs",
        total=total,
        initial=before,
        unit=" critic steps",
        dynamic_ncols=True,
        mininterval=redraw_seconds(),
        disable=not waiting,
    )
    children: set[subprocess.Popen[bytes]] = set()
    stopping = threading.Event()
    with bar, ThreadPoolExecutor(jobs) as pool:
        futures: dict[Future[None], Task] = {pool.submit(_train, task, children, stopping): task for task in waiting}
        pending = set(futures)
        try:
            for task in tasks:
                if task not in waiting:
                    finished(task)
            while pending:
                done, pending = wait(pending, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
                bar.update(sum(_steps_taken(task) for task in waiting) - bar.n)
                for future in done:
                    future.result()
                    finished(futures[future])
        except BaseException:
            stopping.set()
            for child in list(children):
                child.send_signal(signal.SIGTERM)
            raise


def _train(task: Task, children: set[subprocess.Popen[bytes]], stopping: threading.Event) -> None:
    if stopping.is_set():
        return
    _remove_unbegun(task.path)
    words = command(task)
    # A session of its own: Ctrl-C reaches this process alone, which then asks the runs to stop.
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as child:
        children.add(child)
        if stopping.is_set():  # after the others were told, and before this one was among them
            child.send_signal(signal.SIGTERM)
        assert child.stderr is not None
        said = child.stderr.read().decode(errors="replace").strip()
        status = child.wait()
        children.discard(child)
    if status and not stopping.is_set():
        sentence = said.replace("\r", "\n").splitlines()[-1] if said else f"it ended with status {status}"
        raise UserError(f"The run {task.path.name} failed ({sentence}): {shlex.join(words)} shows more.")


def _remove_unbegun(path: Path) -> None:
    """Remove the empty folders of a run that was killed before it had a configuration, so that it can begin again."""
    if not path.is_dir() or (path / "config.json").exists():
        return
    remove_stale_files(path, ["config.json"])
    with suppress(OSError):  # of a folder that holds something, which stays
        for folder in (path / "samples", path / "checkpoints", path):
            if folder.exists():
                folder.rmdir()


def _refuse_other_run(task: Task) -> None:
    if not (task.path / "config.json").exists():
        return
    changed = changed_fields(RunDirectory.open(task.path).config(), task.config, [MATHS])
    if changed:
        raise UserError(
            f"{task.path} was trained with another {', '.join(map(flag_of, changed))} than the plan says: move it away "
            "or give another --out."
        )


def _images_every(run: Run) -> int:
    return max(1, run.moments[-1] // 4)


def _critic_steps(task: Task, iterations: int) -> int:
    return schedule.critic_steps_until(iterations, task.run.config(task.seed, task.store))


def _steps_taken(task: Task) -> int:
    """Return how far a run is, by the last row of its metrics."""
    try:
        with (task.path / "metrics.csv").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 400))
            iterations = int(file.read().split(b"\n")[-2].split(b",")[0])
    except (OSError, ValueError, IndexError):
        return 0
    return _critic_steps(task, min(iterations, task.run.moments[-1]))
