"""The same loop in plain PyTorch, eager: NCHW, channels_last, and channels_last with bfloat16 autocast.

As in the authors' code, the critic step takes the generator's forward pass without gradients, and the
generator step switches the critic's weight gradients off.
"""

from __future__ import annotations

import os
from typing import Callable

import torch
from torch import nn

from benchmarks.contenders.sizes import BATCH, NC, NZ, Problem


def _generator(problem: Problem) -> nn.Sequential:
    *rest, (widest, _, _) = problem.critic_layers()
    layers: list[nn.Module] = [nn.ConvTranspose2d(NZ, widest, 4, 1, 0, bias=False)]
    for outputs, inputs, _ in reversed(rest):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def _critic(problem: Problem) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs, size in problem.critic_layers():
        last, first = size == 1, inputs == NC
        stride, padding = (1, 0) if last else (2, 1)
        layers.append(nn.Conv2d(inputs, outputs, 4, stride, padding, bias=False))
        if not (first or last):
            layers.append(nn.BatchNorm2d(outputs))
        if not last:
            layers.append(nn.LeakyReLU(0.2, True))
    return nn.Sequential(*layers)


def build(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps in PyTorch's default memory format."""
    return _build(problem, torch.contiguous_format, bfloat16=False)


def build_channels_last(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps with images and weights in channels_last."""
    return _build(problem, torch.channels_last, bfloat16=False)


def build_bfloat16(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps in channels_last under bfloat16 autocast."""
    return _build(problem, torch.channels_last, bfloat16=True)


def _build(
    problem: Problem, memory_format: torch.memory_format, bfloat16: bool
) -> tuple[Callable[[], None], Callable[[], None]]:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    generator, critic = _generator(problem), _critic(problem)
    for module in [*generator.modules(), *critic.modules()]:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
    generator.to(memory_format=memory_format)
    critic.to(memory_format=memory_format)
    critic_optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    generator_optimizer = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    real = (torch.rand(BATCH, NC, problem.size, problem.size) * 2 - 1).to(memory_format=memory_format)

    def autocast() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def critic_step() -> None:
        critic.requires_grad_(True)
        for parameter in critic.parameters():
            parameter.data.clamp_(-0.01, 0.01)
        critic_optimizer.zero_grad()
        with autocast():
            loss_real = critic(real).mean()
        loss_real.backward()
        with torch.no_grad(), autocast():
            fake = generator(torch.randn(BATCH, NZ, 1, 1))
        with autocast():
            loss_fake = -critic(fake).mean()
        loss_fake.backward()
        critic_optimizer.step()
        (loss_real + loss_fake).item()

    def generator_step() -> None:
        critic.requires_grad_(False)
        generator_optimizer.zero_grad()
        with autocast():
            loss = critic(generator(torch.randn(BATCH, NZ, 1, 1))).mean()
        loss.backward()
        generator_optimizer.step()
        loss.item()

    return critic_step, generator_step
