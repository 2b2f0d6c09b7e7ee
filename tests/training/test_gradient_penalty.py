"""The gradient penalty, against PyTorch's double backward, finite differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import autograd, cpu, nd
from mxnet.gluon import nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.models import build_critic
from gluon_wgan.models.initializers import WeightInitializer
from gluon_wgan.models.layers import ExactLeakyReLU, LayerNorm, ScoreProjection
from gluon_wgan.training.gradient_penalty import TINY, GradientPenalty
from gluon_wgan.training.wgan import WGAN, accumulate_gradients
from gluon_wgan.utils import seeding

# Five places beyond float32's rounding; what the reference's own double backward differs by when its threads
# or memory layout change.
AGAINST_TORCH = 1e-5
# Central differences in float64; the penalty jumps where an activation changes sign, so the step is small.
AGAINST_DIFFERENCES = 1e-4
STEP = 1e-7

CRITICS: list[dict[str, object]] = [
    {},
    {"image_size": 16},
    {"n_extra_layers": 2},
    {"nc": 1, "ndf": 32},
    {"nc": 1, "ndf": 32, "arch": "lite"},
    {"mlp_d": True},
    {"arch": "lite"},
    {"arch": "lite", "n_extra_layers": 1},
    {"block_order": "conv-act-norm"},
    {"layer_norm_d": True},
    {"arch": "lite", "layer_norm_d": True, "block_order": "conv-act-norm"},
]


def gp_config(**fields: object) -> TrainConfig:
    options = {"objective": "wgan-gp", "no_bn_d": True, "ndf": 8, "ngf": 8, "image_size": 32, "batch_size": 6}
    return TrainConfig(**{**options, **fields})  # type: ignore[arg-type]


def built(config: TrainConfig):
    critic = build_critic(config)
    critic.cast(config.dtype)
    # PyTorch's default, whose gradients are large enough to tell a wrong one.
    critic.initialize(WeightInitializer(np.random.default_rng(0), "pytorch"), ctx=[cpu()])
    accumulate_gradients(critic)
    return critic


def random_images(config: TrainConfig, count: int = 4) -> np.ndarray:
    shape = (count, config.nc, config.image_size, config.image_size)
    return np.random.default_rng(1).normal(size=shape).astype(config.dtype)


def penalise(critic, images: np.ndarray, norm_over: str = "all", hybrid: bool = True):
    """Return the mean penalty and its gradients by each parameter."""
    penalty = GradientPenalty(critic, norm_over)
    if hybrid:
        penalty.hybridize(static_alloc=True, static_shape=True)
    for _ in range(2):  # a compiled graph must not remember the first call
        critic.collect_params().zero_grad()
        values = penalty.accumulate(nd.array(images, dtype=images.dtype), 1 / len(images))
    nd.waitall()
    return values.asnumpy().mean(), [p.grad().asnumpy() for p in critic.collect_params().values()]


def torch_scores(torch, critic, x, parameters):
    """Run the critic's layers in PyTorch."""
    F, values = torch.nn.functional, iter(parameters)
    for layer in critic.main._children.values():
        if isinstance(layer, nn.Conv2D):
            weight, bias = next(values), next(values) if layer.bias is not None else None
            x = F.conv2d(x, weight, bias, layer._kwargs["stride"], layer._kwargs["pad"])
        elif isinstance(layer, ScoreProjection):
            x = F.conv2d(x, next(values), next(values) if layer.bias is not None else None)
        elif isinstance(layer, nn.Dense):
            x = F.linear(x.flatten(1), next(values), next(values))
        elif isinstance(layer, (nn.LeakyReLU, ExactLeakyReLU)):
            x = F.leaky_relu(x, 0.2)
        elif isinstance(layer, nn.Activation):
            x = F.relu(x)
        elif isinstance(layer, LayerNorm):
            x = F.layer_norm(x, x.shape[1:]) * next(values) + next(values)
    return x.flatten()


