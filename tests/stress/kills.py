"""Kill commands with SIGKILL at random instants, run them again, and compare with what was never disturbed.

Most commands are forked from a server that has imported the libraries, so that nearly all of their time is work;
the others are new interpreters, so that imports are hit too.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image

from gluon_wgan.data import store_writer
from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import check_checkpoint, list_checkpoints
from gluon_wgan.utils.untrusted import read_json_lines
from tests.stress.fuzz_files import ROOT, TINY

SECONDS = 600.0
# Between two looks at a command.
_STEP = 0.005
# Of one command, before it may end.
MAX_KILLS = 4
# Of the starts: new interpreters.
COLD = 0.08
# A preparation of a second would otherwise end before the first journal, and never go on amid its images.
JOURNAL_SECONDS = 0.02
_PRELOADED = (
    *("tests.stress.kills", "gluon_wgan.api", "mxnet", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *(f"gluon_wgan.cli.{name}" for name in ("train", "prepare", "export", "convert", "evaluate", "report")),
    *("gluon_wgan.generators.export_model", "gluon_wgan.interop.torch_weights", "gluon_wgan.metrics.evaluation"),
    *("gluon_wgan.metrics.evaluate_statistics", "gluon_wgan.metrics.result_lines", "gluon_wgan.metrics.swd", "torch"),
)
_KILLED = "was killed"
_SERVER = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Scenario:
    """A command to kill.

    Attributes
    ----------
    name
        For the table.
    words
        From a folder, new or as a kill left it, to the words after ``python`` that start the command or let it go on;
        none where it has ended.
    result
        From that folder, once the command has ended, to what must be the same as without a kill.
    torn
        From that folder, as a kill left it, and the result without a kill, to what is there in part only.
    """

    name: str
    words: Callable[[Path], list[str]]
    result: Callable[[Path], object]
    torn: Callable[[Path, object], str]


def scenarios(sound: Path) -> list[Scenario]:
    """Return all scenarios; ``sound`` holds what `tests.stress.fuzz_files.prepare_folder` makes."""
    run, cache = sound / "run", ["--cache-dir", str(sound / "cache")]

    def train(folder: Path) -> list[str]:
        if (folder / "run" / "config.json").exists():
            return ["train_wgan.py", "--resume", str(folder / "run")]
        end = ["--gen-iters", "8", "--checkpoint-every", "2", "--out", str(folder / "run")]
        return ["train_wgan.py", *TINY, *cache, *end]

    def prepare(folder: Path) -> list[str]:
        words = ["--limit", "100", "--image-size", "16", "--jobs", "1", *cache]
        go_on = ["--resume"] if any(folder.iterdir()) else []
        return ["tools/prepare_data.py", *words, "--shards", "3", "--out", str(folder / "store"), *go_on]

    def export(folder: Path) -> list[str]:
        return ["tools/export_model.py", str(run), "--format", "gluon", "--out", str(folder / "out")]

    def convert(folder: Path) -> list[str]:
        return ["tools/convert_weights.py", str(max(run.glob("checkpoints/*"))), str(folder / "out")]

    def evaluate(folder: Path) -> list[str]:
        return ["tools/evaluate.py", _copy(run, folder / "run"), "--metrics", "swd", "--num", "16"]

    def report(folder: Path) -> list[str]:
        return ["tools/run_report.py", _copy(run, folder / "run")]

    found = [
        Scenario("training", train, _trained, _torn_run),
        Scenario("preparation", prepare, lambda folder: _contents(folder / "store"), _torn("store", _contents)),
        Scenario("export", _unless_there(export), lambda folder: _contents(folder / "out"), _torn("out", _contents)),
        Scenario("evaluation", evaluate, _evaluated, _torn_run),
        Scenario("report", report, _page, _torn_run),
    ]
    if (sound / "weights.pth").exists():
        both = _unless_there(convert)
        found.insert(3, Scenario("conversion", both, lambda folder: _sizes(folder / "out"), _torn("out", _sizes)))
    return found


class Killer:
    """Kills the commands of one scenario.

    Parameters
    ----------
    scenario
        What to kill.
    folder
        Where to work; it exists.
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.folder = scenario, folder
        _SERVER.set_forkserver_preload(list(_PRELOADED))
        self._cpu: dict[bool, float] = {}
        self.wanted: object = None
        for way in ("first", "forked", "cold"):  # the first start may have to wait for the server
            whole = folder / f"{scenario.name}-{way}"
            whole.mkdir()
            said, self._cpu[way == "cold"] = self._start(scenario.words(whole), cold=way == "cold")
            if said:
                raise RuntimeError(f"{scenario.name} fails without a kill: {said}")
            result = scenario.result(whole)
            if way != "first" and result != self.wanted:
                raise RuntimeError(f"{scenario.name} has two results without a kill")
            self.wanted = result

    def kill(self, number: int, seed: int) -> tuple[int, str]:
        """Kill a command some times, let it end, and return how often it was hit, and what is wrong, if anything."""
        rng = np.random.default_rng([seed, number])
        draws = rng.random((int(rng.integers(1, MAX_KILLS + 1)), 2))
        folder = self.folder / f"{self.scenario.name}-{number}"
        folder.mkdir()
        hits = 0
        for place, (moment, way) in enumerate([*draws, (None, 1)]):
            words, cold = self.scenario.words(folder), bool(way < COLD)
            if not words:
                break
            said, _ = self._start(words, cold, None if moment is None else moment * self._cpu[cold])
            if not said:
                break
            if said != _KILLED or moment is None:
                return hits, f"start {place + 1} {said}"
            hits += 1
            torn = self.scenario.torn(folder, self.wanted)
            if torn:
                return hits, f"after kill {hits}: {torn}"
        left = [str(path.relative_to(folder)) for ending in ("tmp", "partial") for path in folder.rglob(f"*.{ending}")]
        if left:
            return hits, f"left behind: {left}"
        if self.scenario.result(folder) != self.wanted:
            return hits, "the result is another one"
        shutil.rmtree(folder)
        return hits, ""

    def _start(self, words: list[str], cold: bool, moment: Optional[float] = None) -> tuple[str, float]:
        """Run a command, killed with its helpers after so much CPU time, in seconds.

        Returns
        -------
        What it did, nothing if it succeeded, and the CPU time that it took.
        """
        errors, until, used = self.folder / "stderr", time.monotonic() + SECONDS, 0.0
        wait, pid = (_start_interpreter if cold else _start_fork)(words, errors)
        while (status := wait(_STEP)) is None:
            with contextlib.suppress(OSError):  # it has just ended
                # Its CPU clock, as clock_getcpuclockid(3) has it: unlike the time of day the same on a busy machine.
                used = time.clock_gettime(~pid << 3 | 2)
            if time.monotonic() > until or (moment is not None and used >= moment):
                for end in (os.killpg, os.kill):  # a fork may not lead its group yet
                    with contextlib.suppress(ProcessLookupError):
                        end(pid, signal.SIGKILL)
                status = wait(SECONDS)
                if status == -signal.SIGKILL:  # else it has just ended
                    return (_KILLED if moment is not None else f"takes more than {SECONDS:.0f} seconds"), used
                break
        return (f"ends with status {status}: {errors.read_text()[-400:]!r}" if status else ""), used


