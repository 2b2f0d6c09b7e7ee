"""The reference's networks and optimisers, against numbers computed by hand."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.tools.reference.test_wgan import FIELDS, batch, make


@pytest.fixture
def torch(require_torch):
    return require_torch()


# One weight of 1, gradients 0.5 and then -1, learning rate 0.1, decays 0.9 (and 0.5), epsilon 0.01, by hand.
# RMSProp: n = 0.025, then 0.1225. Adam: m = 0.25, then -0.375; v = 0.025, then 0.1225; both corrected by
# 1 - 0.5^t and 1 - 0.9^t.
BY_HAND = {
    ("rmsprop", "torch"): (0.7025825642, 0.9803603420),
    ("rmsprop", "mxnet"): (0.7327387581, 1.0074598860),
    ("adam", "torch"): (0.9019607843, 0.9634647984),
    ("adam", "mxnet"): (0.9059483487, 0.9664886118),
}


@pytest.mark.parametrize(("optimizer", "rule"), list(BY_HAND), ids="-".join)
def test_optimisers_compute_what_one_computes_by_hand(optimizer, rule, torch):
    from tools.reference.optimizers import build_optimizer
    from tools.reference.options import Options

    fields = {"gamma1": 0.9, "beta1": 0.5, "beta2": 0.9, "eps_adam": 0.01, "optimizer": optimizer, "eps_rule": rule}
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    made = build_optimizer([weight], Options(**{**FIELDS, **fields}), 0.1, 0.01)
    for gradient, wanted in zip((0.5, -1.0), BY_HAND[optimizer, rule]):
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        made.step()
        assert weight.item() == pytest.approx(wanted, abs=1e-9)


def test_each_network_has_its_own_learning_rate_and_epsilon(torch):
    fields = {"eps_rule": "mxnet", "lr_d": 1e-3, "eps_d": 1e30, "lr_g": 1e-2, "eps_g": 1e-30, "clip": 9.0}
    wgan = make(torch, **fields)
    real, latents, _ = batch(torch)
    critic, generator = copy.deepcopy(wgan.critic), copy.deepcopy(wgan.generator)
    wgan.critic_step(real, latents)
    wgan.generator_step(latents)
    moved = [(a - b).abs().max().item() for a, b in zip(critic.parameters(), wgan.critic.parameters())]
    assert max(moved) < 1e-15  # so large an epsilon stops it
    for old, new in zip(generator.parameters(), wgan.generator.parameters()):
        step = (old - new).abs()[new.grad.abs() > 1e-12]
        np.testing.assert_allclose(step.detach().numpy(), 1e-2 / np.sqrt(0.1), rtol=1e-5)


# Trainable numbers, counted by hand. DCGAN at 64 and widths 64: the figures that are published for it.
SIZES = [
    ({"image_size": 64, "ngf": 64, "ndf": 64, "nz": 100}, 3_576_704, 2_765_568),
    # 5*64*16 + 2*64 | 64*32*9 + 2*32 | 32*16*9 + 2*16 | 16*8*9 + 2*8 | 8*3*9 + 3, for dim 4 at 64;
    # 3*8*9 + 8 | 8*16*9 + 3*16 | 16*32*9 + 3*32 | 32*64*9 + 3*64 | 64*16 + 1.
    ({"image_size": 64, "arch": "lite"}, 29_771, 25_777),
    # One block less, and an extra layer of 8*8*9 with its norm of 2*8 in each.
    ({"image_size": 32, "arch": "lite", "n_extra_layers": 1}, 9_243, 7_233),
    ({"image_size": 16, "mlp_g": True, "mlp_d": True}, 24 + 2 * 20 + 3840, 3076 + 2 * 20 + 5),
]


@pytest.mark.parametrize(("fields", "generator", "critic"), SIZES, ids=["dcgan", "lite", "extra", "mlp"])
def test_networks_have_the_shapes_and_sizes_of_their_descriptions(fields, generator, critic, torch):
    wgan = make(torch, **fields)
    count = [sum(p.numel() for p in net.parameters()) for net in (wgan.generator, wgan.critic)]
    assert count == [generator, critic]
    size = wgan.options.image_size
    images = wgan.generator(torch.zeros(2, wgan.options.nz, 1, 1).double())
    assert images.shape == (2, 3, size, size)
    assert wgan.critic(images).flatten().shape == (2,)


def test_block_order_leak_and_normalisation_reach_the_layers(torch):
    def names(net):
        return [type(layer).__name__ for layer in net]

    plain, swapped = make(torch, image_size=32), make(torch, image_size=32, block_order="conv-act-norm", leak=0.3)
    assert names(plain.critic)[2:5] == ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert names(swapped.critic)[2:5] == ["Conv2d", "LeakyReLU", "BatchNorm2d"]
    assert names(swapped.generator)[:3] == ["ConvTranspose2d", "ReLU", "BatchNorm2d"]
    assert {layer.negative_slope for layer in swapped.critic if hasattr(layer, "negative_slope")} == {0.3}
    assert "BatchNorm2d" not in names(make(torch, no_bn=True).generator)
    assert "BatchNorm2d" not in names(make(torch, no_bn_d=True).critic)


def test_layer_norm_is_over_each_sample_with_a_gamma_for_each_channel(torch):
    critic = make(torch, no_bn_d=True, layer_norm_d=True).critic
    (layer,) = [layer for layer in critic if hasattr(layer, "num_groups")]
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(2, 3, (2, 8, 4, 4)), rng.normal(size=8), rng.normal(size=8)
    layer.weight.data, layer.bias.data = torch.from_numpy(gamma), torch.from_numpy(beta)
    mean, var = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    wanted = (x - mean) / np.sqrt(var + 1e-5) * gamma[:, None, None] + beta[:, None, None]
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_initial_weights_are_the_authors(torch):
    wgan = make(torch, image_size=64, ngf=32, ndf=32, nz=100)
    for net in (wgan.generator, wgan.critic):
        kernels = torch.cat([p.flatten() for p in net.parameters() if p.ndim == 4])
        gammas = torch.cat([m.weight.flatten() for m in net if hasattr(m, "running_var")])
        assert abs(kernels.mean()) < 1e-3 and kernels.std().item() == pytest.approx(0.02, rel=0.01)
        assert gammas.mean().item() == pytest.approx(1, abs=0.01)
        assert gammas.std().item() == pytest.approx(0.02, rel=0.3)
        assert all((m.bias == 0).all() for m in net if hasattr(m, "running_var"))
