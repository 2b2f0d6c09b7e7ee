"""The Wasserstein GAN itself: two networks, their optimisers, a critic step and a generator step.

One sign convention everywhere: the critic minimises ``loss_d = mean D(real) - mean D(fake)``, as the
reference does; the generator minimises ``loss_g = mean D(G(z))``; the estimate of the Wasserstein
distance is ``-loss_d``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

import numpy as np
from mxnet import Context, autograd, cpu, nd
from mxnet.gluon import HybridBlock

from gluon_wgan import streams
from gluon_wgan.config import TrainConfig
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.initializers import initialise
from gluon_wgan.models import build_critic, build_generator
from gluon_wgan.optimizers import build_optimizer, step
from gluon_wgan.pixels import to_network


class WGAN:
    """Generator, critic, their optimisers and the noise, on one device or several.

    Parameters
    ----------
    config
        What to build and how to train it.
    contexts
        The devices. Each gets an equal share of every batch and normalises its own share, as the
        reference's ``DataParallel`` does; gradients are summed.

    Attributes
    ----------
    generator, critic : HybridBlock
    generator_optimizer, critic_optimizer : gluon.Trainer
    noise : numpy.random.Generator
        Source of all training noise.
    """

    def __init__(self, config: TrainConfig, contexts: list[Context]) -> None:
        if config.batch_size < len(contexts):
            raise UserError(
                f"--batch-size {config.batch_size} is less than the {len(contexts)} devices that share it: "
                "raise it or name fewer devices."
            )
        self.config, self.contexts = config, contexts
        self.noise = streams.generator_for(config.seed, streams.NOISE)
        initial = streams.generator_for(config.seed, streams.INITIALISATION)
        self.generator, self.critic = build_generator(config), build_critic(config)
        for net, weights in ((self.generator, config.net_g), (self.critic, config.net_d)):
            initialise(net, initial, contexts)
            if net is self.critic:
                accumulate_gradients(net)
            if weights is not None:
                load_weights(net, weights, contexts)
            # With static_shape, two CPU contexts of two OpenMP threads each wait for one another for ever.
            net.hybridize(static_alloc=True, static_shape=len(contexts) == 1)
        self.generator_optimizer = build_optimizer(
            self.generator.collect_params(), config, config.lr_g, config.eps_g
        )
        self.critic_optimizer = build_optimizer(
            self.critic.collect_params(), config, config.lr_d, config.eps_d
        )

    def critic_step(self, real: np.ndarray) -> CriticScores:
        """Let the critic take one step against a fresh batch of fakes.

        Parameters
        ----------
        real
            uint8 (n, nc, image_size, image_size); n may be short at the end of an epoch, while the fakes
            are always ``batch_size``.

        Returns
        -------
        CriticScores
            The mean scores before the update; reading them waits for the forward pass alone.
        """
        if self.config.clip_when == "before":
            self.clip_critic()
        reals = [to_network(part, context) for part, context in self._split(real)]
        # Without record() nothing is kept for a backward pass that the generator does not take here.
        with autograd.train_mode():
            fakes = [self.generator(z) for z in self._draw_latents()]
        self.critic.collect_params().zero_grad()
        # Reals and fakes pass apart, as in the reference, so that batch norm sees them apart. Each backward
        # pass comes before the next forward pass: otherwise two of them would update the running statistics
        # at once, in an order that changes from run to run.
        with autograd.record():
            d_real = [self.critic(x).sum() / len(real) for x in reals]
        autograd.backward(d_real)
        with autograd.record():
            d_fake = [self.critic(x).sum() / self.config.batch_size for x in fakes]
        autograd.backward(d_fake, [-nd.ones_like(d) for d in d_fake])
        step(self.critic_optimizer)
        if self.config.clip_when == "after":
            self.clip_critic()
        return CriticScores(d_real, d_fake)

    def generator_step(self) -> GeneratorLoss:
        """Let the generator take one step; the critic stays as its last update left it.

        Returns
        -------
        GeneratorLoss
            The loss before the update.
        """
        with autograd.record():
            fakes = [self.generator(z) for z in self._draw_latents()]
        # The critic is differentiated by its input alone, which spares the gradients of its weights.
        images = [fake.detach() for fake in fakes]
        for image in images:
            image.attach_grad()
        with autograd.record():
            losses = [self.critic(image).sum() / self.config.batch_size for image in images]
        autograd.backward(fakes, autograd.grad(losses, images))
        step(self.generator_optimizer)
        return GeneratorLoss(losses)

    def clip_critic(self) -> None:
        """Clip the critic's parameters to [-clip, clip], in place on every device.

        Batch norm's gamma and beta are parameters and are clipped, as by the reference's
        ``netD.parameters()``; its running statistics are not, unless ``clip_running_stats`` is set.
        """
        bound = self.config.clip
        for parameter in self.critic.collect_params().values():
            if parameter.grad_req != "null" or self.config.clip_running_stats:
                for data in parameter.list_data():
                    nd.clip(data, -bound, bound, out=data)

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

    def _draw_latents(self) -> list[nd.NDArray]:
        latents = streams.draw_latents(self.noise, self.config.batch_size, self.config.nz)
        return [nd.array(part, ctx=context) for part, context in self._split(latents)]

    def _split(self, batch: np.ndarray) -> Iterable[tuple[np.ndarray, Context]]:
        """Yield each device's share of a batch; a short batch may leave the last devices none."""
        parts = np.array_split(batch, len(self.contexts))
        return [(part, context) for part, context in zip(parts, self.contexts) if len(part)]


