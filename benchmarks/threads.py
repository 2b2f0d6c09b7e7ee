"""Time a critic step under several settings of the CPU threads, on an idle machine and beside busy processes.

    python benchmarks/threads.py [--busy 0 2] [--rounds 3] [--steps 20] [--width 16 64]

Each setting trains in a process of its own, since MXNet reads it once; the settings take turns, round by round. "ours"
is what ``train_wgan.py`` does by itself. Printed are the median of the rounds' medians, their range, and the ratio to
the best setting.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTINGS: dict[str, dict[str, str]] = {
    "ours": {},
    "libgomp's spinning": {"GOMP_SPINCOUNT": "300000", "OMP_NUM_THREADS": str(os.cpu_count())},
    "bounded spinning": {"GOMP_SPINCOUNT": "1000", "OMP_NUM_THREADS": str(os.cpu_count())},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = "while True: pass"
STEPS = """
import statistics, sys, time
from pathlib import Path
import gluon_wgan
from gluon_wgan import compat
from gluon_wgan.config.train_config import preset_config
from gluon_wgan.runs.threads import choose_threads
size, width, steps = map(int, sys.argv[1:])
config = preset_config("gluon", image_size=size, ngf=width, ndf=width)
threads = choose_threads(config, None)
if threads is not None:
    compat.set_threads(threads)
import numpy as np
from mxnet import cpu, nd
from gluon_wgan.training.wgan import WGAN
wgan = WGAN(config, [cpu()])
real = np.random.default_rng(0).integers(0, 256, (config.batch_size, 3, size, size), dtype=np.uint8)
times = []
for _ in range(steps + 2):
    started = time.perf_counter()
    wgan.critic_step(real).read()
    nd.waitall()
    times.append(time.perf_counter() - started)
print(1000 * statistics.median(times[2:]))
"""


def main() -> None:
    """Time every setting and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2], help="busy processes beside it (default: 0 2)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps in a round (default: %(default)s)")
    parser.add_argument("--width", type=int, nargs="+", default=[16, 64], help="16 at 32x32, 64 at 64x64 pixels")
    arguments = parser.parse_args()
    for width in arguments.width:
        size = 32 if width < 64 else 64
        for busy in arguments.busy:
            with busy_processes(busy):
                times = measure(size, width, arguments.steps, arguments.rounds)
            best = min(statistics.median(row) for row in times.values())
            print(f"\n{size}x{size}, width {width}, beside {busy} busy processes: ms a critic step, times the best")
            for name, row in times.items():
                middle = statistics.median(row)
                print(f"{name:20} {middle:8.1f} ({min(row):.1f} to {max(row):.1f}) {middle / best:6.2f}")


def measure(size: int, width: int, steps: int, rounds: int) -> dict[str, list[float]]:
    """Return the median milliseconds of a step in each round, by setting."""
    times: dict[str, list[float]] = {name: [] for name in SETTINGS}
    inherited = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")}
    for _ in range(rounds):
        for name, setting in SETTINGS.items():
            command = [sys.executable, "-c", STEPS, str(size), str(width), str(steps)]
            environment = {**inherited, "PYTHONPATH": str(ROOT), **setting}
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            times[name].append(float(done.stdout.split()[-1]))
    return times


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main()
