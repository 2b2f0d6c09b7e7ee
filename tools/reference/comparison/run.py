"""Run both sides, and variants of the PyTorch side, through the same steps."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.store import Store
from gluon_wgan.utils import seeding
from tools.reference.comparison.difference import Difference, Snapshot, compare
from tools.reference.comparison.plan import Length, Step, steps
from tools.reference.comparison.sides import GluonSide, Noise, Side, TorchSide
from tools.reference.comparison.zeros import zero_gradients
from tools.reference.options import Options
from tools.reference.runner.options import options_of
from tools.reference.wgan import ReferenceWGAN

# The package against the reference, and the reference against itself.
OURS = "gluon_wgan"
THREADS, LAYOUT, KERNELS = PYTORCH_VARIANTS = ("torch, 1 thread", "torch, channels last", "torch, no oneDNN")
CONTENDERS = (OURS, *PYTORCH_VARIANTS)
BASE_THREADS, OTHER_THREADS = 2, 1


@dataclass(frozen=True)
class StepReport:
    """How far the contenders are from the reference after one step.

    Attributes
    ----------
    number, gen_iter, kind
        Of the step, see :class:`tools.reference.comparison.plan.Step`.
    differences
        Contender -> its differences, tensor by tensor.
    """

    number: int
    gen_iter: int
    kind: str
    differences: dict[str, list[Difference]]


@dataclass(frozen=True)
class Trajectory:
    """The comparison of one configuration.

    Attributes
    ----------
    config, options
        What the package and what the reference computed.
    zero_gradients
        Parameters whose gradient is zero but for rounding.
    steps
        A report for each step.
    """

    config: TrainConfig
    options: Options
    zero_gradients: list[str]
    steps: list[StepReport]


def trace(config: TrainConfig, store: Store, length: Length, tick: Optional[Callable[[], object]] = None) -> Trajectory:
    """Train the package's WGAN, the reference and the PyTorch variants side by side.

    Parameters
    ----------
    config
        What to compute; its ``running_var`` has to be ``unbiased``, since the reference knows only that.
    store
        The images.
    length
        How many steps.
    tick
        Called after each step.
    """
    options = options_of(config)
    reference = ReferenceWGAN(options)
    ours = GluonSide(config, reference)
    theirs, *variants = _torch_sides(options, ours, config.dtype)
    contenders: dict[str, Side] = dict(zip(CONTENDERS, [ours, *variants]))
    zeros = zero_gradients(reference)
    draw = _noise_of(config, ours)
    reports = []
    for step in steps(config, store, length):
        noise = draw(step)
        wanted = _take(theirs, step, noise)
        found = {name: compare(_take(side, step, noise), wanted, zeros) for name, side in contenders.items()}
        reports.append(StepReport(step.number, step.gen_iter, step.kind, found))
        if tick is not None:
            tick()
    return Trajectory(config, options, sorted(zeros), reports)


def _torch_sides(options: Options, start: GluonSide, dtype: str) -> list[TorchSide]:
    state = start.state()
    return [
        TorchSide(options, state, dtype, threads=BASE_THREADS),
        TorchSide(options, state, dtype, threads=OTHER_THREADS),
        TorchSide(options, state, dtype, threads=BASE_THREADS, channels_last=True),
        TorchSide(options, state, dtype, threads=BASE_THREADS, onednn=False),
    ]


def _noise_of(config: TrainConfig, ours: GluonSide) -> Callable[[Step], Noise]:
    """Return a function that draws again, from streams of its own, what the package will draw."""
    latents, alphas = copy.deepcopy(ours.wgan.noise), copy.deepcopy(ours.wgan.alphas)

    def draw(step: Step) -> Noise:
        reals = config.batch_size if step.real is None else len(step.real)
        count = reals if config.short_noise else config.batch_size
        drawn = seeding.draw_latents(latents, count, config.nz, config.latent)
        if config.objective != "wgan-gp" or step.real is None:
            return Noise(drawn)
        return Noise(drawn, seeding.draw_alphas(alphas, reals, config.gp_alpha))

    return draw


def _take(side: Side, step: Step, noise: Noise) -> Snapshot:
    return side.generator_step(noise) if step.real is None else side.critic_step(step.real, noise)
