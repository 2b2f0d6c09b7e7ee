"""Damage files and kill commands, and print what came of it.

    python -m tests.stress [--inputs 10000] [--kills 500] [--seed 0]

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

from tests.stress import fuzz_files, fuzz_sources, kills

SECONDS_PER_FILE = 120.0


def main() -> int:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="mutated inputs (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=500, help="kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all of them (default: %(default)s)")
    arguments = parser.parse_args()
    faults = 0
    os.environ["OMP_NUM_THREADS"] = "1"  # one and two threads do not give the same bits
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fuzz_files.prepare_folder(folder)
        faults += _files(arguments.inputs - arguments.inputs // 2, arguments.seed, folder)
        faults += _kills(arguments.kills, arguments.seed, folder)
    # Last, because it limits this process's memory.
    containers = ["--cases", str(arguments.inputs // 2), "--seed", str(arguments.seed)]
    if arguments.inputs // 2:
        faults += fuzz_sources.main(containers)
    print(f"{arguments.inputs} inputs, {arguments.kills} kills, seed {arguments.seed}: ", end="")
    print("no fault" if not faults else "FAULTS, see above")
    return 1 if faults else 0


def _files(count: int, seed: int, folder: Path) -> int:
    from gluon_wgan.utils.disposable_process import Died, ExpendableProcess

    worker = ExpendableProcess(fuzz_files.make_worker, str(folder), seed, seconds=SECONDS_PER_FILE)
    kinds = fuzz_files.kinds_in(folder)
    counts: Counter[tuple[str, str]] = Counter()
    faults = 0
    for number in range(-len(kinds), count):
        try:
            kind, outcome, fault = worker.call(number)
        except Died as death:
            kind, outcome, fault = kinds[number % len(kinds)].name, "died", str(death)
        if number < 0:
            if outcome != "read":
                raise RuntimeError(f"The sound file of {kind} is {outcome}: {fault}")
            continue
        counts[kind, outcome] += 1
        if fault or outcome in ("died", "raised"):
            faults += 1
            print(f"input {number} ({kind}): {outcome}: {fault}", flush=True)
    worker.close()
    for kind in dict.fromkeys(one.name for one in kinds):
        print(f"{kind:34}" + "".join(f"{counts[kind, one]:6} {one}" for one in ("refused", "read", "raised", "died")))
    return faults


def _kills(count: int, seed: int, folder: Path) -> int:
    found = kills.scenarios(folder)
    killers = [kills.Killer(scenario, folder) for scenario in found[: max(0, count)]]
    faults = 0
    struck: Counter[str] = Counter()
    done: Counter[str] = Counter()
    number = 0
    while sum(struck.values()) < count:
        killer = killers[number % len(killers)]
        hit, fault = killer.kill(number, seed)
        name = killer.scenario.name
        struck[name] += hit
        done[name] += 1
        number += 1
        if fault:
            faults += 1
            print(f"kill {number} ({name}): {fault}", flush=True)
    for name in done:
        print(f"{name:34}{struck[name]:6} killed of {done[name]} started")
    return faults


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)
