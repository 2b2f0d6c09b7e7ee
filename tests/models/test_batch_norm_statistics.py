"""Batch norm's running statistics, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import autograd, cpu, nd

from gluon_wgan.models import build_critic
from gluon_wgan.models.batch_norm_statistics import TrainingPass
from gluon_wgan.models.initializers import WeightInitializer
from gluon_wgan.training.wgan import WGAN
from tests.models.test_models import learned, small, torch_twins

# Sums of up to 1,280 float32 numbers in another order.
TOLERANCE = 1e-6
BATCHES = [5, 5, 3, 5]


def running(net) -> list[np.ndarray]:
    nd.waitall()
    parameters = net._collect_params_with_prefix()
    return [parameters[name].data().asnumpy() for name in parameters if "running" in name]


def batch(index: int, count: int) -> np.ndarray:
    return np.random.default_rng(index).normal(0.3, 1.0, (count, 3, 32, 32)).astype(np.float32)


@pytest.mark.parametrize("static_shape", [False, True])
def test_unbiased_statistics_are_torchs(static_shape, require_torch):
    torch = require_torch()
    net, theirs = build_critic(small(image_size=32)), torch_twins(torch, small(image_size=32))[1]
    net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
    training = TrainingPass(net, True, [cpu()])
    training.hybridize(static_alloc=True, static_shape=static_shape)
    for yours, mine in zip(theirs.parameters(), learned(net)):
        yours.data = torch.from_numpy(mine.data().asnumpy())
    for index, count in enumerate(BATCHES):
        with autograd.record():
            score = training(nd.array(batch(index, count))).sum()
        if index % 2:  # the statistics move with or without a backward pass
            score.backward()
        theirs(torch.from_numpy(batch(index, count)))
    wanted = [values.numpy() for name, values in theirs.state_dict().items() if "running" in name]
    assert len(wanted) == 4
    for ours, yours in zip(running(net), wanted):
        assert np.abs(ours - yours).max() <= TOLERANCE * np.abs(yours).max()


def test_the_population_variance_is_smaller_by_one_over_n():
    nets = []
    for unbiased in (True, False):
        net = build_critic(small(image_size=32, dtype="float64"))
        net.cast("float64")
        net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
        with autograd.train_mode():
            TrainingPass(net, unbiased, [cpu()])(nd.array(batch(0, 5), dtype="float64"))
        nets.append(running(net))
    # The first norm sees 8x8 pixels of five images, the second 4x4; a tenth of each variance is new.
    for position, values in ((1, 5 * 64), (3, 5 * 16)):
        unbiased, population = ((nets[i][position] - 0.9) / 0.1 for i in (0, 1))
        assert unbiased / population == pytest.approx(np.full(unbiased.shape, values / (values - 1)), rel=1e-9)


def test_a_training_pass_has_the_networks_output():
    net = build_critic(small(image_size=32))
    net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
    images = nd.array(batch(0, 5))
    with autograd.train_mode():
        assert (TrainingPass(net, True, [cpu()])(images) == net(images)).min().asscalar() == 1


def test_every_training_forward_pass_moves_them_once_as_in_torch():
    wgan = WGAN(small(image_size=32, batch_size=4, running_var="unbiased"), [cpu()])
    means = [running(wgan.generator)[0]]
    for step in (lambda: wgan.critic_step(np.zeros((4, 3, 32, 32), np.uint8)), wgan.generator_step):
        critic = running(wgan.critic)[0]
        step()
        means.append(running(wgan.generator)[0])
        assert not np.array_equal(running(wgan.critic)[0], critic)
    assert not np.array_equal(means[0], means[1]) and not np.array_equal(means[1], means[2])
    # Sampling is no training.
    wgan.sample(np.zeros((2, 100, 1, 1), np.float32))
    assert np.array_equal(running(wgan.generator)[0], means[2])
