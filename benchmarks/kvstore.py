"""Time the exchange of gradients and a critic step with several workers, and calculate them for many.

    python benchmarks/kvstore.py [--rounds 7] [--gbit 1] [--figure kvstore.svg]
    python benchmarks/kvstore.py --links

All arrangements are started at once on this machine, a thread a worker, and take turns, a round each, so that a machine
whose speed drifts slows all of them alike. What a link adds, and more workers than these, are calculated:
benchmarks/contenders/kvstore_costs.py.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tqdm import tqdm  # noqa: E402

from benchmarks.contenders.kvstore_costs import GBITS, WORKERS, Arrangement, Costs, draw  # noqa: E402
from gluon_wgan.compat import usable_cores  # noqa: E402

ARRANGEMENTS = [Arrangement(1, 0), Arrangement(2, 1), Arrangement(2, 2), Arrangement(3, 1), Arrangement(3, 2)]
# Weights of the critic for colour images of 64x64: five convolutions of 4x4 and three batch norms.
SIZES = {f"ndf {ndf}": 16 * (42 * ndf * ndf + 11 * ndf) + 28 * ndf for ndf in (16, 32, 64)}
GPU_STEP = 20  # ms, assumed
WARM_UP_ROUNDS = 2


class Running:
    """The processes of one arrangement."""

    def __init__(self, arrangement: Arrangement) -> None:
        self.name = arrangement
        with socket.socket() as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
        common = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port), "DMLC_NODE_HOST": "127.0.0.1"}
        common |= {"DMLC_NUM_WORKER": str(arrangement.workers), "DMLC_NUM_SERVER": str(arrangement.servers)}
        self._others: list[subprocess.Popen[str]] = []
        if arrangement.servers:
            roles = ["scheduler"] + ["server"] * arrangement.servers
            self._others = [self._start({**common, "DMLC_ROLE": role}) for role in roles]
            variables = [
                {**common, "DMLC_ROLE": "worker", "DMLC_WORKER_ID": str(n)} for n in range(arrangement.workers)
            ]
        else:
            variables = [{}]
        self._workers = [self._start(one) for one in variables]

    @staticmethod
    def _start(variables: dict[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "benchmarks.contenders.kvstore_worker", *map(str, SIZES.values())]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdin=pipe, stdout=pipe)

    def ready(self) -> None:
        """Wait until all workers have started."""
        for worker in self._workers:
            self._read(worker)

    def take_turn(self) -> dict[str, float]:
        """Let the workers exchange and step once, and return the longest times of any, in ms."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        times = [json.loads(self._read(worker)) for worker in self._workers]
        return {name: max(one[name] for one in times) for name in times[0]}

    def end(self) -> None:
        """End all processes."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.close()
        for process in (*self._workers, *self._others):
            process.wait()

    def _read(self, worker: subprocess.Popen[str]) -> str:
        assert worker.stdout is not None
        line = worker.stdout.readline()
        if not line:
            sys.exit(f"A worker ended early: {self.name}")
        return line


def main() -> None:
    """Measure, print two tables in Markdown, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    parser.add_argument("--gbit", type=float, default=1, help="Gbit/s of the link to compare with (default: 1)")
    parser.add_argument("--figure", type=Path, help="where to draw the calculated steps (default: nowhere)")
    parser.add_argument("--links", action="store_true", help="measure nothing, and calculate only what links take")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.gbit <= 0:
        parser.error("--rounds and --gbit must be positive.")
    if arguments.links:
        report_links()
        return
    times = measure(arguments.rounds)
    least = {
        (arrangement, size): min(rounds[str(size)])
        for arrangement, rounds in times.items()
        for size in SIZES.values()
        if arrangement.servers
    }
    cores = usable_cores()
    costs = Costs.fit(least, cores)
    report(times, costs, cores, arguments.gbit)
    if arguments.figure is not None:
        alone = median(times[ARRANGEMENTS[0]]["step"])
        networks = {f"{SIZES[name] / 1e6:.2f} million values": SIZES[name] for name in ("ndf 16", "ndf 64")}
        steps = {f"CPU, {alone:.0f} ms alone": alone, f"GPU, {GPU_STEP} ms alone (assumed)": float(GPU_STEP)}
        draw(costs, steps, networks, arguments.figure)


def measure(rounds: int) -> dict[Arrangement, dict[str, list[float]]]:
    """Return the times of every round, in ms, by arrangement and by what was timed."""
    running = [Running(arrangement) for arrangement in ARRANGEMENTS]
    for one in running:
        one.ready()
    times: dict[Arrangement, dict[str, list[float]]] = {one.name: {} for one in running}
    for number in tqdm(range(WARM_UP_ROUNDS + rounds), unit="round"):
        for one in running:
            for name, taken in one.take_turn().items():
                if number >= WARM_UP_ROUNDS:
                    times[one.name].setdefault(name, []).append(taken)
    for one in running:
        one.end()
    return times


def report(times: dict[Arrangement, dict[str, list[float]]], costs: Costs, cores: int, gbit: float) -> None:
    """Print what was measured, what a link would allow, and what was fitted."""
    print(
        f"| workers, servers | million values | exchange, ms | fitted | link at {gbit:g} Gbit/s, ms | exchange / link |"
    )
    print("|---|---|---|---|---|---|")
    for a in ARRANGEMENTS[1:]:
        for size in SIZES.values():
            link, taken = a.link_ms(size, gbit), times[a][str(size)]
            how = "sum" if a.rows == 1 else "rows"
            print(
                f"| {a.workers}, {a.servers}, {how} | {size / 1e6:.2f} | {spread(taken)} | "
                f"{costs.here(a, size, cores):.0f} | {link:.0f} | {median(taken) / link:.2f} |"
            )
    print("\n| workers, servers | critic step at full size, ms | to one process |\n|---|---|---|")
    for a in ARRANGEMENTS:
        ratios = [one / alone for one, alone in zip(times[a]["step"], times[ARRANGEMENTS[0]]["step"])]
        print(f"| {a.workers}, {a.servers} | {spread(times[a]['step'])} | {median(ratios):.2f} |")
    print(f"\n{cores} cores; fitted: {costs.fixed:.1f} ms and {costs.million:.1f} ms for a million values a core.")


def report_links() -> None:
    """Print for how long an exchange of the full-size critic occupies the busiest link, with a server on every host."""
    print("| workers | " + " | ".join(f"{gbit} Gbit/s, ms" for gbit in GBITS) + " |\n|---|" + "---|" * len(GBITS))
    for workers in map(int, WORKERS[1:]):
        links = [Arrangement(workers, workers).link_ms(SIZES["ndf 64"], gbit) for gbit in GBITS]
        print(f"| {workers} | " + " | ".join(f"{link:,.0f}" for link in links) + " |")


def spread(values: list[float]) -> str:
    """Return the median, and the least and the greatest."""
    return f"{median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    main()
