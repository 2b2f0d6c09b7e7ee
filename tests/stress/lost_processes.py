"""Lose a process of a run with two workers at random moments: SIGKILL or SIGSTOP, any role.

    python -m tests.stress.lost_processes [--count 20] [--seed 0]

The others must end within 30 s, each with its sentence, and no process may be left; the run then continues and must
end with the bytes of a run that was never interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional

import numpy as np

from gluon_wgan.runs.checkpoints import newest_whole_checkpoint, saved_iteration
from tests.training.distributed.test_equality import content, job, train
from tests.training.distributed.test_failures import LIMIT, start, wait_for_rows

ROLES = ("scheduler", "server", "worker 0", "worker 1")
OPTIONS: dict[str, Any] = {"gen_iters": 100_000, "sample_every": 100_000, "keep_checkpoints": 0}


def main() -> int:
    """Lose processes, continue the runs, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of victims, signals and moments (default: %(default)s)")
    arguments = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "runs"
        reached: dict[Path, int] = {}
        for number in range(arguments.count):
            rng = np.random.default_rng([arguments.seed, number])
            victim, signum = str(rng.choice(ROLES)), signal.Signals(rng.choice([signal.SIGKILL, signal.SIGSTOP]))
            seconds = float(rng.uniform(0, 5))
            run = folder / f"{number:03d}"
            fault = lose(run, folder.parent / f"log{number}", victim, signum, seconds)
            whole = newest_whole_checkpoint(run / "checkpoints")
            if fault is None and whole is not None:
                reached[run] = saved_iteration(whole)
            faults += fault is not None
            moment = f"{signum.name} to {victim} after {seconds:.1f} s"
            print(f"{number:3} {moment:36} iteration {reached.get(run, 0):4}  {fault or 'ended'}", flush=True)
        for run in unequal(folder.parent / "alone" / "run", reached):
            faults += 1
            print(f"{run.name}: other bytes than those of the run that was not interrupted")
    print(f"{arguments.count} lost processes, {len(reached)} runs continued: ", end="")
    print(f"{faults} FAULTS, see above" if faults else "no fault")
    return 1 if faults else 0


def lose(run: Path, log: Path, victim: str, signum: signal.Signals, seconds: float) -> Optional[str]:
    """Hit one process so many seconds after the first iterations; return what was wrong, or None."""
    log.mkdir(parents=True)
    processes = start(run, log, checkpoint_every=5, **OPTIONS)
    try:
        wait_for_rows(run, 6, log)
        time.sleep(seconds)
        processes[victim].send_signal(signum)
        until = time.monotonic() + LIMIT
        for name in set(processes) - {victim}:
            processes[name].wait(timeout=max(0.1, until - time.monotonic()))
            if "was lost" not in (log / name).read_text():
                return f"{name} does not say that a process was lost"
        processes[victim].send_signal(signal.SIGCONT)
        processes[victim].wait(timeout=LIMIT)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    return None


def unequal(alone: Path, reached: dict[Path, int]) -> list[Path]:
    """Continue each run by two iterations in one process; return those unlike a run that stops at the same places."""
    if not reached:
        return []
    ends = {run: iteration + 2 for run, iteration in reached.items()}
    whole = {**OPTIONS, "checkpoint_every": 100_000}
    stops = [{"resume": number > 0, "gen_iters": end} for number, end in enumerate(sorted(set(ends.values())))]
    train(*(job(alone, 2, **{**whole, **stop}) for stop in stops), seconds=1200)
    train(*(job(run, 2, **{**whole, "resume": True, "gen_iters": end}) for run, end in ends.items()), seconds=1200)
    return [run for run, end in ends.items() if content(run, end) != content(alone, end)]


if __name__ == "__main__":
    sys.exit(main())
