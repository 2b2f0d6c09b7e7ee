"""The initializer, against the values written layer by layer with set_data, as the reference does it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mxnet import cpu, init, nd
from mxnet.gluon import nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models import build_critic, build_generator
from gluon_wgan.models.initializers import SCHEMES, WeightInitializer
from gluon_wgan.models.layers import LayerNorm

NETWORKS = {
    "dcgan": {},
    "extra layers": {"n_extra_layers": 2},
    "gray": {"nc": 1},
    "no batch norm": {"no_bn": True, "no_bn_d": True},
    "layer norm": {"no_bn_d": True, "layer_norm_d": True},
    "lite": {"arch": "lite"},
    "lite gray": {"arch": "lite", "nc": 1},
    "mlp": {"mlp_g": True, "mlp_d": True},
    "norm last": {"block_order": "conv-act-norm"},
}


def by_set_data(net, rng, scheme):
    """Set each layer's parameters in the order in which data passes them."""
    net.initialize(ctx=cpu())

    def put(parameter, values):
        parameter.set_data(nd.array(values.astype(parameter.dtype), dtype=parameter.dtype))

    for layer in net.main._children.values():
        if getattr(layer, "weight", None) is not None:
            shape = layer.weight.shape
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            if scheme in ("reference", "port2018") and not isinstance(layer, nn.Dense):
                values = rng.normal(0.0, 0.02, shape)
            elif scheme == "mxnet":
                values = rng.uniform(-0.07, 0.07, shape)
            else:
                limit = math.sqrt((0.01 if scheme == "port2018" else 1.0) / math.prod(shape[1:]))
                values = rng.uniform(-limit, limit, shape)
            put(layer.weight, values)
            if layer.bias is not None:
                limit = bound if scheme in ("reference", "pytorch") else 0.0
                put(layer.bias, rng.uniform(-limit, limit, layer.bias.shape))
        elif isinstance(layer, nn.BatchNorm):
            spread = 0.02 if scheme in ("reference", "port2018") else 0.0
            put(layer.gamma, rng.normal(1.0, spread, layer.gamma.shape))
            put(layer.beta, np.zeros(layer.beta.shape))
        elif isinstance(layer, LayerNorm):
            put(layer.gamma, np.ones(layer.gamma.shape))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_network_gets_the_same_bits(name, scheme, dtype):
    config = TrainConfig(image_size=32, ngf=4, ndf=4, nz=6, dtype=dtype, **NETWORKS[name])
    ones, others = np.random.default_rng(3), np.random.default_rng(3)
    for build in (build_generator, build_critic):
        net, expected = build(config), build(config)
        net.cast(dtype)
        expected.cast(dtype)
        net.initialize(WeightInitializer(ones, scheme), ctx=[cpu(0), cpu(1)])
        by_set_data(expected, others, scheme)
        found, wanted = net._collect_params_with_prefix(), expected._collect_params_with_prefix()
        assert list(found) == list(wanted)
        for key, parameter in wanted.items():
            for copy in found[key].list_data():
                np.testing.assert_array_equal(copy.asnumpy(), parameter.data().asnumpy(), err_msg=key)
    assert ones.bit_generator.state == others.bit_generator.state


def test_it_is_an_initializer_of_mxnet_and_a_seed_will_do():
    assert isinstance(WeightInitializer(1), init.Initializer)
    nets = [build_generator(TrainConfig(image_size=16, ngf=2)) for _ in range(2)]
    for net, rng in zip(nets, (7, np.random.default_rng(7))):
        net.initialize(WeightInitializer(rng))
    ones, others = (list(net.collect_params().values()) for net in nets)
    assert all((a.data().asnumpy() == b.data().asnumpy()).all() for a, b in zip(ones, others))


def test_an_unknown_scheme_and_a_foreign_parameter_are_refused():
    with pytest.raises(ValueError, match="no initialization scheme 'xavier': choose reference, port2018"):
        WeightInitializer(0, "xavier")
    with pytest.raises(ValueError, match="no rule for a parameter named prelu0_alpha"):
        nn.PReLU(prefix="prelu0_").initialize(WeightInitializer(0))