Wait = Callable[[float], Optional[int]]


def _start_interpreter(words: list[str], errors: Path) -> tuple[Wait, int]:
    with errors.open("w") as file:
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdin=nothing, stdout=nothing, stderr=file, start_new_session=True
        )

    def wait(seconds: float) -> Optional[int]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
        return None

    return wait, process.pid


def _start_fork(words: list[str], errors: Path) -> tuple[Wait, int]:
    process = _SERVER.Process(target=run_command, args=(words, errors))
    process.start()
    assert process.pid is not None

    def wait(seconds: float) -> Optional[int]:
        process.join(seconds)
        return process.exitcode

    return wait, process.pid


def run_command(words: list[str], errors: Path) -> None:
    """Be the command, in a process that was forked for it."""
    os.setsid()
    if "mxnet" not in sys.modules:
        raise RuntimeError("the server has not imported the libraries")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.chdir(ROOT)
    sys.argv = words
    store_writer.JOURNAL_SECONDS = JOURNAL_SECONDS
    runpy.run_path(words[0], run_name="__main__")


def _unless_there(words: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    return lambda folder: [] if (folder / "out").exists() else words(folder)


def _copy(run: Path, target: Path) -> str:
    """Return a copy of a run without metric values."""
    if not target.exists():
        shutil.copytree(run, target, ignore=shutil.ignore_patterns("evaluation.jsonl"))
    return str(target)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


def _sizes(folder: Path) -> dict[str, int]:
    return {name: len(content) for name, content in _contents(folder).items()}


def _torn(name: str, content: Callable[[Path], object]) -> Callable[[Path, object], str]:
    def torn(folder: Path, wanted: object) -> str:
        path = folder / name
        return f"{name} is there in part" if path.exists() and content(path) != wanted else ""

    return torn


def _torn_run(folder: Path, wanted: object) -> str:
    run = folder / "run"
    try:
        for path in list_checkpoints(run / "checkpoints"):
            check_checkpoint(path)
        for path in run.glob("[!.]*.json"):
            json.loads(path.read_bytes())
        for path in [*run.glob("samples/[!.]*.png"), *run.glob("curves.png")]:
            with Image.open(path) as image:
                image.load()
        for path in run.glob("*.html"):
            if not path.read_text().rstrip().endswith("</html>"):
                return f"{path.name} is cut off"
    except (UserError, ValueError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _trained(folder: Path) -> object:
    newest = list_checkpoints(folder / "run" / "checkpoints")[-1]
    rows = [line.split(",")[:10] for line in (folder / "run" / "metrics.csv").read_text().splitlines()]
    kept = {name: content for name, content in _contents(newest).items() if name.endswith(".params")}
    # All columns but those of the clock.
    clock = [rows[0].index(name) for name in ("seconds", "images_per_second") if name in rows[0]]
    drawn = _contents(folder / "run" / "samples")
    return newest.name, kept, drawn, [[cell for place, cell in enumerate(row) if place not in clock] for row in rows]


def _evaluated(folder: Path) -> object:
    lines, cut = read_json_lines(folder / "run" / "evaluation.jsonl")
    return {(line["metric"], line["value"]) for line in lines}, cut


def _page(folder: Path) -> object:
    page = (folder / "run" / "report.html").read_text()
    return [line for line in page.splitlines() if "Written " not in line]
