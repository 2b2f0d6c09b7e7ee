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


class _Result:
    """Sums over arrays (n,), still on the devices; those of one device are read at once.

    Parameters
    ----------
    parts
        Column of :data:`SUMS`, array, and the count by which its sum is divided. An array that occurs twice, as the
        scores of the reals do, which are also their losses, is summed once.
    """

    def __init__(self, parts: Sequence[tuple[int, nd.NDArray, int]]) -> None:
        self._parts = parts
        by_device: dict[Any, list[nd.NDArray]] = {}
        for array in {id(array): array for _, array, _ in parts}.values():
            by_device.setdefault(array.context, []).append(array)
        self._places = {id(array): place for place, array in enumerate(chain.from_iterable(by_device.values()))}
        self._sums = [_sums(of) for of in by_device.values()]

    def sums(self, contexts: Sequence[Context]) -> np.ndarray:
        """Return the sums of these devices, (devices, SUMS)."""
        sums = np.zeros((len(contexts), SUMS), np.float32)
        for column, array, _ in self._parts:
            sums[contexts.index(array.context), column] = array.detach().sum().asscalar()
        return sums

    def _columns(self) -> list[list[float]]:
        """Wait for the sums and return each column's, divided."""
        sums = np.concatenate([vector.asnumpy() for vector in self._sums])
        columns: list[list[float]] = [[] for _ in range(SUMS)]
        for column, array, count in self._parts:
            columns[column].append(_divided(sums[self._places[id(array)]], count))
        return columns


class CriticResult(_Result):
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
        parts = [(2 * (not b.is_real) + n, a, b.images) for b in batches for n, a in enumerate((b.scores, b.losses))]
        super().__init__([*parts, *((SUMS - 1, penalty, images) for penalty in penalties)])

    def read(self) -> CriticScores:
        """Wait for the forward pass and return the numbers."""
        return _scores(*self._columns())


class GeneratorResult(_Result):
    """What a generator step leaves, still on the devices: each device's losses (n,)."""

    def __init__(self, losses: Sequence[nd.NDArray], images: int) -> None:
        super().__init__([(0, of_device, images) for of_device in losses])

    def read(self) -> float:
        """Wait for the forward pass and return the generator's loss."""
        return _total(self._columns()[0])


class SharedScores:
    """A critic step's numbers from the sums (devices, SUMS) of all workers' devices."""

    def __init__(self, sums: np.ndarray, reals: int, fakes: int) -> None:
        counts = [reals, reals, fakes, fakes, reals]
        self._shares = [[_divided(value, count) for value in column] for column, count in zip(sums.T, counts)]

    def read(self) -> CriticScores:
        """Return the numbers, summed in the order in which one process sums them."""
        return _scores(*self._shares)


class SharedLoss:
    """A generator step's loss from the sums (devices,) of all workers' devices."""

    def __init__(self, sums: np.ndarray, images: int) -> None:
        self._shares = [_divided(value, images) for value in sums]

    def read(self) -> float:
        """Return the loss."""
        return _total(self._shares)


def _scores(
    d_real: list[float], real_losses: list[float], d_fake: list[float], fake_losses: list[float], penalties: list[float]
) -> CriticScores:
    return CriticScores(_total(d_real), _total(d_fake), _total([*real_losses, *fake_losses]), _total(penalties))


def _sums(arrays: Sequence[nd.NDArray]) -> nd.NDArray:
    from mxnet import nd

    return nd.concat(*(array.detach().sum() for array in arrays), dim=0)


def _divided(value: Any, count: int) -> float:
    """Divide a NumPy number in its own precision, as an operator would."""
    return float(value / type(value)(count))


def _total(shares: Iterable[float]) -> float:
    return sum(shares, 0.0)
