"""The PyTorch reference itself, against finite differences, closed forms and numbers computed by hand."""

from __future__ import annotations

import ast
import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY

# Central differences in float64 with a step of 1e-6: rounding 1e-10 / 1e-6, curvature 1e-12.
DIFFERENCE, STEP = 1e-6, 1e-6

FIELDS: dict[str, Any] = {
    **{"image_size": 16, "nc": 3, "nz": 5, "ngf": 4, "ndf": 4, "n_extra_layers": 0, "arch": "dcgan"},
    **{"block_order": "conv-norm-act", "no_bn": False, "no_bn_d": False, "layer_norm_d": False},
    **{"mlp_g": False, "mlp_d": False, "objective": "wgan", "gp_lambda": 10.0, "gp_norm": "all"},
    **{"optimizer": "rmsprop", "eps_rule": "torch", "lr_d": 1e-3, "lr_g": 1e-3, "gamma1": 0.9},
    **{"eps_d": 1e-8, "eps_g": 1e-8, "beta1": 0.5, "beta2": 0.999, "eps_adam": 1e-8, "clip": 0.5},
    **{"clip_when": "after", "clip_running_stats": False, "clip_bn": True, "critic_batches": "apart"},
    **{"batch_size": 4, "leak": 0.2},
}


@pytest.fixture
def torch(require_torch):
    return require_torch()


def make(torch, **fields: Any):
    from tools.reference.options import Options
    from tools.reference.wgan import ReferenceWGAN

    torch.manual_seed(0)
    return ReferenceWGAN(Options(**{**FIELDS, **fields})).double()


def batch(torch, count: int = 4, seed: int = 1):
    rng = np.random.default_rng(seed)
    real = torch.from_numpy(rng.uniform(-1, 1, (count, 3, 16, 16)))
    return real, torch.from_numpy(rng.standard_normal((4, 5, 1, 1))), torch.from_numpy(rng.random((count, 1, 1, 1)))


def test_the_reference_imports_nothing_of_the_package():
    files = list((REPOSITORY / "tools" / "reference").glob("*.py"))
    assert len(files) >= 4
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith(("gluon_wgan", "mxnet")) for name in names), file


def test_options_are_picked_from_a_larger_set_and_none_is_missing(torch):
    from tools.reference.options import Options

    given = {**FIELDS, "leak": 0.3}
    assert dataclasses.asdict(Options.from_mapping({**given, "seed": 7})) == given
    with pytest.raises(TypeError, match="clip"):
        Options.from_mapping({name: value for name, value in FIELDS.items() if name != "clip"})


OBJECTIVES = [
    {},
    {"critic_batches": "joined"},
    {"objective": "dcgan"},
    {"objective": "dcgan", "arch": "lite", "block_order": "conv-act-norm"},
    {"objective": "wgan-gp", "no_bn_d": True},
    {"objective": "wgan-gp", "no_bn_d": True, "layer_norm_d": True, "gp_norm": "channels", "n_extra_layers": 1},
    {"mlp_g": True, "mlp_d": True},
]


@pytest.mark.slow
@pytest.mark.parametrize("fields", OBJECTIVES, ids=str)
def test_gradients_are_those_of_the_losses(fields, torch):
    start = make(torch, **fields)
    real, latents, alphas = batch(torch, count=3)

    def loss(net: str, index: int, place: int, change: float) -> float:
        moved = copy.deepcopy(start)
        list(getattr(moved, net).parameters())[index].data.view(-1)[place] += change
        step = moved.critic_step(real, latents, alphas) if net == "critic" else moved.generator_step(latents)
        return step.loss.item()

    rng = np.random.default_rng(0)
    for net in ("critic", "generator"):
        taken = copy.deepcopy(start)
        _ = taken.critic_step(real, latents, alphas) if net == "critic" else taken.generator_step(latents)
        found = [p.grad.view(-1) for p in getattr(taken, net).parameters()]
        largest = max(g.abs().max().item() for g in found)
        assert largest > 1e-6
        for index, gradient in enumerate(found):
            place = int(rng.integers(len(gradient)))
            slope = (loss(net, index, place, STEP) - loss(net, index, place, -STEP)) / (2 * STEP)
            assert gradient[place].item() == pytest.approx(slope, rel=DIFFERENCE, abs=DIFFERENCE * max(largest, 1e-3))


