"""The networks, their optimisers, a critic step and a generator step, as in the paper's Algorithm 1.

One sign convention everywhere: the critic minimises ``loss_d = mean D(real) - mean D(fake)``, as the
reference does; the generator minimises ``loss_g = mean D(G(z))``; the estimate of the Wasserstein
distance is ``-loss_d``. The objectives wgan-gp and dcgan change the losses, not the steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, Optional, Union

import numpy as np
from mxnet import Context, autograd, nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.batches import cut
from gluon_wgan.data.pixels import to_network
from gluon_wgan.errors import UserError
from gluon_wgan.interop.initial_weights import load_initial_weights
from gluon_wgan.models import build_critic, build_generator
from gluon_wgan.models.batch_norm_statistics import TrainingPass
from gluon_wgan.models.inference import sample
from gluon_wgan.models.initializers import WeightInitializer
from gluon_wgan.models.layers import GrayDeconvolution
from gluon_wgan.runs.step_results import (
    SUMS,
    BatchScores,
    CriticResult,
    CriticScores,
    GeneratorResult,
    Pending,
    SharedLoss,
    SharedScores,
)
from gluon_wgan.training.averaged_generator import AveragedGenerator
from gluon_wgan.training.clipping import InPlaceClip
from gluon_wgan.training.exchange import Exchange
from gluon_wgan.training.gradient_penalty import GradientPenalty
from gluon_wgan.training.losses import build_objective
from gluon_wgan.training.optimizers import build_optimizer, step
from gluon_wgan.training.running_statistics import RunningStatistics
from gluon_wgan.utils import seeding

Loss = Callable[[nd.NDArray], nd.NDArray]


class WGAN:
    """Generator, critic, their optimisers and the noise, on one device or several.

    Parameters
    ----------
    config
        What to build and how to train it.
    contexts
        The devices. Each gets an equal share of every batch and normalises its own share, as the
        reference's ``DataParallel`` does; gradients are summed.
    exchange
        Takes the sum over the devices of all workers; None where all devices are in this process.

    Attributes
    ----------
    generator, critic : HybridBlock
    generator_pass, critic_pass : TrainingPass
        The same networks in training mode.
    generator_optimizer, critic_optimizer : gluon.Trainer
    noise : numpy.random.Generator
        Source of all training noise.
    alphas : numpy.random.Generator
        Source of the points between real and fake at which the gradient penalty is taken.
    average : AveragedGenerator or None
        The averaged generator, where ``ema`` asks for it.
    """

    def __init__(self, config: TrainConfig, contexts: list[Context], exchange: Optional[Exchange] = None) -> None:
        self.exchange = exchange if exchange is not None else Exchange(len(contexts))
        devices = self.exchange.devices
        if config.batch_size < devices:
            raise UserError(
                f"--batch-size {config.batch_size} is less than the {devices} devices that share it: "
                "raise it or name fewer devices."
            )
        if config.critic_batches == "joined" and devices > 1:
            raise UserError("--critic-batches joined works on one device: name one, or use apart.")
        self.config, self.contexts = config, contexts
        self.noise = seeding.make_rng(config.seed, seeding.NOISE)
        self.alphas = seeding.make_rng(config.seed, seeding.ALPHAS)
        initial = seeding.make_rng(config.seed, seeding.INITIALISATION)
        self.generator, self.critic = build_generator(config), build_critic(config)
        networks = {"generator": (self.generator, config.net_g), "critic": (self.critic, config.net_d)}
        for role, (net, weights) in networks.items():
            net.cast(config.dtype)
            net.initialize(WeightInitializer(initial, config.init), ctx=contexts)
            if weights is not None:
                load_initial_weights(net, role, weights, config)
        accumulate_gradients(self.critic)
        clipped = _clipped_parameters(self.critic, config)
        self._clip = InPlaceClip(clipped, config.clip) if clipped else None
        self._mean_gradients: dict[Any, nd.NDArray] = {}
        self._objective = build_objective(config)
        unbiased = config.running_var == "unbiased"
        self.generator_pass = TrainingPass(self.generator, unbiased, contexts)
        self.critic_pass = TrainingPass(self.critic, unbiased, contexts)
        penalised = config.objective == "wgan-gp"
        plain = contexts[0].device_type == "gpu"
        self._penalty = GradientPenalty(self.critic, config.gp_norm, plain_deconvolution=plain) if penalised else None
        for layer in self.generator.main._children.values():
            if isinstance(layer, GrayDeconvolution):
                layer.plain = plain
        for graph in (self.generator_pass, self.critic_pass, self._penalty):
            if graph is not None:
                # With static_shape, two CPU contexts of two OpenMP threads each wait for one another forever.
                graph.hybridize(static_alloc=True, static_shape=len(contexts) == 1)
        self.generator_optimizer = build_optimizer(self.generator.collect_params(), config, config.lr_g, config.eps_g)
        self.critic_optimizer = build_optimizer(self.critic.collect_params(), config, config.lr_d, config.eps_d)
        self.running = RunningStatistics(self)
        averaged = config.ema is not None
        self.average = AveragedGenerator(config, self.generator, contexts[0]) if averaged else None

    def critic_step(self, real: np.ndarray, count: Optional[int] = None) -> Pending[CriticScores]:
        """Let the critic take one step against a fresh batch of fakes.

        Parameters
        ----------
        real
            uint8 (n, nc, image_size, image_size), this worker's share of a batch. The batch may be short at the end
            of an epoch, while the fakes are always ``batch_size``, unless ``short_noise`` is set.
        count
            Images in the batch of all workers, where that is not n.

        Returns
        -------
        Pending[CriticScores]
            Scores and losses before the update; reading them waits for the forward pass alone.
        """
        if self.config.clip_when == "before":
            self.clip_critic()
        count = len(real) if count is None else count
        reals = [to_network(part, context, self.config.dtype) for part, context in self._own_parts(real, count)]
        fake_count = count if self.config.short_noise else self.config.batch_size
        latents = self._draw_latents(fake_count)
        # Without record() nothing is kept for a backward pass that the generator does not take here.
        with autograd.train_mode():
            fakes = [self.generator_pass(z) for z in latents]
        self.critic.collect_params().zero_grad()
        if self.config.critic_batches == "joined":
            scored = self._score_joined(reals[0], fakes[0])
        else:
            # Apart, as in the reference, so that batch norm sees reals and fakes apart.
            scored = [
                *self._score(reals, self._objective.real, count),
                *self._score(fakes, self._objective.fake, fake_count),
            ]
        penalties = self._penalise(reals, fakes, count)
        result = CriticResult(scored, penalties, count)
        shared = step(self.critic_optimizer, self.exchange, "critic", lambda: self._report(result))
        if self.config.clip_when == "after":
            self.clip_critic()
        if shared is None:
            return result
        self.running.rows = shared[:, SUMS:]
        return SharedScores(shared[:, :SUMS], count, fake_count)

    def generator_step(self) -> Pending[float]:
        """Let the generator take one step; the critic stays as its last update left it.

        Returns
        -------
        Pending[float]
            The loss before the update.
        """
        with autograd.record():
            fakes = [self.generator_pass(z) for z in self._draw_latents(self.config.batch_size)]
        # The critic is differentiated by its input alone, which spares the gradients of its weights.
        images = [fake.detach() for fake in fakes]
        for image in images:
            image.attach_grad()
        with autograd.record():
            losses = [self._objective.generator(self.critic_pass(image)) for image in images]
        heads = [self._mean_gradient(loss, self.config.batch_size) for loss in losses]
        autograd.backward(fakes, autograd.grad(losses, images, heads))
        result = GeneratorResult(losses, self.config.batch_size)
        shared = step(self.generator_optimizer, self.exchange, "generator", lambda: self._report(result))
        if self.average is not None:
            self.average.update()
        if shared is None:
            return result
        self.running.rows = shared[:, SUMS:]
        return SharedLoss(shared[:, 0], self.config.batch_size)

    def _report(self, result: Union[CriticResult, GeneratorResult]) -> np.ndarray:
        """Return what travels with the gradients, a row for each own device: sums of losses, running statistics."""
        return np.concatenate([result.sums(self.contexts), self.running.own()], axis=1)

    def clip_critic(self) -> None:
        """Clip the critic's parameters to [-clip, clip], in place on every device.

        Batch norm's gamma and beta are parameters and are clipped, as by the reference's
        ``netD.parameters()``, unless ``clip_bn`` is off; its running statistics are not, unless
        ``clip_running_stats`` is set. Only the objective ``wgan`` clips.
        """
        if self._clip is not None:
            for context in self.contexts:
                self._clip(context)

    def non_finite(self) -> list[str]:
        """Return the names of the weights and running statistics that are not all finite, on any device.

        cuDNN's ReLU may turn NaN into 0, so that a loss can be finite while a weight is not.
        """
        named = {
            f"{net}.{name}": parameter
            for net, block in (("generator", self.generator), ("critic", self.critic))
            for name, parameter in block._collect_params_with_prefix().items()
        }
        nd.waitall()  # a backward pass on the CPU writes running statistics behind the engine's back
        for context in self.contexts:
            arrays = [parameter.data(context) for parameter in named.values()]
            if nd.multi_all_finite(*arrays, num_arrays=len(arrays)).asscalar() != 1:
                break
        else:
            return self.running.non_finite()
        return [
            name
            for name, parameter in named.items()
            if not all(np.isfinite(data.asnumpy()).all() for data in parameter.list_data())
        ]

    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Draw images for given latents, on the first device, without touching the training state.

        Parameters
        ----------
        latents
            float32 (n, nz, 1, 1).

        Returns
        -------
        numpy.ndarray
            float32 (n, nc, image_size, image_size).
        """
        return sample(self.generator, latents, self.contexts[0], self.config.sample_bn)

    def sample_average(self, latents: np.ndarray) -> Optional[np.ndarray]:
        """Draw the same from the averaged generator; None without one."""
        if self.average is None:
            return None
        nd.waitall()  # as for a checkpoint
        self.average.copy_statistics(self.running.mean("generator"))
        return sample(self.average.network, latents, self.contexts[0], self.config.sample_bn)

    def _score(self, batches: list[nd.NDArray], loss: Loss, count: int) -> list[BatchScores]:
        """Add the gradients of the mean loss over the ``count`` images of all devices to the critic's."""
        if not batches:
            return []
        with autograd.record():
            scores = [self.critic_pass(batch) for batch in batches]
            losses = [loss(s) for s in scores]
        autograd.backward(losses, [self._mean_gradient(value, count) for value in losses])
        is_real = loss is self._objective.real
        return [BatchScores(is_real, s, value, count) for s, value in zip(scores, losses)]

    def _score_joined(self, real: nd.NDArray, fake: nd.NDArray) -> list[BatchScores]:
        """Do the same with reals and fakes in one batch."""
        with autograd.record():
            scores = self.critic_pass(nd.concat(real, fake, dim=0))
            parts = scores[: len(real)], scores[len(real) :]
            losses = self._objective.real(parts[0]), self._objective.fake(parts[1])
        autograd.backward(losses, [self._mean_gradient(loss, len(loss)) for loss in losses])
        sides = zip((True, False), parts, losses)
        return [BatchScores(is_real, part, loss, len(part)) for is_real, part, loss in sides]

    def _mean_gradient(self, values: nd.NDArray, count: int) -> nd.NDArray:
        """Return the derivative of a sum over ``count`` by each of the values (n,) in it, made once for all steps."""
        key = (len(values), count, values.context)
        if key not in self._mean_gradients:
            self._mean_gradients[key] = nd.ones_like(values.detach()) / count
        return self._mean_gradients[key]

    def _penalise(self, reals: list[nd.NDArray], fakes: list[nd.NDArray], count: int) -> list[nd.NDArray]:
        """Add the gradients of the mean penalty to the critic's; return each device's penalties (n,)."""
        if self._penalty is None:
            return []
        alphas = seeding.draw_alphas(self.alphas, count, self.config.gp_alpha)
        penalties = []
        for (alpha, context), real, fake in zip(self._split(alphas), reals, fakes):
            alpha = nd.array(alpha, ctx=context, dtype=real.dtype)
            between = alpha * real + (1.0 - alpha) * fake[: len(real)]
            penalties.append(self._penalty.accumulate(between, self.config.gp_lambda / count))
        return penalties

    def _draw_latents(self, count: int) -> list[nd.NDArray]:
        latents = seeding.draw_latents(self.noise, count, self.config.nz, self.config.latent)
        return [nd.array(part, ctx=context, dtype=self.config.dtype) for part, context in self._split(latents)]

    def _split(self, batch: np.ndarray) -> Iterable[tuple[np.ndarray, Context]]:
        """Yield each own device's share of all workers' batch; a short batch may leave the last devices none."""
        places = cut(0, len(batch), self.exchange.devices)[self.exchange.own]
        return [(batch[place], context) for place, context in zip(places, self.contexts) if place.start < place.stop]

    def _own_parts(self, share: np.ndarray, count: int) -> Iterable[tuple[np.ndarray, Context]]:
        """Yield each own device's part of this worker's share of a batch of ``count``."""
        places = cut(0, count, self.exchange.devices)[self.exchange.own]
        ends = np.cumsum([place.stop - place.start for place in places])[:-1]
        return [(part, context) for part, context in zip(np.split(share, ends), self.contexts) if len(part)]


def accumulate_gradients(net: HybridBlock) -> None:
    """Let every backward pass add to the gradients, until ``zero_grad`` is called."""
    for parameter in net.collect_params().values():
        if parameter.grad_req != "null":
            parameter.grad_req = "add"


def _clipped_parameters(critic: HybridBlock, config: TrainConfig) -> list[Parameter]:
    """Return what the clip applies to; for objectives that do not clip, nothing."""
    if config.objective != "wgan":
        return []
    norms = [layer for layer in critic.main._children.values() if isinstance(layer, nn.BatchNorm)]
    affine = {p.name for norm in norms for p in (norm.gamma, norm.beta)}
    return [
        parameter
        for parameter in critic.collect_params().values()
        if (parameter.grad_req != "null" or config.clip_running_stats)
        and (parameter.name not in affine or config.clip_bn)
    ]
