"""The reference as an engine of the package's training loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import Progress, read_checkpoint, write_checkpoint
from gluon_wgan.runs.step_results import CriticScores
from gluon_wgan.training.branching import CarriedOver
from gluon_wgan.training.exchange import Exchange
from gluon_wgan.training.resuming import PROGRAM
from gluon_wgan.utils import seeding
from tools.reference.runner import files
from tools.reference.runner.device import Arithmetic, name_of
from tools.reference.runner.initial import initialise
from tools.reference.runner.options import options_of
from tools.reference.wgan import ReferenceWGAN


class PendingScores:
    """A critic step's numbers, on their way from the device."""

    def __init__(self, numbers: Tensor) -> None:
        self._numbers = numbers

    def read(self) -> CriticScores:
        """Wait for them and return them."""
        return CriticScores(*self._numbers.tolist())


class PendingLoss:
    """A generator step's loss, on its way from the device."""

    def __init__(self, loss: Tensor) -> None:
        self._loss = loss

    def read(self) -> float:
        """Wait for it and return it."""
        return self._loss.item()


class ReferenceEngine:
    """The PyTorch reference as an :class:`gluon_wgan.training.engine.Engine`, with the package's noise and weights.

    Parameters
    ----------
    config
        What to build and how to train it.
    device
        Where.
    arithmetic
        How to compute.
    about
        What to note of the device's settings.

    Attributes
    ----------
    wgan : ReferenceWGAN
    noise, alphas : numpy.random.Generator
        Sources of the latents, and of the points at which the gradient penalty is taken.
    """

    program, can_branch = "tools/train_reference.py", False

    def __init__(
        self, config: TrainConfig, device: torch.device, arithmetic: Arithmetic, about: dict[str, Any]
    ) -> None:
        self.config, self._device, self._arithmetic = config, device, arithmetic
        self.devices, self.exchange = [name_of(device)], Exchange()
        self.about = {PROGRAM: self.program, "torch": torch.__version__, **arithmetic.about(), **about}
        self.noise = seeding.make_rng(config.seed, seeding.NOISE)
        self.alphas = seeding.make_rng(config.seed, seeding.ALPHAS)
        initial = seeding.make_rng(config.seed, seeding.INITIALISATION)
        wgan = ReferenceWGAN(options_of(config)).to(getattr(torch, config.dtype))
        for net in (wgan.generator, wgan.critic):
            initialise(net, initial, config.init)
        self.wgan = wgan.to(device)
        arithmetic.apply(self.wgan)

    def critic_step(self, real: np.ndarray, count: int) -> PendingScores:
        """Let the critic take one step on uint8 images (n, nc, image_size, image_size), which are all there are."""
        latents = self._latents(len(real) if self.config.short_noise else self.config.batch_size)
        alphas = None
        if self.config.objective == "wgan-gp":
            alphas = self._moved(seeding.draw_alphas(self.alphas, len(real), self.config.gp_alpha))
        # As bytes: a quarter of what has to travel otherwise.
        with self._arithmetic.autocast(self._device):
            found = self.wgan.critic_step(self._moved(real), latents, alphas)
        means = (found.real_scores.mean(), found.fake_scores.mean())
        return PendingScores(torch.stack([*means, found.loss_d, found.penalty]))

    def generator_step(self) -> PendingLoss:
        """Let the generator take one step."""
        with self._arithmetic.autocast(self._device):
            return PendingLoss(self.wgan.generator_step(self._latents(self.config.batch_size)).loss)

    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Return images for given latents, and change nothing."""
        return self.wgan.sample(self._moved(latents), self.config.sample_bn).cpu().numpy()

    def sample_average(self, latents: np.ndarray) -> None:
        """Return None, for it keeps no averaged generator."""

    def non_finite(self) -> list[str]:
        """Return the names of the weights and running statistics that are not all finite."""
        nets = (("generator", self.wgan.generator), ("critic", self.wgan.critic))
        values = ((f"{net}.{name}", value) for net, module in nets for name, value in module.state_dict().items())
        return [name for name, value in values if not bool(torch.isfinite(value).all())]

    def save(self, parent: Path, name: str, progress: Progress) -> Path:
        """Write a checkpoint."""

        def write(folder: Path) -> dict[str, Any]:
            files.write_weights(folder, self.wgan, self.config, progress.gen_iter)
            return {"noise": seeding.state_of(self.noise), "alphas": seeding.state_of(self.alphas)}

        return write_checkpoint(parent, name, progress, files.FORMAT, write)

    def restore(self, path: Path) -> Progress:
        """Go on from a checkpoint."""

        def read(state: dict[str, Any]) -> None:
            files.read_weights(path, self.wgan, state["gen_iter"])
            seeding.restore_state(self.noise, state.pop("noise"))
            seeding.restore_state(self.alphas, state.pop("alphas"))

        return read_checkpoint(path, files.FORMAT, read)

    def carry_over(self, path: Path, parent: TrainConfig) -> tuple[Progress, CarriedOver]:
        """Refuse to start from another run's checkpoint."""
        raise UserError(f"{self.program} has no --branch: start a new run.")

    def _latents(self, count: int) -> Tensor:
        return self._moved(seeding.draw_latents(self.noise, count, self.config.nz, self.config.latent))

    def _moved(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self._device)