def test_the_losses_are_those_of_the_papers(torch):
    real, latents, alphas = batch(torch)

    def losses(**fields: Any):
        wgan = make(torch, **fields)
        before = copy.deepcopy(wgan)
        critic, generator = wgan.critic_step(real, latents, alphas), before.generator_step(latents)
        scores = critic.real_scores, critic.fake_scores, generator.fake_scores
        return critic, generator, [tensor.numpy() for tensor in scores]

    critic, generator, (r, f, g) = losses()
    assert critic.loss.item() == pytest.approx(r.mean() - f.mean(), rel=1e-12)
    assert generator.loss.item() == pytest.approx(g.mean(), rel=1e-12)
    critic, generator, (r, f, _) = losses(objective="wgan-gp", no_bn_d=True, gp_lambda=7.0)
    assert critic.penalty.item() > 0.1
    assert critic.loss_d.item() == pytest.approx(r.mean() - f.mean(), rel=1e-12)
    assert critic.loss.item() == pytest.approx(r.mean() - f.mean() + 7 * critic.penalty.item(), rel=1e-12)
    critic, generator, (r, f, g) = losses(objective="dcgan")
    cross_entropy = np.log1p(np.exp(-r)).mean() + np.log1p(np.exp(f)).mean()
    assert critic.loss.item() == pytest.approx(cross_entropy, rel=1e-12)
    assert generator.loss.item() == pytest.approx(np.log1p(np.exp(-g)).mean(), rel=1e-12)


