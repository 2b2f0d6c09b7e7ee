"""The losses, against scipy and against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import cpu, nd
from scipy.special import expit

from gluon_wgan.training.losses import CrossEntropy, Wasserstein, build_objective
from gluon_wgan.training.wgan import WGAN
from tests.models.test_models import learned, small, torch_twins

SCORES = np.array([-30.0, -2.0, -0.1, 0.0, 0.3, 4.0, 30.0])


def values(function) -> np.ndarray:
    return function(nd.array(SCORES, dtype="float64")).asnumpy()


def test_the_critic_lowers_reals_and_raises_fakes():
    assert (values(Wasserstein.real) == SCORES).all()
    assert (values(Wasserstein.fake) == -SCORES).all()
    assert (values(Wasserstein.generator) == SCORES).all()


def test_cross_entropy_is_minus_the_log_likelihood():
    assert values(CrossEntropy.real) == pytest.approx(-np.log(expit(SCORES)), rel=1e-9)
    assert values(CrossEntropy.fake) == pytest.approx(-np.log(expit(-SCORES)), rel=1e-9)
    assert (values(CrossEntropy.generator) == values(CrossEntropy.real)).all()


def test_the_configuration_chooses():
    assert build_objective(small()) is Wasserstein
    assert build_objective(small(objective="wgan-gp", no_bn_d=True)) is Wasserstein
    assert build_objective(small(objective="dcgan")) is CrossEntropy


def test_a_dcgan_step_has_torchs_losses_and_gradients(require_torch, monkeypatch):
    torch = require_torch()
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    config = small(objective="dcgan", image_size=32, batch_size=6)
    wgan = WGAN(config, [cpu()])
    generator, critic = torch_twins(torch, config)
    for theirs, ours in ((generator, wgan.generator), (critic, wgan.critic)):
        for yours, mine in zip(theirs.parameters(), learned(ours)):
            yours.data = torch.from_numpy(mine.data().asnumpy())
    monkeypatch.setattr("gluon_wgan.training.wgan.step", lambda *arguments: None)
    noise = np.random.default_rng([0, 2])
    latents = [torch.from_numpy(noise.standard_normal((6, 100, 1, 1), dtype=np.float32)) for _ in range(2)]
    real = np.random.default_rng(1).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)

    scores = wgan.critic_step(real).read()
    d_real = critic(torch.from_numpy(real).float().div(255).sub(0.5).div(0.5))
    d_fake = critic(generator(latents[0]).detach())
    loss_d = bce(d_real, torch.ones_like(d_real)) + bce(d_fake, torch.zeros_like(d_fake))
    assert scores.loss_d == pytest.approx(loss_d.item(), rel=1e-5)
    assert scores.d_real == pytest.approx(d_real.mean().item(), rel=1e-4)
    assert same_gradients(wgan.critic, torch.autograd.grad(loss_d, list(critic.parameters())))

    d_fake = critic(generator(latents[1]))
    loss_g = bce(d_fake, torch.ones_like(d_fake))
    assert wgan.generator_step().read() == pytest.approx(loss_g.item(), rel=1e-5)
    assert same_gradients(wgan.generator, torch.autograd.grad(loss_g, list(generator.parameters())))


def same_gradients(net, wanted) -> bool:
    nd.waitall()
    ours = [p.grad().asnumpy() for p in learned(net)]
    # As in tests/models/test_models.py: float32 sums in another order.
    return all(np.abs(a - b.numpy()).max() <= 2e-4 * b.abs().max() for a, b in zip(ours, wanted))
