"""Damage files and kill commands, and print what came of it.

    python -m tests.stress [--inputs 10000] [--kills 500] [--seed 0]
    python -m tests.stress --only container 4

Half of the inputs are containers (fuzz_sources.py), half single files (fuzz_files.py). The exit status is 1 if
anything went wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Optional

from tests.stress import fuzz_files, fuzz_sources, kills

SECONDS_PER_FILE = 120.0
# Between two lines that say how far it is.
SECONDS_PER_LINE = 120.0
KINDS = ("file", "container", "kill")


def main() -> int:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="mutated inputs (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=500, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all of them (default: %(default)s)")
    parser.add_argument(
        "--only", nargs=2, metavar=("KIND", "N"), help=f"one case again: {', '.join(KINDS)} and the number printed"
    )
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # one and two threads do not give the same bits
    # Progress bars make semaphores, which a process that is killed does not return.
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    if arguments.only is not None:
        kind, number = arguments.only
        if kind not in KINDS or not number.isdigit():
            parser.error(f"--only takes one of {', '.join(KINDS)}, and a number")
        return _again(kind, int(number), arguments.seed)
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fuzz_files.prepare_folder(folder)
        faults += _files(range(arguments.inputs - arguments.inputs // 2), arguments.seed, folder)
        faults += _kills(arguments.kills, arguments.seed, folder)
    # Last, because it limits this process's memory.
    containers = ["--cases", str(arguments.inputs // 2), "--seed", str(arguments.seed)]
    if arguments.inputs // 2:
        faults += fuzz_sources.main(containers)
    print(f"{arguments.inputs} inputs, {arguments.kills} kills, seed {arguments.seed}: ", end="")
    print("no fault" if not faults else "FAULTS, see above")
    return 1 if faults else 0


def _again(kind: str, number: int, seed: int) -> int:
    """Do one case again, and leave what it made."""
    if kind == "container":
        return fuzz_sources.main(["--only", str(number), "--seed", str(seed)])
    folder = Path(tempfile.mkdtemp(prefix="stress-"))
    print(f"All of it stays in {folder}")
    fuzz_files.prepare_folder(folder)
    if kind == "file":
        return _files(range(number, number + 1), seed, folder)
    return _kills(1, seed, folder, number)


def _files(numbers: range, seed: int, folder: Path) -> int:
    from gluon_wgan.utils.disposable_process import Died, ExpendableProcess

    worker = ExpendableProcess(fuzz_files.make_worker, str(folder), seed, seconds=SECONDS_PER_FILE)
    kinds = fuzz_files.kinds_in(folder)
    counts: Counter[tuple[str, str]] = Counter()
    faults = 0
    far = _Progress("files", len(numbers))
    for number in [*range(-len(kinds) if numbers else 0, 0), *numbers]:
        try:
            kind, outcome, fault = worker.call(number)
        except Died as death:
            kind, outcome, fault = kinds[number % len(kinds)].name, "died", str(death)
        if number < 0:
            if outcome != "read":
                raise RuntimeError(f"The sound file of {kind} is {outcome}: {fault}")
            continue
        far.say(sum(counts.values()))
        counts[kind, outcome] += 1
        if fault or outcome in ("died", "raised"):
            faults += 1
            print(f"file {number} ({kind}): {outcome}: {fault}", flush=True)
    worker.close()
    for kind in dict.fromkeys(one.name for one in kinds if numbers):
        print(f"{kind:40}" + "".join(f"{counts[kind, one]:6} {one}" for one in ("refused", "read", "raised", "died")))
    return faults


def _kills(count: int, seed: int, folder: Path, first: Optional[int] = None) -> int:
    """Kill so many times, or only in the case of the number given."""
    found = kills.scenarios(folder)
    killers: dict[int, kills.Killer] = {}
    struck: Counter[str] = Counter()
    cases: Counter[str] = Counter()
    sound, faults, number = fuzz_files.digest(folder / "run"), 0, first or 0
    imports = kills.cost_of_imports(folder) if count else 0.0
    far = _Progress("kills", count)
    while sum(struck.values()) < count and (first is None or number == first):
        which = number % len(found)
        if which not in killers:
            killers[which] = kills.Killer(found[which], folder, imports)
        hits, fault = killers[which].kill(number, seed)
        name = found[which].name
        struck[name] += hits
        cases[name] += 1
        if fault:
            faults += 1
            print(f"kill {number} ({name}): {fault}", flush=True)
        number += 1
        far.say(sum(struck.values()))
    for name, cased in cases.items():
        print(f"{name:40}{struck[name]:6} kills in {cased} cases")
    if fuzz_files.digest(folder / "run") != sound:
        faults += 1
        print("A command has changed the run that it was to read.")
    return faults


class _Progress:
    """Says now and then how far it is, for whoever looks into the output of hours."""

    def __init__(self, what: str, count: int) -> None:
        self._what, self._count, self._started = what, count, time.monotonic()
        self._due = SECONDS_PER_LINE

    def say(self, done: int) -> None:
        seconds = time.monotonic() - self._started
        if seconds > self._due:
            print(f"{done} of {self._count} {self._what} after {seconds:.0f} s", flush=True)
            self._due = seconds + SECONDS_PER_LINE


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)
