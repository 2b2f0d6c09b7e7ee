"""How few calls into MXNet a training step makes, and that they compute what many calls did."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import autograd, cpu, nd

from benchmarks.frontend_calls import CallCounter
from gluon_wgan.config.train_config import preset_config
from gluon_wgan.models.layers import GrayDeconvolution
from gluon_wgan.training.clipping import InPlaceClip
from gluon_wgan.training.wgan import WGAN

LIMIT = 40


@pytest.mark.parametrize("preset", ["gluon", "reference", "paper", "port2018", "lite", "wgan-gp", "dcgan"])
def test_a_step_makes_few_calls(preset: str) -> None:
    wgan = WGAN(preset_config(preset, ngf=4, ndf=4, batch_size=4), [cpu()])
    real = np.zeros((4, 3, 64, 64), np.uint8)
    for step in (lambda: wgan.critic_step(real).read(), lambda: wgan.generator_step().read()):
        step()  # compiles the graphs
        with CallCounter() as counter:
            step()
        assert 0 < sum(counter.calls.values()) <= LIMIT, counter.calls


def test_the_scores_are_means_over_all_devices() -> None:
    real = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    small = {"image_size": 32, "ngf": 4, "ndf": 4, "batch_size": 6, "no_bn": True, "no_bn_d": True, "dtype": "float64"}
    for preset in ("gluon", "dcgan", "wgan-gp"):
        one, two = (WGAN(preset_config(preset, **small), [cpu(i) for i in range(n)]) for n in (1, 2))
        assert two.critic_step(real).read() == pytest.approx(one.critic_step(real).read(), rel=1e-12)
        assert two.generator_step().read() == pytest.approx(one.generator_step().read(), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_call_clips_all_parameters_as_numpy_does(dtype: str) -> None:
    wgan = WGAN(preset_config("gluon", image_size=32, ngf=4, ndf=4, dtype=dtype), [cpu(0), cpu(1)])
    parameters = [p for p in wgan.critic.collect_params().values() if p.grad_req != "null"]
    for index, parameter in enumerate(parameters):
        parameter.set_data(nd.array(np.random.default_rng(index).normal(0, 1, parameter.shape), dtype=dtype))
    before = [[data.asnumpy() for data in p.list_data()] for p in parameters]
    InPlaceClip(parameters, 0.3)(cpu(0))
    for parameter, (first, second) in zip(parameters, before):
        bound = np.dtype(dtype).type(0.3)
        assert np.array_equal(parameter.data(cpu(0)).asnumpy(), np.clip(first, -bound, bound))
        assert np.array_equal(parameter.data(cpu(1)).asnumpy(), second)


@pytest.mark.parametrize("kernel", [3, 4])
def test_the_plain_transposed_convolution_for_gray_images_is_the_composed_one(kernel: int) -> None:
    # With few enough channels the CPU can differentiate both.
    rng = np.random.default_rng(0)
    x, results = nd.array(rng.normal(size=(2, 3, 8, 8)), dtype="float64"), []
    for plain in (False, True):
        layer = GrayDeconvolution(3, kernel, 16, use_bias=True)
        layer.plain = plain
        layer.cast("float64")
        layer.initialize()
        layer.weight.set_data(nd.array(np.random.default_rng(1).normal(size=layer.weight.shape), dtype="float64"))
        assert layer.bias is not None
        layer.bias.set_data(nd.array([0.5], dtype="float64"))
        x.attach_grad()
        with autograd.record():
            y = layer(x)
            (y * y).sum().backward()
        results.append([y.asnumpy(), x.grad.asnumpy(), layer.weight.grad().asnumpy(), layer.bias.grad().asnumpy()])
    for composed, own in zip(*results):
        assert own == pytest.approx(composed, rel=1e-12, abs=1e-12)
