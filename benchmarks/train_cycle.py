"""Time one cycle of five critic steps and a generator step against the same loop elsewhere.

    python benchmarks/train_cycle.py [--rounds 7]

Full size (64x64, batch 64, ngf = ndf = 64, float32) on the CPU. Each contender lives in a process of its
own; they take turns, one cycle at a time, so that a machine whose speed drifts slows all of them alike, and
the ratios are taken round by round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.contenders.sizes import N_CRITIC, step_gflop  # noqa: E402
from gluon_wgan.compat import usable_cores  # noqa: E402

WARM_UP_ROUNDS = 2
OURS, CONVOLUTION = "gluon_wgan", "best convolution"


class Contender:
    """A contender's process.

    Parameters
    ----------
    module
        A module of ``benchmarks.contenders``, and after a colon its function if that is not ``build``.
    threads
        OMP_NUM_THREADS for it; None leaves it as the library ships.
    """

    def __init__(self, module: str, threads: Optional[int]) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, "-m", "benchmarks.contenders.worker", module]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._name = module
        self.results: list[dict[str, float]] = []
        self._read()

    def run(self, keep: bool) -> None:
        """Run one cycle, and keep its times or not."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        result = self._read()
        if keep:
            self.results.append(result)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def column(self, name: str) -> list[float]:
        """Return one measured value of every kept round."""
        return [result[name] for result in self.results]

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"A contender ended early: {self._name}")
        return json.loads(line)


def main() -> None:
    """Time the contenders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    rounds = parser.parse_args().rounds
    cores = usable_cores()
    contenders = {
        OURS: Contender("ours", cores),
        "plain PyTorch": Contender("plain_torch", cores),
        "plain Gluon": Contender("plain_gluon", cores),
        "plain Gluon, detached": Contender("plain_gluon:build_detached", cores),
        "plain Gluon as shipped": Contender("plain_gluon", None),
        "detached, as shipped": Contender("plain_gluon:build_detached", None),
        CONVOLUTION: Contender("convolution", cores),
    }
    for index in range(WARM_UP_ROUNDS + rounds):
        for contender in contenders.values():
            contender.run(keep=index >= WARM_UP_ROUNDS)
    for contender in contenders.values():
        contender.close()
    print(f"{cores} threads (as shipped: MXNet's own choice), {rounds} rounds; median (lowest-highest)\n")
    report(contenders)


def report(contenders: dict[str, Contender]) -> None:
    """Print milliseconds, GFLOP/s, ratios and memory."""
    critic_gflop, generator_gflop = step_gflop()
    gflop = N_CRITIC * critic_gflop + generator_gflop
    best = contenders.pop(CONVOLUTION).column("gflops")
    ours = contenders[OURS].column("cycle")
    print(f"{'':24}{'cycle ms':>22}{'critic ms':>11}{'generator ms':>14}{'GFLOP/s':>9}{'MiB':>7}   cycle / ours")
    for name, contender in contenders.items():
        cycle = contender.column("cycle")
        ratios = [theirs / own for theirs, own in zip(cycle, ours)]
        print(
            f"{name:24}{spread(cycle, 1000):>22}{statistics.median(contender.column('critic')) * 1000:>11.0f}"
            f"{statistics.median(contender.column('generator')) * 1000:>14.0f}"
            f"{gflop / statistics.median(cycle):>9.0f}{max(contender.column('peak_mib')):>7.0f}   "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        )
    share = [gflop / own / top for own, top in zip(ours, best)]
    print(f"\nbest convolution here    {spread(best)} GFLOP/s")
    print(f"cycle's share of it      {spread(share, 100)} %, for {gflop:.0f} GFLOP of convolutions a cycle")


def spread(values: list[float], scale: float = 1.0) -> str:
    """Return ``median (lowest-highest)``."""
    low, middle, high = min(values) * scale, statistics.median(values) * scale, max(values) * scale
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


if __name__ == "__main__":
    main()