def accumulate_gradients(net: HybridBlock) -> None:
    """Let every backward pass add to the gradients, until ``zero_grad`` is called."""
    for parameter in net.collect_params().values():
        if parameter.grad_req != "null":
            parameter.grad_req = "add"


class CriticScores:
    """The critic's mean scores in one step, still on the devices.

    Parameters
    ----------
    d_real, d_fake
        Each device's share of mean D(real) and of mean D(fake).
    """

    def __init__(self, d_real: list[nd.NDArray], d_fake: list[nd.NDArray]) -> None:
        self._d_real, self._d_fake = d_real, d_fake

    def read(self) -> tuple[float, float]:
        """Wait for the forward pass and return (mean D(real), mean D(fake))."""
        return _total(self._d_real), _total(self._d_fake)


class GeneratorLoss:
    """The generator's loss in one step, still on the devices."""

    def __init__(self, losses: list[nd.NDArray]) -> None:
        self._losses = losses

    def read(self) -> float:
        """Wait for the forward pass and return mean D(G(z))."""
        return _total(self._losses)


def _total(shares: list[nd.NDArray]) -> float:
    return sum(float(share.asscalar()) for share in shares)


def sample(generator: HybridBlock, latents: np.ndarray, context: Context, batch_norm: str) -> np.ndarray:
    """Draw images from a generator and leave its running statistics as they were.

    Parameters
    ----------
    generator
        A generator of this package with weights on ``context``.
    latents
        float32 (n, nz, 1, 1).
    context
        The device.
    batch_norm
        ``"batch"`` normalises with the statistics of these n images, as the reference's pictures do;
        ``"running"`` with those gathered in training.

    Returns
    -------
    numpy.ndarray
        float32 (n, nc, image_size, image_size).
    """
    statistics = [p for p in generator.collect_params().values() if p.grad_req == "null"]
    # On a GPU the forward pass itself updates them. On the CPU the backward pass does, which MXNet's engine
    # does not know: a read that does not wait for everything may come too early.
    nd.waitall()
    before = [p.data(context).copy() for p in statistics]
    with autograd.train_mode() if batch_norm == "batch" else autograd.predict_mode():
        images = generator(nd.array(latents, ctx=context)).asnumpy()
    for parameter, values in zip(statistics, before):
        values.copyto(parameter.data(context))
    return images


def load_weights(net: HybridBlock, path: str, contexts: Optional[list[Context]]) -> None:
    """Load a ``.params`` file into a network, on the given devices or, with None, on the CPU.

    Raises
    ------
    UserError
        When the file is missing, damaged, or holds another network.
    """
    try:
        net.load_parameters(path, ctx=contexts or cpu())
    # MXNet raises its own error for a damaged file and AssertionError for other names or shapes.
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"Cannot load the weights {path} into this network ({last_line(error)}).") from None
