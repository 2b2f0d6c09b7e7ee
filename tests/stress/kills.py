"""Kill commands with SIGKILL at random instants, run them again, and compare with what was never disturbed.

Most commands are forked from a server that has imported the libraries, so that nearly all of their time is work;
the others are new interpreters, so that imports are hit too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import check_checkpoint, list_checkpoints
from gluon_wgan.utils.untrusted import read_json_lines
from tests.stress import commands
from tests.stress.fuzz_files import TINY

# Of one command, before it may end.
MAX_KILLS = 4
# Of the starts: new interpreters.
NEW_INTERPRETERS = 0.08


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
        words = ["--dataset", "built-in", "--limit", "100", "--image-size", "16", "--jobs", "1", *cache]
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


def cost_of_imports(folder: Path) -> float:
    """Return how much more CPU time a new interpreter takes than a fork, in seconds."""
    words = ["train_wgan.py", *TINY, "--dry-run", "--cache-dir", str(folder / "cache")]
    both = [commands.run(words, folder / "stderr", new_interpreter=new)[1] for new in (True, False)]
    return both[0] - both[1]


class Killer:
    """Kills the commands of one scenario.

    Parameters
    ----------
    scenario
        What to kill.
    folder
        Where to work; it exists.
    imports
        See `cost_of_imports`.
    """

    def __init__(self, scenario: Scenario, folder: Path, imports: float) -> None:
        self.scenario, self.folder, self.imports = scenario, folder, imports
        self.errors = folder / "stderr"
        whole = folder / f"{scenario.name}-whole"
        whole.mkdir()
        status, self.seconds = commands.run(scenario.words(whole), self.errors)
        if status:
            raise RuntimeError(f"{scenario.name} fails without a kill: {self.errors.read_text()[-400:]}")
        self.wanted = scenario.result(whole)

    def kill(self, number: int, seed: int) -> tuple[int, str]:
        """Kill a command some times, let it end, and return how often it was hit, and what is wrong, if anything."""
        rng = np.random.default_rng([seed, number])
        draws = rng.random((int(rng.integers(1, MAX_KILLS + 1)), 2))
        folder = self.folder / f"{self.scenario.name}-{number}"
        folder.mkdir()
        hits = 0
        for share, way in [*draws, (None, 1)]:
            words, new = self.scenario.words(folder), bool(way < NEW_INTERPRETERS)
            if not words:
                break
            moment = None if share is None else share * (self.seconds + new * self.imports)
            status, _ = commands.run(words, self.errors, new_interpreter=new, moment=moment)
            if status == 0:
                break
            if status is not None:
                return hits, f"after {hits} kills it ends with status {status}: {self.errors.read_text()[-400:]!r}"
            hits += 1
            torn = self.scenario.torn(folder, self.wanted)
            if torn:
                return hits, f"after {hits} kills: {torn}"
        left = [str(path.relative_to(folder)) for ending in ("tmp", "partial") for path in folder.rglob(f"*.{ending}")]
        if left:
            return hits, f"left behind: {left}"
        if self.scenario.result(folder) != self.wanted:
            return hits, "the result is another one"
        shutil.rmtree(folder)
        return hits, ""


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
