"""What a step on several machines costs: fitted to measurements on one machine, and calculated for many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

BYTES = 4
WORKERS = 2 ** np.arange(7)
GBITS = (1, 10, 100)


@dataclass(frozen=True)
class Arrangement:
    """Workers of one device each, and servers; more than two workers gather rows, which all of them receive."""

    workers: int
    servers: int

    @property
    def rows(self) -> int:
        """How many rows every worker receives."""
        return 1 if self.workers <= 2 else self.workers

    def link_values(self) -> float:
        """Return how often each value passes the busiest link, that of a host with a worker and a server.

        Its server receives a row of each other worker, then sends all rows to each; there are no more servers than
        workers, and each has its part of the values.
        """
        return (self.workers - 1) * (1 + self.rows) / self.servers

    def link_ms(self, values: float, gbit: float) -> float:
        """Return for how long an exchange occupies that link, in ms."""
        return self.link_values() * values * BYTES * 8 / gbit / 1e6


@dataclass(frozen=True)
class Costs:
    """Of an exchange without its link: ms each time, and ms for each million values that a core handles."""

    fixed: float
    million: float

    @classmethod
    def fit(cls, measured: dict[tuple[Arrangement, int], float], cores: int) -> Costs:
        """Return the costs that fit times in ms best, relative to them; all processes share so many cores."""
        x = [
            [1, 2 * a.workers * (1 + a.rows) * values / 1e6 / min(cores, a.workers + a.servers)]
            for a, values in measured
        ]
        y = np.array(list(measured.values()))
        (fixed, million), _ = nnls(np.array(x) / y[:, None], np.ones(len(y)))
        return cls(float(fixed), float(million))

    def here(self, a: Arrangement, values: float, cores: int) -> float:
        """Return the ms of an exchange with all processes on one machine."""
        handled = 2 * a.workers * (1 + a.rows) * values / 1e6
        return self.fixed + self.million * handled / min(cores, a.workers + a.servers)

    def step(self, compute: float, workers: int, values: float, gbit: float) -> float:
        """Return the ms of a step of which one machine computes so long, with a worker and a server on each host."""
        if workers == 1:
            return compute
        a = Arrangement(workers, workers)
        handled = 2 * (1 + a.rows) * values / 1e6
        return compute / workers + self.fixed + self.million * handled + a.link_ms(values, gbit)


def draw(costs: Costs, steps: dict[str, float], sizes: dict[str, int], path: Path) -> None:
    """Draw the time of a step against the number of workers: a column for each step alone, a row for each network."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2 * len(sizes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sizes), len(steps), sharex=True, squeeze=False)
    for row, (network, values) in zip(axes, sizes.items()):
        for axis, (name, compute) in zip(row, steps.items()):
            for gbit in GBITS:
                times = [costs.step(compute, int(workers), values, gbit) for workers in WORKERS]
                axis.plot(WORKERS, times, marker="o", markersize=3, label=f"{gbit} Gbit/s")
            axis.plot(WORKERS, compute / WORKERS, ":", color="gray", label="without exchange")
            axis.set(xscale="log", yscale="log", xticks=WORKERS, xticklabels=WORKERS)
            axis.minorticks_off()
            axis.set_title(f"{name}, {network}", fontsize=9)
            axis.grid(alpha=0.3)
        row[0].set_ylabel("ms a critic step")
    for axis in axes[-1]:
        axis.set_xlabel("workers")
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path)
