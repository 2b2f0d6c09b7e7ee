"""Summaries of the differences, for the table and the chart."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Optional

from tools.reference.comparison.difference import GROUPS, Difference
from tools.reference.comparison.run import OURS, PYTORCH_VARIANTS, StepReport, Trajectory

MEASURES = ("max_rel", "norm_rel")


@dataclass(frozen=True)
class Spread:
    """One group's differences after one step: the largest, whose it is, and the median over its tensors."""

    largest: float
    worst: str
    median: float


@dataclass(frozen=True)
class Verdict:
    """One group over the whole run, the largest of its tensors taken at each step.

    Attributes
    ----------
    first, last, largest
        The package's difference after the first and the last step, and its largest.
    baseline
        The largest difference of PyTorch from itself: the larger over its variants at each step.
    ratio
        Median over the steps of the package's difference over the baseline; None where both were always 0.
    """

    first: float
    last: float
    largest: float
    baseline: float
    ratio: Optional[float]


def spread(differences: list[Difference], group: str, measure: str) -> Spread:
    """Sum up one group's differences; ``measure`` is ``max_rel`` or ``norm_rel``. NaN counts as infinite."""
    values = {d.tensor: getattr(d, measure) for d in differences if d.group == group}
    values = {name: math.inf if math.isnan(value) else value for name, value in values.items()}
    if not values:
        return Spread(0.0, "", 0.0)  # a group without tensors, as running statistics without batch norm
    worst = max(values, key=lambda name: values[name])
    return Spread(values[worst], worst, statistics.median(values.values()))


def verdict(trajectory: Trajectory, group: str, measure: str) -> Verdict:
    """Sum up one group over all steps."""
    ours = [spread(step.differences[OURS], group, measure).largest for step in trajectory.steps]
    own = [_own(step, group, measure) for step in trajectory.steps]
    ratios = [quotient for quotient in map(_ratio, ours, own) if quotient is not None]
    median = statistics.median(ratios) if ratios else None
    return Verdict(ours[0], ours[-1], max(ours), max(own), median)


def verdicts(trajectory: Trajectory) -> dict[str, dict[str, Verdict]]:
    """Sum up every group by both measures: measure -> group -> verdict."""
    return {measure: {group: verdict(trajectory, group, measure) for group in GROUPS} for measure in MEASURES}


def _own(step: StepReport, group: str, measure: str) -> float:
    return max(spread(step.differences[name], group, measure).largest for name in PYTORCH_VARIANTS)


def _ratio(ours: float, own: float) -> Optional[float]:
    if own == 0:
        return None if ours == 0 else math.inf
    return ours / own
