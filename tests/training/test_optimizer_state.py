"""Which optimiser a run gets, and its state saved and restored."""

from __future__ import annotations

import json
from dataclasses import replace

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, cpu, gluon, nd

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training.exchange import Exchange
from gluon_wgan.training.optimizers import (
    build_optimizer,
    optimizer_arrays,
    optimizer_counts,
    restore_optimizer,
    step,
)
from gluon_wgan.training.torch_optimizers import TorchAdam, TorchRMSProp
from gluon_wgan.utils.params_file import read_params

RULES = {
    ("rmsprop", "torch"): TorchRMSProp,
    ("adam", "torch"): TorchAdam,
    ("rmsprop", "mxnet"): mx.optimizer.RMSProp,
    ("adam", "mxnet"): mx.optimizer.Adam,
}


@pytest.mark.parametrize(("optimizer", "rule"), RULES)
def test_the_eps_rule_chooses_the_optimiser(optimizer, rule):
    config = TrainConfig(optimizer=optimizer, eps_rule=rule, gamma1=0.9, beta1=0.1, beta2=0.2, eps_adam=1e-3)
    built = build_optimizer(dense([cpu()]).collect_params(), config, 1e-4, 1e-5)._optimizer
    assert isinstance(built, RULES[optimizer, rule])
    decays = (built.beta1, built.beta2) if optimizer == "adam" else getattr(built, "alpha", None) or built.gamma1
    assert decays == ((0.1, 0.2) if optimizer == "adam" else 0.9)
    assert (built.eps if rule == "torch" else built.epsilon) == (1e-3 if optimizer == "adam" else 1e-5)
    assert built.lr == 1e-4


def dense(contexts, dtype="float32") -> gluon.nn.Dense:
    net = gluon.nn.Dense(3, in_units=4)
    net.cast(dtype)
    net.initialize(ctx=contexts)
    values = np.random.default_rng(2).normal(size=(3, 4))
    net.weight.set_data(nd.array(values, dtype=dtype))
    return net


def train(net, steps, update) -> None:
    """Take one update for each number, on inputs that the number alone decides."""
    for number in steps:
        values = np.random.default_rng(number).normal(size=(2, 4))
        for context in net.weight.list_ctx():
            with autograd.record():
                loss = (net(nd.array(values, ctx=context, dtype=net.weight.dtype)) ** 2).mean()
            loss.backward()
        update()


def update(trainer, devices: int) -> None:
    step(trainer, Exchange(devices), "critic", lambda: np.zeros((devices, 1), np.float32))


def bits(net) -> list[bytes]:
    return [data.asnumpy().tobytes() for p in net.collect_params().values() for data in p.list_data()]


CONFIGS = {
    "rmsprop": TrainConfig(eps_rule="torch", eps_d=1e-8),
    "adam": TrainConfig(eps_rule="torch", optimizer="adam"),
}


@pytest.mark.parametrize("contexts", [[cpu()], [cpu(0), cpu(1)]], ids=["one", "two"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_restored_run_goes_on_bit_for_bit(tmp_path, name, dtype, contexts):
    config = replace(CONFIGS[name], dtype=dtype)
    straight, first, second = (dense(contexts, dtype) for _ in range(3))
    trainers = [build_optimizer(net.collect_params(), config, 1e-3, 1e-8) for net in (straight, first, second)]
    train(straight, range(7), lambda: update(trainers[0], len(contexts)))
    train(first, range(3), lambda: update(trainers[1], len(contexts)))
    nd.save(str(tmp_path / "arrays"), optimizer_arrays(trainers[1]))
    (tmp_path / "counts").write_text(json.dumps(optimizer_counts(trainers[1])))
    first.save_parameters(str(tmp_path / "net"))

    second.load_parameters(str(tmp_path / "net"), ctx=contexts)
    restore_optimizer(trainers[2], read_params(tmp_path / "arrays"), json.loads((tmp_path / "counts").read_text()))
    train(second, range(3, 7), lambda: update(trainers[2], len(contexts)))
    assert bits(second) == bits(straight)
    assert bits(second) != bits(first)
    assert len(set(bits(second))) == 2, "the devices must agree"


@pytest.mark.parametrize("kvstore", [None, "device"])
@pytest.mark.parametrize("contexts", [[cpu()], [cpu(0), cpu(1)]], ids=["one", "two"])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("torchrmsprop", {"alpha": 0.9, "eps": 1e-8, "learning_rate": 1e-3}),
        ("torchrmsprop", {"alpha": 0.9, "eps": 1e-8, "momentum": 0.5, "centered": True}),
        ("torchadam", {"beta1": 0.5, "beta2": 0.999, "eps": 1e-8}),
    ],
)
def test_gluons_own_states_go_on_bit_for_bit(tmp_path, optimizer, options, contexts, kvstore):
    straight, first, second = (dense(contexts) for _ in range(3))
    trainers = [
        gluon.Trainer(net.collect_params(), optimizer, dict(options), kvstore=kvstore)
        for net in (straight, first, second)
    ]
    train(straight, range(7), lambda: trainers[0].step(2))
    train(first, range(3), lambda: trainers[1].step(2))
    trainers[1].save_states(str(tmp_path / "states"))
    first.save_parameters(str(tmp_path / "net"))
    second.load_parameters(str(tmp_path / "net"), ctx=contexts)
    trainers[2].load_states(str(tmp_path / "states"))
    train(second, range(3, 7), lambda: trainers[2].step(2))
    assert bits(second) == bits(straight)
    assert bits(second) != bits(first)
