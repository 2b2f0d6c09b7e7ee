"""Time one cycle of five critic steps and a generator step against the same loop elsewhere.

    python benchmarks/train_cycle.py [--rounds 7] [--size full small]
    python benchmarks/train_cycle.py --runner       # instead of those loops the options of tools/train_reference.py

On the CPU, batch 64, float32 (and PyTorch also in bfloat16 where the processor multiplies in it): "full" has 64x64
pixels and ngf = ndf = 64, "small" 32x32 and 16, and one thread for all. Each contender
lives in a process of its own; they take turns, one cycle at a time, so that a machine whose speed drifts slows all of
them alike, and the ratios are taken round by round.
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

from benchmarks.contenders.sizes import N_CRITIC, PROBLEMS  # noqa: E402
from gluon_wgan.compat import usable_cores  # noqa: E402
from gluon_wgan.utils.processor import instruction_sets  # noqa: E402

WARM_UP_ROUNDS = 2
OURS, CONVOLUTION = "gluon_wgan", "best convolution"
SHIPPED = "the 2018 port's way, threads as MXNet ships"
# Modules of benchmarks.contenders by what they are called in the table.
LOOPS = {
    OURS: "ours",
    "plain PyTorch, NCHW": "plain_torch",
    "plain PyTorch, channels_last": "plain_torch:build_channels_last",
    "plain PyTorch, channels_last, bfloat16 autocast": "plain_torch:build_bfloat16",
    "plain Gluon": "plain_gluon",
    "plain Gluon, fakes detached as in the 2018 port": "plain_gluon:build_detached",
    SHIPPED: "plain_gluon:build_detached",
    CONVOLUTION: "convolution",
}
RUNNER_OPTIONS = {
    OURS: "ours",
    "train_reference.py": "runner",
    "--channels-last": "runner:build_channels_last",
    "--channels-last --compile": "runner:build_compiled",
    "--channels-last --precision bf16": "runner:build_bfloat16",
    CONVOLUTION: "convolution",
}


class Contender:
    """A contender's process.

    Parameters
    ----------
    module
        A module of ``benchmarks.contenders``, and after a colon its function if that is not ``build``.
    threads
        OMP_NUM_THREADS for it; None leaves it as the library ships.
    size
        A name of ``PROBLEMS``.
    """

    def __init__(self, module: str, threads: Optional[int], size: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        if threads is not None:
            environment["OMP_NUM_THREADS"] = str(threads)
        command = [sys.executable, "-m", "benchmarks.contenders.worker", module, size]
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
    names = list(PROBLEMS)
    parser.add_argument("--size", nargs="+", choices=names, default=names, help="network sizes (default: full small)")
    parser.add_argument("--runner", action="store_true", help="compare the options of tools/train_reference.py")
    arguments = parser.parse_args()
    for size in arguments.size:
        threads = usable_cores() if size == "full" else 1
        loops = RUNNER_OPTIONS if arguments.runner else LOOPS
        contenders = {
            name: Contender(module, None if name == SHIPPED else threads, size)
            for name, module in loops.items()
            if computes_bfloat16() or not module.endswith("bfloat16")
        }
        take_turns(contenders, arguments.rounds)
        problem = PROBLEMS[size]
        described = f"{problem.size}x{problem.size}, ngf = ndf = {problem.width}"
        print(f"{described}, threads: {threads}, {arguments.rounds} rounds\n")
        report(size, contenders)


def take_turns(contenders: dict[str, Contender], rounds: int) -> None:
    """Let the contenders take turns, and end them."""
    for index in range(WARM_UP_ROUNDS + rounds):
        for contender in contenders.values():
            contender.run(keep=index >= WARM_UP_ROUNDS)
    for contender in contenders.values():
        contender.close()


def computes_bfloat16() -> bool:
    """Return whether this processor multiplies in bfloat16; others take ten times as long as in float32."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(instruction_sets())


def report(size: str, contenders: dict[str, Contender]) -> None:
    """Print milliseconds, ratios, GFLOP/s and memory as a table in Markdown."""
    critic_gflop, generator_gflop = PROBLEMS[size].step_gflop()
    gflop = N_CRITIC * critic_gflop + generator_gflop
    best = contenders.pop(CONVOLUTION).column("gflops")
    ours = contenders[OURS].column("cycle")
    print("| loop | cycle, ms: median (lowest-highest) | times ours | GFLOP/s | peak MiB |\n|---|---|---|---|---|")
    for name, contender in contenders.items():
        cycle = contender.column("cycle")
        ratios = [theirs / own for theirs, own in zip(cycle, ours)]
        times = "1" if name == OURS else spread(ratios, 1, ".2f")
        rate, memory = gflop / statistics.median(cycle), max(contender.column("peak_mib"))
        print(f"| {name} | {spread(cycle, 1000)} | {times} | {rate:.0f} | {memory:.0f} |")
    share = [gflop / own / top for own, top in zip(ours, best)]
    print(f"\nThe best convolution here reaches {spread(best)} GFLOP/s; the cycle of {OURS}, with {gflop:.0f} GFLOP of")
    print(f"convolutions, reaches {spread(share, 100)} % of it.\n")


def spread(values: list[float], scale: float = 1.0, digits: str = ",.0f") -> str:
    """Return ``median (lowest-highest)``."""
    low, middle, high = min(values) * scale, statistics.median(values) * scale, max(values) * scale
    return f"{middle:{digits}} ({low:{digits}}-{high:{digits}})"


if __name__ == "__main__":
    main()