@pytest.mark.parametrize("over", ["all", "channels"])
def test_the_penalty_of_a_linear_critic_has_a_closed_form(over, torch):
    wgan = make(torch, objective="wgan-gp", no_bn_d=True, gp_norm=over)
    real, _, alphas = batch(torch, count=3)
    fakes, _, _ = batch(torch, seed=2)
    weight = torch.from_numpy(np.random.default_rng(3).normal(0.0, 0.4, (3, 16, 16))).requires_grad_()
    wgan.critic.forward = lambda x: (x * weight).sum((1, 2, 3))
    found = wgan.penalty(real, fakes, alphas)
    found.backward()
    w = weight.detach().numpy()
    norms = np.sqrt((w**2).sum() if over == "all" else (w**2).sum(0))
    assert found.item() == pytest.approx(((norms - 1) ** 2).mean(), rel=1e-10)
    wanted = 2 * (norms - 1) * w / norms / np.size(norms)
    np.testing.assert_allclose(weight.grad.numpy(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_penalty_is_taken_between_each_real_and_its_own_fake(share, torch):
    wgan = make(torch, objective="wgan-gp", no_bn_d=True)
    # The gradient of half the squared norm is the point itself.
    wgan.critic.forward = lambda x: x.square().sum((1, 2, 3)) / 2
    real, _, _ = batch(torch, count=3)
    fakes, _, _ = batch(torch, seed=2)
    alphas = torch.tensor([share, 0.5, 0.9]).double().view(3, 1, 1, 1)
    points = alphas.numpy() * real.numpy() + (1 - alphas.numpy()) * fakes.numpy()[:3]
    wanted = ((np.sqrt((points**2).sum((1, 2, 3))) - 1) ** 2).mean()
    assert wgan.penalty(real, fakes, alphas).item() == pytest.approx(wanted, rel=1e-12)


def test_the_penalty_at_a_flat_point_is_finite(torch):
    wgan = make(torch, objective="wgan-gp", no_bn_d=True)
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    wgan.critic.forward = lambda x: weight * x.sum((1, 2, 3))
    real, _, alphas = batch(torch)
    penalty = wgan.penalty(real, real, alphas)
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(weight.grad.item())


def test_running_statistics_move_on_every_forward_pass_by_a_tenth_with_the_unbiased_variance(torch):
    def passes(wgan):
        return [next(m for m in net if hasattr(m, "running_var")).num_batches_tracked.item() for net in nets(wgan)]

    def nets(wgan):
        return wgan.generator, wgan.critic

    real, latents, _ = batch(torch)
    wgan = make(torch)
    values = wgan.generator[0](latents).detach().numpy()
    wgan.critic_step(real, latents)
    first = wgan.generator[1]
    np.testing.assert_allclose(first.running_mean.numpy(), 0.1 * values.mean((0, 2, 3)), rtol=1e-10)
    wanted = 0.9 + 0.1 * values.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(first.running_var.numpy(), wanted, rtol=1e-10)
    assert passes(wgan) == [1, 2]
    wgan.generator_step(latents)
    assert passes(wgan) == [2, 3]
    joined = make(torch, critic_batches="joined")
    joined.critic_step(real, latents)
    assert passes(joined) == [1, 1]


def test_joined_batches_share_their_statistics(torch):
    real, latents, _ = batch(torch)
    apart, joined = make(torch), make(torch, critic_batches="joined")
    fakes = copy.deepcopy(apart).critic_step(real, latents).fakes
    wanted = copy.deepcopy(joined).critic(torch.cat([real[:3], fakes])).flatten()
    step = joined.critic_step(real[:3], latents)
    assert torch.equal(torch.cat([step.real_scores, step.fake_scores]), wanted)
    assert step.real_scores.shape == (3,) and step.fake_scores.shape == (4,)
    assert not torch.allclose(apart.critic_step(real[:3], latents).real_scores, step.real_scores, rtol=1e-3)


def test_clipping(torch):
    real, latents, _ = batch(torch)

    def after_a_step(**fields: Any):
        wgan = make(torch, clip=0.01, lr_d=1e-3, **fields)
        wgan.critic_step(real, latents)
        (norm,) = [layer for layer in wgan.critic if hasattr(layer, "running_var")]
        kernels = [p.abs().max().item() for p in wgan.critic.parameters() if p.ndim == 4]
        return max(kernels), norm.weight.abs().max().item(), norm.running_var.abs().max().item()

    kernel, gamma, variance = after_a_step()
    assert kernel == gamma == 0.01 and variance > 0.5
    kernel, gamma, variance = after_a_step(clip_when="before")
    # The first update of RMSProp with a decay of 0.9 is the learning rate times sqrt(10).
    assert 0.01 < kernel <= 0.01 + 1.001e-3 * np.sqrt(10) and 0.01 < gamma < 0.02
    kernel, gamma, variance = after_a_step(clip_running_stats=True)
    assert kernel == gamma == variance == 0.01
    kernel, gamma, variance = after_a_step(clip_bn=False)
    assert kernel == 0.01 and gamma > 0.9
    assert after_a_step(objective="dcgan")[1] > 0.9
    unclipped = make(torch, objective="wgan-gp", no_bn_d=True, clip=0.001)
    unclipped.critic_step(real, latents, torch.full((4, 1, 1, 1), 0.5))
    assert max(p.abs().max().item() for p in unclipped.critic.parameters()) > 0.01


def test_the_steps_lower_their_losses_and_leave_the_other_network_alone(torch):
    real, latents, alphas = batch(torch)
    for fields in ({}, {"objective": "dcgan"}, {"objective": "wgan-gp", "no_bn_d": True}):
        wgan = make(torch, lr_d=1e-3, lr_g=1e-3, **fields)
        generator = [p.detach().clone() for p in wgan.generator.parameters()]
        losses = [wgan.critic_step(real, latents, alphas).loss.item() for _ in range(20)]
        assert losses[-1] < losses[0]
        assert all(torch.equal(old, new) for old, new in zip(generator, wgan.generator.parameters()))
        critic = [(p.detach().clone(), p.grad.clone()) for p in wgan.critic.parameters()]
        losses = [wgan.generator_step(latents).loss.item() for _ in range(20)]
        assert losses[-1] < losses[0]
        assert all(
            torch.equal(old, new) and torch.equal(grad, new.grad)
            for (old, grad), new in zip(critic, wgan.critic.parameters())
        )


def test_each_step_starts_from_fresh_gradients(torch):
    real, latents, _ = batch(torch)
    wgan = make(torch)
    wgan.critic_step(real, latents)
    wgan.generator_step(latents)
    fresh = copy.deepcopy(wgan)
    for parameter in fresh.parameters():
        parameter.grad = None
    for each in (wgan, fresh):
        each.critic_step(real, latents)
        each.generator_step(latents)
    assert all(torch.equal(p.grad, q.grad) for p, q in zip(wgan.parameters(), fresh.parameters()))


def test_sampling_uses_the_named_statistics_and_changes_nothing(torch):
    wgan = make(torch)
    real, latents, _ = batch(torch)
    wgan.critic_step(real, latents)
    before = copy.deepcopy(wgan.state_dict())
    for statistics in ("batch", "running"):
        four, one = wgan.sample(latents, statistics), wgan.sample(latents[:1], statistics)
        assert torch.allclose(four[:1], one, atol=1e-9) == (statistics == "running")
        assert not four.requires_grad
    assert all(torch.equal(values, before[name]) for name, values in wgan.state_dict().items())
    assert all(module.training for module in wgan.modules())


def test_bytes_become_minus_one_to_one_and_the_type_follows_the_weights(torch):
    wgan = make(torch).float()
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    images = wgan._images(levels)
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images.numpy().ravel(), np.arange(256) / 127.5 - 1, atol=1e-7)
    _, latents, _ = batch(torch)
    step = wgan.critic_step(levels.expand(4, 3, 16, 16), latents)
    assert step.fakes.dtype == step.real_scores.dtype == torch.float32


@pytest.mark.parametrize("rule", ["torch", "mxnet"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_everything_follows_the_networks_to_another_device(optimizer, rule, torch):
    """On the device "meta", which holds no numbers, any tensor left on the CPU is an error."""
    for fields in ({"critic_batches": "joined"}, {"objective": "wgan-gp", "no_bn_d": True}, {"objective": "dcgan"}):
        wgan = make(torch, optimizer=optimizer, eps_rule=rule, **fields).to("meta")
        real, latents, alphas = batch(torch)
        step, following = wgan.critic_step(real, latents, alphas), wgan.generator_step(latents)
        found = [step.loss, following.loss, wgan.sample(latents, "running"), next(wgan.critic.parameters()).grad]
        assert {tensor.device.type for tensor in found} == {"meta"}
