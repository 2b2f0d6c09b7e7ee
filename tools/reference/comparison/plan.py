"""The steps of a comparison, with their images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.batches import BatchStream
from gluon_wgan.data.store import Store
from gluon_wgan.training import schedule

# Critic steps for each generator step, and generator steps, when nothing is asked for.
CRITIC_STEPS, GENERATOR_STEPS = 5, 4


@dataclass(frozen=True)
class Length:
    """How many steps to take.

    Attributes
    ----------
    steps
        So many in all, critic and generator steps counted alike, by the configuration's own schedule.
    critic_steps, generator_steps
        Without ``steps``: so many generator steps, each after so many critic steps.
    """

    steps: Optional[int] = None
    critic_steps: int = CRITIC_STEPS
    generator_steps: int = GENERATOR_STEPS

    @property
    def total(self) -> int:
        """Critic and generator steps in all."""
        return self.steps if self.steps is not None else self.generator_steps * (self.critic_steps + 1)


@dataclass(frozen=True)
class Step:
    """One step: its number from 1, generator steps taken before it, and its images, None for a generator step."""

    number: int
    gen_iter: int
    real: Optional[np.ndarray]

    @property
    def kind(self) -> str:
        """``critic`` or ``generator``."""
        return "generator" if self.real is None else "critic"


def steps(config: TrainConfig, store: Store, length: Length) -> Iterator[Step]:
    """Yield the steps of a run in order, with the images that training would see."""
    beginning = {"epoch": 0, "position": 0}
    order = (config.batch_size, config.seed, not config.drop_last)
    with BatchStream(store, *order, beginning, flip=config.flip) as batches:
        number = gen_iter = 0
        while number < length.total:
            wanted = length.critic_steps if length.steps is None else schedule.critic_steps(gen_iter, config)
            for _ in range(wanted):
                number += 1
                if number > length.total:
                    return
                yield Step(number, gen_iter, next(batches))
                ended = batches.state()["position"] == 0
                if length.steps is not None and config.stop_at_epoch_end and ended:
                    break
            number += 1
            if number <= length.total:
                yield Step(number, gen_iter, None)
            gen_iter += 1
