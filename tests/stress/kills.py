"""Kill commands with SIGKILL at random instants, run them again, and compare with what was never disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from tests.stress.fuzz_files import ROOT, TINY

SECONDS = 300


@dataclass(frozen=True)
class Scenario:
    """A command to kill.

    Attributes
    ----------
    name
        For the table.
    first, again
        From a new folder to the words after ``python``: of the command, and of the one that follows a kill.
    result
        From that folder to what must be the same as without a kill.
    """

    name: str
    first: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    result: Callable[[Path], object]


def scenarios(sound: Path) -> list[Scenario]:
    """Return all scenarios; ``sound`` holds what `tests.stress.fuzz_files.prepare_folder` makes."""
    run, cache = str(sound / "run"), ["--cache-dir", str(sound / "cache")]

    def train(folder: Path) -> list[str]:
        end = ["--gen-iters", "8", "--checkpoint-every", "2", "--out", str(folder / "run")]
        return ["train_wgan.py", *TINY, *cache, *end]

    def resume(folder: Path) -> list[str]:
        begun = (folder / "run" / "config.json").exists()
        return ["train_wgan.py", "--resume", str(folder / "run")] if begun else train(folder)

    def prepare(folder: Path) -> list[str]:
        words = ["--dataset", "drawn-faces", "--num-faces", "200", "--image-size", "16", "--jobs", "1", *cache]
        return ["tools/prepare_data.py", *words, "--out", str(folder / "store")]

    def go_on(folder: Path) -> list[str]:
        return [*prepare(folder), "--resume"]

    def export(folder: Path) -> list[str]:
        return ["tools/export_model.py", run, "--format", "gluon", "--out", str(folder / "out")]

    def convert(folder: Path) -> list[str]:
        return ["tools/convert_weights.py", str(max((sound / "run").glob("checkpoints/*"))), str(folder / "out")]

    def evaluate(folder: Path) -> list[str]:
        return ["tools/evaluate.py", _copy(sound / "run", folder / "run"), "--metrics", "swd", "--num", "16"]

    def report(folder: Path) -> list[str]:
        return ["tools/run_report.py", _copy(sound / "run", folder / "run")]

    found = [
        Scenario("training", train, resume, _trained),
        Scenario("preparation", prepare, go_on, lambda folder: _contents(folder / "store")),
        Scenario("export", export, _unless_there(export), lambda folder: _contents(folder / "out")),
        Scenario("evaluation", evaluate, evaluate, _evaluated),
        Scenario("report", report, report, lambda folder: (folder / "run" / "report.html").stat().st_size > 10_000),
    ]
    if (sound / "weights.pth").exists():
        found.insert(3, Scenario("conversion", convert, _unless_there(convert), lambda f: sorted(_contents(f / "out"))))
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
        whole = folder / f"{scenario.name}-whole"
        whole.mkdir()
        started = time.monotonic()
        said = _run(scenario.first(whole), None)
        if said is not None:
            raise RuntimeError(f"{scenario.name} fails without a kill: {said}")
        self.seconds, self.wanted = time.monotonic() - started, scenario.result(whole)

    def kill(self, number: int, seed: int) -> tuple[bool, str]:
        """Kill once; return whether the command was still running, and what was wrong afterwards, if anything."""
        rng = np.random.default_rng([seed, number])
        folder = self.folder / f"{self.scenario.name}-{number}"
        folder.mkdir()
        # The first half of a command is imports, in which there is little to damage.
        struck = _run(self.scenario.first(folder), self.seconds * (0.3 + 0.8 * rng.random())) is not None
        words = self.scenario.again(folder)
        said = _run(words, SECONDS) if words else None
        if said is not None:
            return struck, f"the next start {said}"
        left = [str(path.relative_to(folder)) for path in folder.rglob("*.tmp")]
        left += [str(path.relative_to(folder)) for path in folder.rglob("*.partial")]
        if left:
            return struck, f"left behind: {left}"
        return struck, "" if self.scenario.result(folder) == self.wanted else "the result is another one"


def _run(words: list[str], seconds: Optional[float]) -> Optional[str]:
    """Run a command, killed with its helpers after some seconds; return None if it succeeded, else what happened."""
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"was killed after {seconds:.2f} s"
    return None if process.returncode == 0 else f"ends with status {process.returncode}: {said[-400:]!r}"


def _unless_there(words: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    return lambda folder: [] if (folder / "out").exists() else words(folder)


def _copy(source: Path, target: Path) -> str:
    if not target.exists():
        subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    return str(target)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}


def _trained(folder: Path) -> object:
    newest = max((folder / "run" / "checkpoints").glob("iter_*"))
    rows = [line.split(",")[:10] for line in (folder / "run" / "metrics.csv").read_text().splitlines()]
    kept = {name: content for name, content in _contents(newest).items() if name.endswith(".params")}
    # All columns but those of the clock.
    clock = [rows[0].index(name) for name in ("seconds", "images_per_second") if name in rows[0]]
    return newest.name, kept, [[cell for place, cell in enumerate(row) if place not in clock] for row in rows]


def _evaluated(folder: Path) -> object:
    import json

    lines = [json.loads(line) for line in (folder / "run" / "evaluation.jsonl").read_text().splitlines()]
    return {(line["metric"], line["value"]) for line in lines}
