"""What the training loop asks of whatever trains: MXNet's networks, or the reference in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Protocol

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.checkpoints import Progress
from gluon_wgan.runs.step_results import CriticScores, Pending
from gluon_wgan.training.branching import CarriedOver
from gluon_wgan.training.exchange import Exchange


class Engine(Protocol):
    """Networks, optimisers and noise, on devices of their own."""

    @property
    def program(self) -> str:
        """The script that continues such a run, as one calls it: ``train_wgan.py``."""

    @property
    def can_branch(self) -> bool:
        """Whether that script starts a run from another one's checkpoint."""

    @property
    def exchange(self) -> Exchange:
        """How it takes sums over the devices of all workers."""

    @property
    def devices(self) -> Sequence[str]:
        """What it computes on, for people."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What ``environment.json`` shall say of it, JSON-able."""

    def critic_step(self, real: np.ndarray, count: int) -> Pending[CriticScores]:
        """Let the critic take one step on uint8 images (n, nc, image_size, image_size), out of all workers' count."""

    def generator_step(self) -> Pending[float]:
        """Let the generator take one step, and give its loss."""

    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Return float32 images (n, nc, image_size, image_size) for latents (n, nz, 1, 1), and change nothing."""

    def sample_average(self, latents: np.ndarray) -> Optional[np.ndarray]:
        """Return the same from the averaged generator, None where there is none."""

    def non_finite(self) -> list[str]:
        """Return the names of the weights that are not all finite, over all devices."""

    def save(self, parent: Path, name: str, progress: Progress) -> Path:
        """Write everything that a resumed run needs into a new folder ``parent / name``."""

    def restore(self, path: Path) -> Progress:
        """Go on where :meth:`save` left off."""

    def carry_over(self, path: Path, parent: TrainConfig) -> tuple[Progress, CarriedOver]:
        """Start from a checkpoint of another run, which had other options, as far as it fits."""
