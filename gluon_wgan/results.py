"""What a training step leaves: numbers still on the devices, read when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mxnet import nd


class Judgement(NamedTuple):
    """One device's share of the critic's verdict on reals or on fakes, still on the device.

    Attributes
    ----------
    is_real
        Whether it is on reals.
    score, loss
        This share of the mean score and of the mean loss.
    """

    is_real: bool
    score: nd.NDArray
    loss: nd.NDArray


class CriticScores(NamedTuple):
    """What one critic step saw, before its update.

    Attributes
    ----------
    d_real, d_fake
        mean D(real), mean D(fake).
    loss_d
        What the critic minimises, without the penalty: for the Wasserstein objectives d_real - d_fake.
    penalty
        mean (||gradient|| - 1)^2, before gp_lambda; 0 without gradient penalty.
    """

    d_real: float
    d_fake: float
    loss_d: float
    penalty: float


class CriticResult:
    """What a critic step leaves, still on the devices."""

    def __init__(self, judgements: Sequence[Judgement], penalties: list[nd.NDArray]) -> None:
        self._judgements, self._penalties = judgements, penalties

    def read(self) -> CriticScores:
        """Wait for the forward pass and return the numbers."""
        return CriticScores(
            _total([judgement.score for judgement in self._judgements if judgement.is_real]),
            _total([judgement.score for judgement in self._judgements if not judgement.is_real]),
            _total([judgement.loss for judgement in self._judgements]),
            _total(self._penalties),
        )


class GeneratorResult:
    """What a generator step leaves, still on the devices."""

    def __init__(self, losses: list[nd.NDArray]) -> None:
        self._losses = losses

    def read(self) -> float:
        """Wait for the forward pass and return the generator's loss."""
        return _total(self._losses)


def _total(shares: list[nd.NDArray]) -> float:
    return sum(float(share.asscalar()) for share in shares) if shares else 0.0
