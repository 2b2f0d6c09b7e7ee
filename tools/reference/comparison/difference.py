"""Snapshots of a step, and the difference between two of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

# What is compared, in the order in which a step computes it.
GROUPS = ("fakes", "scores", "losses", "gradients", "weights", "statistics")

Tensors = Mapping[str, np.ndarray]
Snapshot = Mapping[str, Tensors]
"""Group -> name of a tensor -> its values, after one step."""


@dataclass(frozen=True)
class Difference:
    """How far one tensor of two sides is apart.

    Attributes
    ----------
    group, tensor
        Where it belongs and its name.
    max_rel
        max |a - b| / max |b|.
    norm_rel
        ||a - b|| / ||b||.
    """

    group: str
    tensor: str
    max_rel: float
    norm_rel: float


def relative(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return max |a - b| / max |b| and ||a - b|| / ||b||, computed in float64.

    Two zeros are 0 apart, whatever differs from a zero is infinitely far from it, and NaN stays NaN.
    """
    return _quotients(a, b, _max(b), _norm(b))


def compare(ours: Snapshot, theirs: Snapshot, zero_gradients: Collection[str] = ()) -> list[Difference]:
    """Compare two snapshots of the same step, tensor by tensor.

    Parameters
    ----------
    ours, theirs
        a and b of the quotients.
    zero_gradients
        Names of parameters whose gradient is zero in exact arithmetic, from
        :func:`tools.reference.comparison.zeros.zero_gradients`. What is left of it is rounding, and so is what an
        optimiser makes of it: gradient and parameter are divided by the maximum and norm over all tensors of their
        network instead of their own.
    """
    found = []
    for group in GROUPS:
        a, b = ours.get(group, {}), theirs.get(group, {})
        if list(a) != list(b):
            raise ValueError(f"{group}: {list(a)} cannot be compared with {list(b)}")
        for name in b:
            if group in ("gradients", "weights") and name in zero_gradients:
                everything = np.concatenate([values.ravel() for values in b.values()])
                apart = _quotients(a[name], b[name], _max(everything), _norm(everything))
            else:
                apart = relative(a[name], b[name])
            found.append(Difference(group, name, *apart))
    return found


def _quotients(a: np.ndarray, b: np.ndarray, largest: float, length: float) -> tuple[float, float]:
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    apart = a.astype(np.float64) - b.astype(np.float64)
    return _quotient(_max(apart), largest), _quotient(_norm(apart), length)


def _quotient(above: float, below: float) -> float:
    if below == 0:
        return above if above == 0 or math.isnan(above) else math.inf
    return above / below


def _max(values: np.ndarray) -> float:
    return float(np.abs(values.astype(np.float64)).max())


def _norm(values: np.ndarray) -> float:
    """Return the Euclidean norm, scaled so that no square over- or underflows."""
    largest = _max(values)
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(values.astype(np.float64).ravel() / largest))
