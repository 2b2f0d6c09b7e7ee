"""How long a run will take, said early in a session."""

from __future__ import annotations

import logging
import time
from typing import Callable

from gluon_wgan.utils.formatting import duration

log = logging.getLogger("gluon_wgan")

# Critic steps of a session after which it is said; the first step, which compiles, is left out.
_FIRST, _AGAIN = 4, 20
# Seconds of a run from which on it is said, and from which on the demo is named too.
_WORTH_SAYING, _LONG = 60, 15 * 60


class TimeEstimate:
    """Says how long a run will take, and what to type for a result in minutes, with the script that trains."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._steps, self._first_at = 0, 0.0

    def count_step(self, remaining: Callable[[], int]) -> None:
        """Count a critic step; `remaining` returns how many are left."""
        self._steps += 1
        if self._steps == 1:
            self._first_at = time.perf_counter()
        if self._steps not in (_FIRST, _AGAIN):
            return
        seconds = (time.perf_counter() - self._first_at) / (self._steps - 1) * remaining()
        if seconds < _WORTH_SAYING:
            return
        speed = "the first steps" if self._steps == _FIRST else f"{_AGAIN} critic steps"
        log.info("The run will take about %s at the speed of %s.", duration(seconds), speed)
        if self._steps == _FIRST and seconds > _LONG:
            log.info("For a result in minutes: python %s --preset demo", self._program)