def torch_penalty(torch, critic, images: np.ndarray, norm_over: str):
    parameters = [torch.tensor(p.data().asnumpy()).requires_grad_() for p in critic.collect_params().values()]
    x = torch.tensor(images).requires_grad_()
    scores = torch_scores(torch, critic, x, parameters).sum()
    (gradient,) = torch.autograd.grad(scores, x, create_graph=True)
    axes = (1,) if norm_over == "channels" else (1, 2, 3)
    loss = ((gradient.square().sum(axes) + TINY).sqrt() - 1).square().mean()
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return loss.item(), [np.zeros(tuple(p.shape)) if g is None else g.numpy() for p, g in zip(parameters, gradients)]


# The norm of one channel is an absolute value, whose kink at zero magnifies rounding.
CASES = [(fields, norm) for fields in CRITICS for norm in ("all", "channels") if norm == "all" or "nc" not in fields]


@pytest.mark.parametrize(("fields", "norm_over"), CASES, ids=str)
def test_penalty_and_gradients_equal_double_backward(fields, norm_over, require_torch):
    config = gp_config(**fields)
    critic = built(config)
    value, gradients = penalise(critic, random_images(config), norm_over)
    wanted, wanted_gradients = torch_penalty(require_torch(), critic, random_images(config), norm_over)
    assert value == pytest.approx(wanted, rel=AGAINST_TORCH)
    assert max(np.abs(g).max() for g in wanted_gradients) > 0
    for ours, theirs in zip(gradients, wanted_gradients):
        assert np.abs(ours - theirs).max() <= AGAINST_TORCH * np.abs(theirs).max()


@pytest.mark.slow
@pytest.mark.parametrize("norm_over", ["all", "channels"])
@pytest.mark.parametrize("fields", [{}, {"mlp_d": True}, {"arch": "lite"}, {"layer_norm_d": True}], ids=str)
def test_gradients_equal_central_differences(fields, norm_over):
    config = gp_config(**fields, image_size=16, ndf=4, dtype="float64")
    critic, images = built(config), random_images(config)
    _, gradients = penalise(critic, images, norm_over)
    rng = np.random.default_rng(2)
    for parameter, gradient in zip(critic.collect_params().values(), gradients):
        values = parameter.data().asnumpy()
        # Along a direction in which the penalty changes, and a random one.
        for direction in (gradient, rng.normal(size=values.shape)):
            length = np.linalg.norm(direction)
            if length == 0:
                continue
            unit = direction / length
            ends = []
            for step in (STEP, -STEP):
                parameter.set_data(nd.array(values + step * unit, dtype="float64"))
                ends.append(penalise(critic, images, norm_over)[0])
            parameter.set_data(nd.array(values, dtype="float64"))
            slope = (ends[0] - ends[1]) / (2 * STEP)
            scale = np.linalg.norm(gradient)
            assert abs(slope - (gradient * unit).sum()) <= AGAINST_DIFFERENCES * scale + 1e-9


def test_without_compilation_it_is_the_same():
    config = gp_config(layer_norm_d=True)
    critic = built(config)
    compiled, plain = (penalise(critic, random_images(config), hybrid=hybrid) for hybrid in (True, False))
    assert compiled[0] == pytest.approx(plain[0], rel=1e-6)
    for ours, theirs in zip(compiled[1], plain[1]):
        assert np.abs(ours - theirs).max() <= 1e-6 * np.abs(theirs).max()


def test_a_linear_critic_has_the_penalty_of_its_weight_alone():
    critic = built(gp_config(mlp_d=True, ndf=4, image_size=16))
    layers = [layer for layer in critic.main._children.values() if isinstance(layer, nn.Dense)]
    # Large biases keep every unit on, so that the critic is linear: its gradient is the product of its weights.
    for layer in layers:
        layer.bias.set_data(nd.full(layer.bias.shape, 1e3))
    product = np.eye(1)
    for layer in reversed(layers):
        layer.weight.set_data(layer.weight.data().abs())
        product = product @ layer.weight.data().asnumpy().astype(np.float64)
    value, _ = penalise(critic, random_images(gp_config(image_size=16)))
    assert value == pytest.approx((np.linalg.norm(product) - 1) ** 2, rel=1e-5)


def test_a_dead_critic_gives_one_and_no_nan():
    config = gp_config()
    critic = built(config)
    for parameter in critic.collect_params().values():
        parameter.set_data(nd.zeros(parameter.shape))
    value, gradients = penalise(critic, random_images(config))
    assert value == pytest.approx(1, abs=1e-5)
    assert all(np.isfinite(g).all() for g in gradients)


