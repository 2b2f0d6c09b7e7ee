"""A Wasserstein GAN in PyTorch: Arjovsky et al. 2017, with the penalty of Gulrajani et al. 2017 and DCGAN's loss.

One sign convention: the critic minimises ``loss_d = mean D(real) - mean D(fake)``, the generator
``mean D(G(z))``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.reference.networks import build_critic, build_generator, weights_init
from tools.reference.optimizers import Optimizer, build_optimizer
from tools.reference.options import Options

# Under the root of the penalty's norm, whose derivative at 0 would else be infinite.
TINY = 1e-12


@dataclass(frozen=True)
class CriticStep:
    """What a critic step computed before its update, without gradients.

    Attributes
    ----------
    fakes
        (batch_size, nc, image_size, image_size).
    real_scores, fake_scores
        (n,) and (batch_size,).
    loss_d
        The critic's loss without penalty.
    penalty
        Mean squared distance of the norms from 1, without its weight; 0 but for ``wgan-gp``.
    loss
        What was minimised: ``loss_d + gp_lambda * penalty``.
    """

    fakes: Tensor
    real_scores: Tensor
    fake_scores: Tensor
    loss_d: Tensor
    penalty: Tensor
    loss: Tensor


@dataclass(frozen=True)
class GeneratorStep:
    """What a generator step computed before its update, without gradients: see :class:`CriticStep`."""

    fakes: Tensor
    fake_scores: Tensor
    loss: Tensor


class ReferenceWGAN(nn.Module):
    """Generator, critic and their optimisers; steps follow the device and type that ``.to`` gave it before the first.

    Both networks stay in training mode, so that their running statistics move on every forward pass, as in the
    authors' code. After a step the updated network's ``grad`` can be read. Initial weights are the authors', from
    torch's global generator.
    """

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        self.generator, self.critic = build_generator(options), build_critic(options)
        self.apply(weights_init)

    @cached_property
    def generator_optimizer(self) -> Optimizer:
        """Made by the first step, because ``.to`` may replace the parameters."""
        return build_optimizer(self.generator.parameters(), self.options, self.options.lr_g, self.options.eps_g)

    @cached_property
    def critic_optimizer(self) -> Optimizer:
        """Made by the first step, because ``.to`` may replace the parameters."""
        return build_optimizer(self.critic.parameters(), self.options, self.options.lr_d, self.options.eps_d)

    def critic_step(self, real: Tensor, latents: Tensor, alphas: Optional[Tensor] = None) -> CriticStep:
        """Let the critic take one step.

        Parameters
        ----------
        real
            (n, nc, image_size, image_size): bytes, or numbers in [-1, 1]; n is at most the batch size.
        latents
            (batch_size, nz, 1, 1).
        alphas
            For ``wgan-gp`` alone: the share of real in each point where the gradient is taken, (n, 1, 1, 1).
        """
        if self.options.clip_when == "before":
            self.clip_critic()
        real = self._images(real)
        with torch.no_grad():
            fakes = self.generator(self._like_weights(latents))
        real_scores, fake_scores = self._scores(real, fakes)
        penalty = torch.zeros_like(real_scores[0])
        if self.options.objective == "dcgan":
            # -logsigmoid(-x) is softplus(x) without torch's switch to x above 20.
            loss_d = -functional.logsigmoid(real_scores).mean() - functional.logsigmoid(-fake_scores).mean()
        else:
            loss_d = real_scores.mean() - fake_scores.mean()
        if self.options.objective == "wgan-gp":
            assert alphas is not None
            penalty = self.penalty(real, fakes, self._like_weights(alphas))
        loss = loss_d + self.options.gp_lambda * penalty
        self.critic.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        if self.options.clip_when == "after":
            self.clip_critic()
        found = (fakes, real_scores, fake_scores, loss_d, penalty, loss)
        return CriticStep(*(tensor.detach() for tensor in found))

    def generator_step(self, latents: Tensor) -> GeneratorStep:
        """Let the generator take one step; the critic's weights and ``grad`` stay as they are.

        Parameters
        ----------
        latents
            (batch_size, nz, 1, 1).
        """
        fakes = self.generator(self._like_weights(latents))
        with _frozen(self.critic):
            scores = self.critic(fakes).flatten()
        loss = -functional.logsigmoid(scores).mean() if self.options.objective == "dcgan" else scores.mean()
        self.generator.zero_grad()
        loss.backward()
        self.generator_optimizer.step()
        return GeneratorStep(fakes.detach(), scores.detach(), loss.detach())

    def penalty(self, real: Tensor, fakes: Tensor, alphas: Tensor) -> Tensor:
        """Return mean((||grad_x D(x)|| - 1)^2) at x = alpha real + (1 - alpha) fake, a graph for ``backward``.

        Of the fakes the first n are used where there are only n reals.
        """
        x = (alphas * real + (1 - alphas) * fakes[: len(real)]).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)
        axes = (1, 2, 3) if self.options.gp_norm == "all" else (1,)
        norms = (gradient.square().sum(axes) + TINY).sqrt()
        return (norms - 1).square().mean()

    @torch.no_grad()
    def clip_critic(self) -> None:
        """Clip the critic's parameters to [-clip, clip] where the objective is ``wgan``."""
        if self.options.objective != "wgan":
            return
        bound = self.options.clip
        for layer in self.critic.modules():
            batch_norm = isinstance(layer, nn.BatchNorm2d)
            if self.options.clip_bn or not batch_norm:
                for parameter in layer.parameters(recurse=False):
                    parameter.clamp_(-bound, bound)
            if batch_norm and self.options.clip_running_stats:
                layer.running_mean.clamp_(-bound, bound)
                layer.running_var.clamp_(-bound, bound)

    @torch.no_grad()
    def sample(self, latents: Tensor, statistics: str) -> Tensor:
        """Draw images (n, nc, image_size, image_size) and change nothing.

        Parameters
        ----------
        latents
            (n, nz, 1, 1).
        statistics
            Batch norm's: of the ``batch``, or ``running``.
        """
        before = [buffer.clone() for buffer in self.generator.buffers()]
        self.generator.train(statistics == "batch")
        images = self.generator(self._like_weights(latents))
        self.generator.train()
        for buffer, values in zip(self.generator.buffers(), before):
            buffer.copy_(values)
        return images

    def _scores(self, real: Tensor, fakes: Tensor) -> tuple[Tensor, Tensor]:
        if self.options.critic_batches == "joined":
            scores = self.critic(torch.cat([real, fakes])).flatten()
            return scores[: len(real)], scores[len(real) :]
        return self.critic(real).flatten(), self.critic(fakes).flatten()

    def _images(self, real: Tensor) -> Tensor:
        if real.dtype != torch.uint8:
            return self._like_weights(real)
        return self._like_weights(real).div(255).sub(0.5).div(0.5)

    def _like_weights(self, tensor: Tensor) -> Tensor:
        return tensor.to(next(self.generator.parameters()))


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Build graphs through a network that hold no gradients of its weights."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
