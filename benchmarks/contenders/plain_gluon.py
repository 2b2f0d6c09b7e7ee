"""The same loop written the plain way in Gluon, as the 2018 port and most tutorials have it.

Layers are hybridised one by one, the generator is recorded in the critic step, ``set_data`` clips, and the
generator step computes the critic's gradients too. The port at least detaches the fakes, so that the critic
step does not differentiate the generator; :func:`build_detached` does the same.
"""

from __future__ import annotations

import warnings
from typing import Callable

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

from benchmarks.contenders.sizes import BATCH, NC, NZ, Problem


def _generator(problem: Problem) -> nn.Sequential:
    net = nn.Sequential()
    *layers, (widest, _, _) = problem.critic_layers()
    net.add(nn.Conv2DTranspose(widest, 4, 1, 0, in_channels=NZ, use_bias=False))
    for outputs, inputs, _ in reversed(layers):
        net.add(nn.BatchNorm(in_channels=inputs), nn.Activation("relu"))
        net.add(nn.Conv2DTranspose(outputs, 4, 2, 1, in_channels=inputs, use_bias=False))
    net.add(nn.Activation("tanh"))
    return net


def _critic(problem: Problem) -> nn.Sequential:
    net = nn.Sequential()
    for inputs, outputs, size in problem.critic_layers():
        last, first = size == 1, inputs == NC
        stride, padding = (1, 0) if last else (2, 1)
        net.add(nn.Conv2D(outputs, 4, stride, padding, in_channels=inputs, use_bias=False))
        if not (first or last):
            net.add(nn.BatchNorm(in_channels=outputs))
        if not last:
            net.add(nn.LeakyReLU(0.2))
    return net


def build(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps, the fakes not detached."""
    return _build(problem, lambda fake: fake)


def build_detached(problem: Problem) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the two steps, the fakes detached as in the port."""
    return _build(problem, lambda fake: fake.detach())


def _build(
    problem: Problem, pass_on: Callable[[nd.NDArray], nd.NDArray]
) -> tuple[Callable[[], None], Callable[[], None]]:
    generator, critic = _generator(problem), _critic(problem)
    for net in (generator, critic):
        net.initialize(mx.init.Normal(0.02))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends HybridSequential, which is the point
            net.hybridize()
    options = {"learning_rate": 5e-5, "gamma1": 0.99, "epsilon": 1e-12}
    critic_trainer = gluon.Trainer(critic.collect_params(), "rmsprop", options, update_on_kvstore=False)
    generator_trainer = gluon.Trainer(generator.collect_params(), "rmsprop", options, update_on_kvstore=False)
    real = nd.random.uniform(-1, 1, (BATCH, NC, problem.size, problem.size))

    def critic_step() -> None:
        for parameter in critic.collect_params().values():
            parameter.set_data(nd.clip(parameter.data(), -0.01, 0.01))
        noise = nd.random.normal(shape=(BATCH, NZ, 1, 1))
        with autograd.record():
            loss = critic(real).mean() - critic(pass_on(generator(noise))).mean()
        loss.backward()
        critic_trainer.step(1)
        loss.asscalar()
        nd.waitall()

    def generator_step() -> None:
        noise = nd.random.normal(shape=(BATCH, NZ, 1, 1))
        with autograd.record():
            loss = critic(generator(noise)).mean()
        loss.backward()
        generator_trainer.step(1)
        loss.asscalar()
        nd.waitall()

    return critic_step, generator_step
