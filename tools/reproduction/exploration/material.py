"""Input of the report's sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gluon_wgan.metrics.confidence_intervals import Estimate
from tools.reproduction import effects
from tools.reproduction.plan import BASE, Plan, Run
from tools.reproduction.results import Results
from tools.reproduction.training import Task

__all__ = ["BASE", "Material"]


@dataclass(frozen=True)
class Material:
    """A plan's results, and where its images go.

    Attributes
    ----------
    plan
        The plan.
    results
        Its rows.
    starts
        -loss_d of each watched start, by the name of run and seed.
    losses
        Generator iterations and filtered ``w_estimate`` of each run that has such an estimate, by the same names.
    tasks
        Every run with every seed that was trained.
    folder
        Where images go.
    """

    plan: Plan
    results: Results
    starts: dict[str, list[float]]
    losses: dict[str, tuple[list[int], list[float]]]
    tasks: Sequence[Task]
    folder: Path

    @property
    def address(self) -> str:
        """The folder of the images, as the page beside it names it."""
        return self.folder.name

    @property
    def end(self) -> int:
        """The generator iterations of the run that all others are compared with."""
        return self.plan.runs[BASE].moments[-1]

    def runs(self, names: Sequence[str]) -> list[Run]:
        """Return those of the named runs that the plan has."""
        return [self.plan.runs[name] for name in names if name in self.plan.runs]

    def task(self, run: str, seed: int = 0) -> Task:
        """Return a run with a seed."""
        return next(task for task in self.tasks if (task.run.name, task.seed) == (run, seed))

    def mean(self, run: str, quantity: str, iteration: int | None = None) -> Estimate:
        """Return the mean over the seeds, at the run's end or another iteration."""
        return effects.mean_of(self.results, run, quantity, self._iteration(run, iteration))

    def against_base(self, run: str, quantity: str, iteration: int | None = None) -> Estimate:
        """Return the difference from the run that all others are compared with, at the end of that."""
        return effects.difference(self.results, run, BASE, quantity, self._iteration(run, iteration), self.end)

    def _iteration(self, run: str, iteration: int | None) -> int:
        known = {**self.plan.runs, **self.plan.starts}
        return known[run].moments[-1] if iteration is None else iteration
