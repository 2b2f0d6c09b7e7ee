"""The same loop in plain PyTorch: eager, NCHW.

As in the authors' code, the critic step takes the generator's forward pass without gradients, and the
generator step switches the critic's weight gradients off.
"""

from __future__ import annotations

import os
from typing import Callable

import torch
from torch import nn

from benchmarks.contenders.sizes import BATCH, CRITIC_LAYERS, NC, NZ, SIZE


def _generator() -> nn.Sequential:
    layers: list[nn.Module] = [nn.ConvTranspose2d(NZ, 512, 4, 1, 0, bias=False)]
    for outputs, inputs, _ in reversed(CRITIC_LAYERS[:-1]):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    return nn.Sequential(*layers, nn.Tanh())


def _critic() -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs, size in CRITIC_LAYERS:
        last, first = size == 1, inputs == NC
        stride, padding = (1, 0) if last else (2, 1)
        layers.append(nn.Conv2d(inputs, outputs, 4, stride, padding, bias=False))
        if not (first or last):
            layers.append(nn.BatchNorm2d(outputs))
        if not last:
            layers.append(nn.LeakyReLU(0.2, True))
    return nn.Sequential(*layers)


def build() -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps at full size."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    generator, critic = _generator(), _critic()
    for module in [*generator.modules(), *critic.modules()]:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
    critic_optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    generator_optimizer = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    real = torch.rand(BATCH, NC, SIZE, SIZE) * 2 - 1

    def critic_step() -> None:
        critic.requires_grad_(True)
        for parameter in critic.parameters():
            parameter.data.clamp_(-0.01, 0.01)
        critic_optimizer.zero_grad()
        loss_real = critic(real).mean()
        loss_real.backward()
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, NZ, 1, 1))
        loss_fake = -critic(fake).mean()
        loss_fake.backward()
        critic_optimizer.step()
        (loss_real + loss_fake).item()

    def generator_step() -> None:
        critic.requires_grad_(False)
        generator_optimizer.zero_grad()
        loss = critic(generator(torch.randn(BATCH, NZ, 1, 1))).mean()
        loss.backward()
        generator_optimizer.step()
        loss.item()

    return critic_step, generator_step
