"""What a training step leaves: numbers still on the devices, read when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from mxnet import Context, nd

# Of one device: sums over its reals' scores and losses, its fakes' scores and losses, and its penalties.
SUMS = 5

Number = TypeVar("Number", covariant=True)


class Pending(Protocol[Number]):
    """A number that may still be on its way on a device."""

    def read(self) -> Number:
        """Wait for it and return it."""


class BatchScores(NamedTuple):
    """One device's share of the critic's scores of reals or of fakes, still on the device.

    Attributes
    ----------
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
    batches
        Of every device, of reals and of fakes.
    penalties
        Each device's penalties (n,).
    images
        Over how many images the penalties are averaged.
    """

    def __init__(self, batches: Sequence[BatchScores], penalties: Sequence[nd.NDArray], images: int) -> None:
        self._is_real = [batch.is_real for batch in batches]
        self._arrays = [(2 * (not b.is_real) + n, a) for b in batches for n, a in enumerate((b.scores, b.losses))]
        self._arrays += [(SUMS - 1, penalty) for penalty in penalties]
        arrays, counts = list(penalties), [images] * len(penalties)
        for batch in batches:
            arrays += [batch.scores, batch.losses]
            counts += [batch.images] * 2
        self._penalties = len(penalties)
        self._shares = _Shares(arrays, counts)

    def sums(self, contexts: Sequence[Context]) -> np.ndarray:
        """Return the sums of these devices, (devices, SUMS)."""
        return _sums_by_device(self._arrays, contexts)

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

    def __init__(self, losses: Sequence[nd.NDArray], images: int) -> None:
        self._losses = losses
        self._shares = _Shares(losses, [images] * len(losses))

    def sums(self, contexts: Sequence[Context]) -> np.ndarray:
        """Return the sums of these devices, (devices, SUMS), of which the first is used."""
        return _sums_by_device([(0, losses) for losses in self._losses], contexts)

    def read(self) -> float:
        """Wait for the forward pass and return the generator's loss."""
        return _total(self._shares.read())


class SharedScores:
    """A critic step's numbers from the sums (devices, SUMS) of all workers' devices."""

    def __init__(self, sums: np.ndarray, reals: int, fakes: int) -> None:
        self._shares = _divided(sums, [reals, reals, fakes, fakes, reals])

    def read(self) -> CriticScores:
        """Return the numbers, summed in the order in which one process sums them."""
        d_real, real_losses, d_fake, fake_losses, penalties = self._shares
        return CriticScores(_total(d_real), _total(d_fake), _total([*real_losses, *fake_losses]), _total(penalties))


class SharedLoss:
    """A generator step's loss from the sums (devices,) of all workers' devices."""

    def __init__(self, sums: np.ndarray, images: int) -> None:
        self._shares = _divided(sums[:, None], [images])

    def read(self) -> float:
        """Return the loss."""
        return _total(self._shares[0])


def _divided(sums: np.ndarray, counts: Sequence[int]) -> list[list[float]]:
    """Return each column of sums as shares of its count, divided in the sums' own precision."""
    return [[float(value / sums.dtype.type(count)) for value in column] for column, count in zip(sums.T, counts)]


def _sums_by_device(arrays: Iterable[tuple[int, nd.NDArray]], contexts: Sequence[Context]) -> np.ndarray:
    sums = np.zeros((len(contexts), SUMS), np.float32)
    for column, array in arrays:
        sums[contexts.index(array.context), column] = array.detach().sum().asscalar()
    return sums


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
