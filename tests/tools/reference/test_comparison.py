"""The package's WGAN beside the PyTorch reference, step by step."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.data.prepared_data import prepare_data

# float64: rounding is 1e-16. RMSProp and Adam divide by a gradient's own size plus epsilon, so that an element whose
# gradient cancels to nothing moves by up to 1e-16 / epsilon of a step: with epsilons of 1e-8 by 1e-8 of 1e-3.
DOUBLE = 1e-10
# float32, before the first update: rounding is 6e-8, and sums of hundreds of terms in another order magnify it up to
# 100-fold. Gradients pass batch norms that divide by deviations of 1e-2, and losses are differences of means that
# nearly cancel: for each, 10 and 100 times more. Where PyTorch with another memory layout, or without oneDNN, is
# farther than that from itself on the machine at hand (the course note's scores: 7e-6), three times its distance.
SINGLE = {"fakes": 1e-5, "scores": 1e-5, "losses": 1e-3, "gradients": 1e-4, "statistics": 1e-5}

PRESETS = ("gluon", "reference", "paper", "port2018", "lite", "wgan-gp", "dcgan")
# The biases before the course note's batch norms have a gradient that is nothing but rounding; an epsilon of 1e-8 makes
# 9e-10 of it there, in PyTorch against itself too.
GENTLE = {"eps_d": 1e-5, "eps_g": 1e-5, "eps_adam": 1e-5}
# What no preset has.
VARIANTS: list[dict[str, Any]] = [
    {"mlp_g": True, "mlp_d": True},
    {"block_order": "conv-act-norm", "n_extra_layers": 1, "critic_batches": "joined"},
    {"clip_when": "after", "clip_bn": False, "clip_running_stats": True, "image_size": 32},
    {"short_noise": True, "latent": "uniform", "nc": 1, "no_bn": True},
    {"objective": "wgan-gp", "no_bn_d": True, "layer_norm_d": True, "gp_norm": "channels", "arch": "lite"},
    {"objective": "wgan-gp", "no_bn_d": True, "gp_alpha": "per-batch", "critic_batches": "joined"},
    {"objective": "dcgan", "optimizer": "adam", "block_order": "conv-act-norm", "arch": "lite"},
]


@pytest.fixture
def trace(require_torch, tmp_path):
    """Return a function that runs the comparison on small networks; an epoch of 20 ends with a batch of 4."""
    require_torch()
    from tools.reference.comparison.plan import Length
    from tools.reference.comparison.run import trace

    def run(preset: str, length: Length | None = None, **fields: Any):
        config = small(preset, cache_dir=str(tmp_path / "cache"), **fields)
        return trace(config, prepare_data(config, progress=False), length or Length(None, 4, 2))

    return run


def small(preset: str, **fields: Any) -> TrainConfig:
    sizes = {"image_size": 16, "ngf": 8, "ndf": 8, "nz": 12, "batch_size": 8, "limit": 20}
    return preset_config(preset, **{**sizes, "running_var": "unbiased", **fields})


def worst(trajectory, group: str, contender: str = "gluon_wgan", steps: slice = slice(None)) -> float:
    from tools.reference.comparison.summary import spread

    return max(spread(step.differences[contender], group, "max_rel").largest for step in trajectory.steps[steps])


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_equal_the_reference_in_double_precision(preset, trace):
    from tools.reference.comparison.difference import GROUPS

    found = trace(preset, dtype="float64", **(GENTLE if preset == "lite" else {}))
    assert [step.kind for step in found.steps] == (["critic"] * 4 + ["generator"]) * 2
    assert {group: worst(found, group) for group in GROUPS if worst(found, group) > DOUBLE} == {}


@pytest.mark.slow
@pytest.mark.parametrize("fields", VARIANTS, ids=str)
def test_variants_equal_the_reference_in_double_precision(fields, trace):
    from tools.reference.comparison.difference import GROUPS

    found = trace("reference", dtype="float64", **GENTLE, **fields)
    assert {group: worst(found, group) for group in GROUPS if worst(found, group) > DOUBLE} == {}


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_equal_the_reference_in_single_precision(preset, trace):
    from tools.reference.comparison.plan import Length

    found = trace(preset, Length(None, 1, 1))
    first = slice(1)
    torch = [name for name in found.steps[0].differences if name != "gluon_wgan"]
    limits = {group: max(SINGLE[group], *(3 * worst(found, group, name, first) for name in torch)) for group in SINGLE}
    apart = {group: worst(found, group, steps=first) for group in SINGLE}
    assert {group: value for group, value in apart.items() if value > limits[group]} == {}


WRONG: list[tuple[str, str, Any]] = [
    # preset, option, wrong value
    ("gluon", "leak", 0.2001),
    ("gluon", "gamma1", 0.9901),
    ("gluon", "eps_d", 2e-12),
    ("gluon", "eps_g", 2e-14),
    ("gluon", "lr_g", 5.01e-5),
    ("gluon", "clip", 0.01001),
    ("gluon", "clip_when", "after"),
    ("gluon", "clip_bn", False),
    ("gluon", "eps_rule", "torch"),
    ("gluon", "critic_batches", "joined"),
    ("wgan-gp", "gp_lambda", 10.01),
    ("wgan-gp", "gp_norm", "channels"),
    ("dcgan", "beta1", 0.501),
    ("dcgan", "objective", "wgan"),
]


@pytest.mark.parametrize(("preset", "option", "value"), WRONG, ids=lambda value: str(value))
def test_the_comparison_notices_a_wrong_option(preset, option, value, trace, monkeypatch):
    from tools.reference.comparison import run
    from tools.reference.comparison.difference import GROUPS
    from tools.reference.comparison.plan import Length

    right = run.options_of
    monkeypatch.setattr(run, "options_of", lambda config: dataclasses.replace(right(config), **{option: value}))
    found = trace(preset, Length(None, 2, 1), dtype="float64")
    assert max(worst(found, group) for group in GROUPS) > 1e4 * DOUBLE


def test_the_comparison_notices_other_noise(trace, monkeypatch):
    from tools.reference.comparison import run

    monkeypatch.setattr(run, "_noise_of", shifted(run._noise_of))
    first = slice(1)
    found = trace("wgan-gp", dtype="float64")
    assert worst(found, "fakes", steps=first) < DOUBLE < 1e4 * DOUBLE < worst(found, "losses", steps=first)


def shifted(noise_of):
    def with_other_alphas(config, ours):
        draw = noise_of(config, ours)

        def drawn(step):
            noise = draw(step)
            return noise if noise.alphas is None else dataclasses.replace(noise, alphas=1 - noise.alphas)

        return drawn

    return with_other_alphas


@pytest.mark.parametrize("variant", ["torch, channels last", "torch, no oneDNN"])
def test_the_variants_are_torch_in_another_order_of_sums(variant, trace):
    found = trace("reference")
    assert 0 < worst(found, "fakes", variant, slice(1)) < SINGLE["fakes"]


def test_gradients_that_are_zero_but_for_rounding_are_the_ones_named(require_torch):
    torch = require_torch()
    from tools.reference.comparison.zeros import zero_gradients
    from tools.reference.runner.options import options_of
    from tools.reference.wgan import ReferenceWGAN

    for fields in ({"arch": "lite"}, *VARIANTS):
        # Tight clips and tame inputs would leave a perceptron's units active for every image, as if there were none.
        config = small("reference", **{**fields, "clip": 9.0})
        torch.manual_seed(0)
        wgan = ReferenceWGAN(options_of(config)).double()
        rng = torch.Generator().manual_seed(1)
        shape = (config.batch_size, config.nc, config.image_size, config.image_size)
        real = 3 * torch.randn(shape, generator=rng).double()
        alphas = torch.rand((config.batch_size, 1, 1, 1), generator=rng).double()
        latents = 3 * torch.randn((config.batch_size, config.nz, 1, 1), generator=rng).double()
        wgan.critic_step(real, latents, alphas)
        wgan.generator_step(latents)
        for net in ("generator", "critic"):
            sizes = {f"{net}.{name}": p.grad.abs().max().item() for name, p in getattr(wgan, net).named_parameters()}
            vanishing = {name for name, size in sizes.items() if size < 1e-13 * max(sizes.values())}
            assert vanishing == {name for name in zero_gradients(wgan) if name.startswith(net)}, fields
