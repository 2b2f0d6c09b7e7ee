"""Checks of the numbers in a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_wgan.errors import UserError

_LARGEST = 2**31 - 1


def whole(where: str, name: str, value: Any, low: int) -> int:
    """Return a whole number of a plan.

    Parameters
    ----------
    where, name
        Whose number it is, as ``The plan quick``, and what the plan calls it.
    value, low
        The number, and the least that it may be.

    Raises
    ------
    UserError
        When it is none, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= _LARGEST:
        raise UserError(f"{where} says {name} {value!r}: give a whole number from {low} to {_LARGEST}.")
    return value


def different(where: str, name: str, values: Any, low: int) -> tuple[int, ...]:
    """Return different whole numbers of a plan, ascending.

    Raises
    ------
    UserError
        When they are no such list, or an empty one.
    """
    numbers: Sequence[Any] = values if isinstance(values, (list, tuple)) else ()
    if not numbers or any(number in numbers[:place] for place, number in enumerate(numbers)):
        raise UserError(f"{where} says {name} {values!r}: give different whole numbers, as [0, 1].")
    return tuple(sorted(whole(where, name, number, low) for number in numbers))