def test_batch_norm_in_the_critic_is_refused():
    with pytest.raises(UserError, match="--no-bn-d"):
        TrainConfig(objective="wgan-gp")
    with pytest.raises(UserError, match="--no-bn-d"):
        GradientPenalty(build_critic(TrainConfig()), "all")


def test_alphas_are_as_their_kind_says():
    draws = {
        kind: seeding.draw_alphas(np.random.default_rng(3), 500, kind).ravel()
        for kind in ("per-sample", "per-batch", "normal")
    }
    one = draws["per-sample"]
    assert one.min() >= 0 and one.max() < 1 and abs(one.mean() - 0.5) < 5 / np.sqrt(12 * 500)
    assert len(set(one)) == 500
    assert len(set(draws["per-batch"])) == 1
    assert draws["normal"].min() < 0 and abs(draws["normal"].std() - 1) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("count", [6, 4])
def test_the_critic_step_penalises_between_real_and_fake(count, require_torch, monkeypatch):
    torch = require_torch()
    wgan = WGAN(gp_config(batch_size=6, gp_lambda=7.0, init="pytorch"), [cpu()])
    seen = {}

    def remember(*arguments: object) -> None:
        seen.update(grads=_grads(wgan.critic), params=True)

    monkeypatch.setattr("gluon_wgan.training.wgan.step", remember)
    real = np.random.default_rng(4).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    with autograd.train_mode():
        latents = seeding.draw_latents(seeding.make_rng(0, seeding.NOISE), 6, 100)
        fakes = torch.tensor(wgan.generator(nd.array(latents)).asnumpy())
    scores = wgan.critic_step(real).read()

    reals = torch.tensor(real).float().div(255).sub(0.5).div(0.5)
    alphas = torch.tensor(seeding.make_rng(0, seeding.ALPHAS).random((count, 1, 1, 1), dtype=np.float32))
    x = (alphas * reals + (1 - alphas) * fakes[:count]).requires_grad_()
    parameters = [torch.tensor(p.data().asnumpy()).requires_grad_() for p in wgan.critic.collect_params().values()]
    (gradient,) = torch.autograd.grad(torch_scores(torch, wgan.critic, x, parameters).sum(), x, create_graph=True)
    penalty = ((gradient.square().sum((1, 2, 3)) + TINY).sqrt() - 1).square().mean()
    loss_d = (
        torch_scores(torch, wgan.critic, reals, parameters).mean()
        - torch_scores(torch, wgan.critic, fakes, parameters).mean()
    )
    assert scores.penalty == pytest.approx(penalty.item(), rel=AGAINST_TORCH)
    assert scores.loss_d == pytest.approx(loss_d.item(), rel=1e-4)
    for ours, theirs in zip(seen["grads"], torch.autograd.grad(loss_d + 7.0 * penalty, parameters)):
        assert np.abs(ours - theirs.numpy()).max() <= 2 * AGAINST_TORCH * theirs.abs().max()


def _grads(net) -> list[np.ndarray]:
    nd.waitall()
    return [p.grad().asnumpy() for p in net.collect_params().values()]


def test_several_devices_share_the_penalty():
    config = gp_config(no_bn=True)
    one, two = WGAN(config, [cpu(0)]), WGAN(config, [cpu(0), cpu(1)])
    real = np.random.default_rng(4).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    assert two.critic_step(real).read() == pytest.approx(one.critic_step(real).read(), rel=1e-4, abs=1e-7)
    nd.waitall()
    for a, b in zip(two.critic.collect_params().values(), one.critic.collect_params().values()):
        assert np.abs(a.grad(cpu(0)).asnumpy() - b.grad().asnumpy()).max() <= 1e-4 * b.grad().abs().max()


def test_nothing_is_clipped_under_a_penalty():
    wgan = WGAN(gp_config(init="pytorch", clip=1e-4), [cpu()])
    wgan.critic_step(np.zeros((6, 3, 32, 32), np.uint8))
    nd.waitall()
    assert max(p.data().abs().max().asscalar() for p in wgan.critic.collect_params().values()) > 0.01
