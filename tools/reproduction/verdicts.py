"""Verdicts of docs/preregistration.md, from tests with a joint correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from gluon_wgan.metrics.confidence_intervals import Estimate
from tools.reproduction.inference import ALPHA, Contrast, holm

HOLDS, FAILS, EQUAL, OPEN = "holds", "does not hold", "no difference", "not settled"


@dataclass(frozen=True)
class Question:
    """One row before its verdict.

    Attributes
    ----------
    name, claim
        The row's number in docs/preregistration.md, and the claim in words.
    p, p_equivalence
        Of the two-sided test of a difference, and of the equivalence test; None where there is no such test.
    effect
        The difference, of which the sign counts; above zero or below.
    expected
        1 when the claim says that the effect is above zero, -1 for below, 0 when it says that there is no difference.
    interval
        The effect with its 95 % interval, in the unit that it is shown in.
    own
        The same from the row's own seeds alone.
    unit
        Of the interval.
    """

    name: str
    claim: str
    effect: float
    expected: int
    interval: Estimate
    own: Estimate
    unit: str
    p: Optional[float]
    p_equivalence: Optional[float] = None

    @property
    def signed(self) -> bool:
        """Whether the effect is shown with its sign, as a difference has one and a ratio or a distance none."""
        return self.unit not in ("times", "of the curve")

    @property
    def row_p(self) -> float:
        """What enters the correction: the one p, or twice the smaller of two."""
        known = [p for p in (self.p, self.p_equivalence) if p is not None]
        return min(1.0, len(known) * min(known))


def of_contrast(
    name: str,
    claim: str,
    contrast: Contrast,
    own: Contrast,
    *,
    expected: int,
    margin: Optional[float] = None,
    unit: str = "SWD",
) -> Question:
    """Return the row of a difference of means, with an equivalence test where it has a margin."""
    equivalence = None if margin is None else contrast.p_equivalence(margin)
    return Question(
        name, claim, contrast.value, expected, contrast.estimate, own.estimate, unit, contrast.p, equivalence
    )


@dataclass(frozen=True)
class Verdict:
    """A row with its verdict and its corrected p."""

    question: Question
    p: float
    word: str


def conclude(questions: Sequence[Question]) -> list[Verdict]:
    """Return the verdicts of one family of rows, corrected together."""
    corrected = holm([question.row_p for question in questions])
    return [
        Verdict(question, p, _word(question, p, p / question.row_p if question.row_p else 1.0))
        for question, p in zip(questions, corrected)
    ]


def _word(question: Question, corrected: float, factor: float) -> str:
    """Return the word for a row whose p the correction has multiplied by a factor."""
    if corrected >= ALPHA:
        return OPEN
    p, equivalence = question.p, question.p_equivalence
    if question.expected == 0:
        tests = 1 if p is None else 2
        return HOLDS if equivalence is not None and factor * tests * equivalence < ALPHA else FAILS
    if equivalence is not None and p is not None and equivalence < p:
        return EQUAL
    return HOLDS if question.expected * question.effect > 0 else FAILS
