"""What a training step leaves: numbers still on the devices, read when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from mxnet import nd


class Judgement(NamedTuple):
    """One device's share of the critic's verdict on reals or on fakes, still on the device.

    Attributes
    ----------
    is_real
        Whether it is on reals.
    scores, losses
        Score and loss of each image, of shape (n,).
    images
        How many images all devices saw.
    """

    is_real: bool
    scores: nd.NDArray
    losses: nd.NDArray
    images: int


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
    """What a critic step leaves, still on the devices.

    Parameters
    ----------
    judgements
        Of every device, on reals and on fakes.
    penalties
        Each device's penalties (n,).
    """

    def __init__(self, judgements: Sequence[Judgement], penalties: Sequence[nd.NDArray]) -> None:
        self._is_real = [judgement.is_real for judgement in judgements]
        arrays, counts = list(penalties), [sum(map(len, penalties))] * len(penalties)
        for judgement in judgements:
            arrays += [judgement.scores, judgement.losses]
            counts += [judgement.images] * 2
        self._penalties = len(penalties)
        self._shares = _Shares(arrays, counts)

    def read(self) -> CriticScores:
        """Wait for the forward pass and return the numbers."""
        values = self._shares.read()
        scores, losses = values[self._penalties :: 2], values[self._penalties + 1 :: 2]
        return CriticScores(
            _total(score for score, is_real in zip(scores, self._is_real) if is_real),
            _total(score for score, is_real in zip(scores, self._is_real) if not is_real),
            _total(losses),
            _total(values[: self._penalties]),
        )


class GeneratorResult:
    """What a generator step leaves, still on the devices: each device's losses (n,)."""

    def __init__(self, losses: Sequence[nd.NDArray]) -> None:
        self._shares = _Shares(losses, [sum(map(len, losses))] * len(losses))

    def read(self) -> float:
        """Wait for the forward pass and return the generator's loss."""
        return _total(self._shares.read())


class _Shares:
    """Sums of arrays (n,), each divided by a count; those of one device are read at once.

    An array that occurs twice, as the scores of the reals do, which are also their losses, is summed once.
    """

    def __init__(self, arrays: Sequence[nd.NDArray], counts: Sequence[int]) -> None:
        self._counts = counts
        unique = list({id(array): array for array in arrays}.values())
        by_device: dict[Any, list[nd.NDArray]] = {}
        for array in unique:
            by_device.setdefault(array.context, []).append(array)
        places = {id(array): place for place, array in enumerate(chain.from_iterable(by_device.values()))}
        self._places = [places[id(array)] for array in arrays]
        self._sums = [_sums(of) for of in by_device.values()]

    def read(self) -> list[float]:
        """Wait for the sums and return the shares."""
        sums = np.concatenate([vector.asnumpy() for vector in self._sums])
        # Divided in the arrays' own precision, as an operator would.
        return [float(sums[place] / sums.dtype.type(count)) for place, count in zip(self._places, self._counts)]


def _sums(arrays: Sequence[nd.NDArray]) -> nd.NDArray:
    from mxnet import nd

    return nd.concat(*(array.detach().sum() for array in arrays), dim=0)


def _total(shares: Iterable[float]) -> float:
    return sum(shares, 0.0)
