"""The networks, against the same networks in PyTorch with the same weights."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from mxnet import autograd, cpu, nd
from mxnet.gluon import HybridBlock, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.models import (
    build_critic,
    build_generator,
)
from gluon_wgan.models.generator_spec import generator_spec, read_generator_spec, spec_config
from gluon_wgan.models.initializers import WeightInitializer

# Sums of up to 4,096 terms in another order: of outputs, and of gradients, which cancel more.
FORWARD, GRADIENT = {"float32": 2e-5, "float64": 1e-13}, {"float32": 2e-4, "float64": 1e-11}
# A bias before a batch norm does nothing, so that its gradient is rounding alone, however small: it is measured
# by this share of the network's largest gradient.
FLOOR = {"float32": 0.1, "float64": 1e-3}

SHAPES = [
    {"image_size": 16},
    {"image_size": 32},
    {"image_size": 64, "ngf": 16, "ndf": 16},
    {"image_size": 128, "ngf": 4, "ndf": 4},
    {"image_size": 32, "nc": 1, "nz": 7},
    # MXNet's own transposed convolution fails from 16 channels to one.
    {"image_size": 32, "nc": 1, "ngf": 32, "ndf": 32},
    {"image_size": 32, "nc": 1, "ngf": 16, "ndf": 16, "arch": "lite"},
    {"image_size": 32, "n_extra_layers": 2},
    {"image_size": 32, "no_bn": True, "no_bn_d": True, "n_extra_layers": 1},
    {"image_size": 32, "mlp_g": True, "mlp_d": True},
    {"image_size": 16, "mlp_g": True, "mlp_d": True, "nc": 1},
    {"image_size": 32, "arch": "lite"},
    {"image_size": 64, "arch": "lite", "ngf": 4, "ndf": 4, "n_extra_layers": 1, "nz": 128},
    {"image_size": 16, "arch": "lite", "no_bn": True, "no_bn_d": True},
    {"image_size": 32, "block_order": "conv-act-norm", "n_extra_layers": 1},
    {"image_size": 32, "arch": "lite", "block_order": "conv-act-norm"},
    {"image_size": 32, "no_bn_d": True, "layer_norm_d": True},
]


def small(**fields: object) -> TrainConfig:
    return TrainConfig(**{"ngf": 8, "ndf": 8, **fields})  # type: ignore[arg-type]


def learned(net: HybridBlock) -> list:
    return [p for p in net.collect_params().values() if p.grad_req != "null"]


def torch_twins(torch, config: TrainConfig):
    from tools.reference import networks
    from tools.reference.options import Options

    names = {field.name for field in dataclasses.fields(Options)} & {f.name for f in dataclasses.fields(config)}
    options = Options(**{name: getattr(config, name) for name in names})
    return networks.build_generator(options), networks.build_critic(options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_networks_equal_torch(fields, dtype, require_torch):
    torch = require_torch()
    config = small(**fields, dtype=dtype)
    rng = np.random.default_rng(5)
    latents = rng.standard_normal((4, config.nz, 1, 1))
    images = rng.uniform(-1, 1, (4, config.nc, config.image_size, config.image_size))
    nets = build_generator(config), build_critic(config)
    for ours, theirs, x in zip(nets, torch_twins(torch, config), (latents, images)):
        ours.cast(dtype)
        ours.initialize(WeightInitializer(rng), ctx=[cpu()])
        theirs.to(getattr(torch, dtype))
        assert [p.data().size for p in learned(ours)] == [p.numel() for p in theirs.parameters()]
        for mine, yours in zip(learned(ours), theirs.parameters()):
            yours.data = torch.from_numpy(mine.data().asnumpy().reshape(yours.shape))
        x_ours, x_theirs = nd.array(x, dtype=dtype), torch.from_numpy(x.astype(dtype)).requires_grad_()
        x_ours.attach_grad()
        with autograd.record():
            y_ours = ours(x_ours)
            loss = (y_ours**2).sum()
        loss.backward()
        y_theirs = theirs(x_theirs)
        (y_theirs**2).sum().backward()
        nd.waitall()
        close(y_ours.asnumpy().ravel(), y_theirs.detach().numpy().ravel(), FORWARD[dtype])
        close(x_ours.grad.asnumpy(), x_theirs.grad.numpy(), GRADIENT[dtype])
        floor = FLOOR[dtype] * max(p.grad.abs().max().item() for p in theirs.parameters())
        for mine, yours in zip(learned(ours), theirs.parameters()):
            close(mine.grad().asnumpy().reshape(yours.shape), yours.grad.numpy(), GRADIENT[dtype], floor)


def close(ours: np.ndarray, theirs: np.ndarray, tolerance: float, floor: float = 0.0) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance * max(np.abs(theirs).max(), floor)


def test_parameter_counts_of_the_full_size():
    # By hand. Generator: 100*512*16 + (512*256 + 256*128 + 128*64 + 64*3)*16 + 2*(512+256+128+64);
    # critic: (3*64 + 64*128 + 128*256 + 256*512 + 512)*16 + 2*(128+256+512).
    for build, count in ((build_generator, 3_576_704), (build_critic, 2_763_776 + 1_792)):
        net = build(TrainConfig())
        assert sum(int(np.prod(p.shape)) for p in learned(net)) == count


def test_scores_and_images_have_the_promised_shapes_and_ranges():
    config = small(image_size=32)
    generator, critic = build_generator(config), build_critic(config)
    for net in (generator, critic):
        net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
    images = generator(nd.random.normal(shape=(5, 100, 1, 1)))
    assert images.shape == (5, 3, 32, 32)
    assert float(images.abs().max().asscalar()) <= 1.0
    assert critic(images).shape == (5,)


def test_no_bn_changes_the_generator_alone_and_no_bn_d_the_critic_alone():
    def norms(net):
        return sum(isinstance(layer, nn.BatchNorm) for layer in net.main._children.values())

    assert [norms(build(small())) for build in (build_generator, build_critic)] == [4, 3]
    assert [norms(build(small(no_bn=True))) for build in (build_generator, build_critic)] == [0, 3]
    assert [norms(build(small(no_bn_d=True))) for build in (build_generator, build_critic)] == [4, 0]


@pytest.mark.parametrize("size", [0, 8, 24, 48, 65, 96])
def test_other_sizes_are_refused_in_a_sentence(size):
    with pytest.raises(UserError, match=f"--image-size {size} "):
        TrainConfig(image_size=size)


def test_initial_weights_follow_the_reference():
    config = TrainConfig(n_extra_layers=1)
    for build in (build_generator, build_critic):
        net = build(config)
        net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
        for name, parameter in net._collect_params_with_prefix().items():
            values = parameter.data().asnumpy().astype(np.float64)
            if name.endswith("running_mean") or name.endswith("beta"):
                assert not values.any()
            elif name.endswith("running_var"):
                assert (values == 1).all()
            else:
                mean = 1.0 if name.endswith("gamma") else 0.0
                # Five standard errors of a mean and of a standard deviation.
                assert abs(values.mean() - mean) < 5 * 0.02 / np.sqrt(values.size)
                assert abs(values.std() / 0.02 - 1) < 5 / np.sqrt(2 * values.size)


def test_initial_weights_of_the_mlp_follow_torch():
    net = build_critic(TrainConfig(mlp_d=True, ndf=512, image_size=16))
    net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[cpu()])
    layers = [layer for layer in net.main._children.values() if isinstance(layer, nn.Dense)]
    assert len(layers) == 4
    for layer in layers:
        bound = layer.weight.shape[1] ** -0.5
        for values in (layer.weight.data().asnumpy(), layer.bias.data().asnumpy()):
            assert np.abs(values).max() <= bound
        spread = layer.weight.data().asnumpy().std() / (bound / np.sqrt(3))
        assert abs(spread - 1) < 5 / np.sqrt(layer.weight.data().size)


@pytest.mark.parametrize("scheme", ["port2018", "pytorch", "mxnet"])
def test_other_initial_weights_follow_their_source(scheme, require_torch):
    torch = require_torch()
    nets = (
        (build_generator(TrainConfig()), torch.nn.ConvTranspose2d(512, 256, 4, 2, 1), 3),
        (build_critic(TrainConfig(arch="lite")), torch.nn.Conv2d(256, 512, 3, 2, 1), 5),
    )
    for net, theirs, index in nets:
        net.initialize(WeightInitializer(np.random.default_rng(0), scheme), ctx=[cpu()])
        layer = net.main[index]
        weight = layer.weight.data().asnumpy().astype(np.float64)
        if scheme == "port2018":
            assert abs(weight.std() / 0.02 - 1) < 5 / np.sqrt(2 * weight.size)
        else:
            # PyTorch's default bound, as it draws it itself, counts the output channels when transposed.
            bound = 0.07 if scheme == "mxnet" else theirs.weight.abs().max().item()
            assert np.abs(weight).max() == pytest.approx(bound, rel=1e-3)
        norm = next(child for child in net.main._children.values() if isinstance(child, nn.BatchNorm))
        assert (norm.gamma.data().asnumpy().std() > 0) == (scheme == "port2018")
    if scheme == "port2018":
        mlp = build_generator(TrainConfig(mlp_g=True))
        mlp.initialize(WeightInitializer(np.random.default_rng(0), scheme), ctx=[cpu()])
        dense = mlp.main[0]
        assert np.abs(dense.weight.data().asnumpy()).max() == pytest.approx(np.sqrt(0.01 / 100), rel=1e-2)
        assert not dense.bias.data().asnumpy().any()


def test_initial_weights_depend_on_the_generator_alone():
    def weights(seed):
        net = build_generator(small())
        net.initialize(WeightInitializer(np.random.default_rng(seed)), ctx=[cpu()])
        return [p.data().asnumpy() for p in net.collect_params().values()]

    first, again, other = weights(1), weights(1), weights(2)
    assert all((a == b).all() for a, b in zip(first, again))
    assert not all((a == b).all() for a, b in zip(first, other))


@pytest.mark.parametrize("fields", [{}, {"mlp_g": True}, {"no_bn": True, "n_extra_layers": 2, "nc": 1, "nz": 9}])
def test_a_generator_is_rebuilt_from_its_description(fields, tmp_path):
    config = small(**fields, latent="uniform", sample_bn="running")
    (tmp_path / "generator.json").write_text(json.dumps(generator_spec(config)))
    found = read_generator_spec(tmp_path / "generator.json")
    assert [p.shape for p in learned(build_generator(found))] == [p.shape for p in learned(build_generator(config))]
    assert (found.latent, found.sample_bn) == ("uniform", "running")


def test_descriptions_of_other_formats():
    old = {**generator_spec(small()), "format": 2}
    del old["latent"]
    assert spec_config(old, "generator.json").latent == "normal"
    assert spec_config(old, "generator.json") == spec_config(generator_spec(small()), "generator.json")
    with pytest.raises(UserError, match="is of format 4, and this version of gluon_wgan reads 2 to 3"):
        spec_config({**old, "format": 4}, "generator.json")
    with pytest.raises(UserError, match="is of format None"):
        spec_config({}, "generator.json")
    with pytest.raises(UserError, match="lacks latent"):
        spec_config({**old, "format": 3}, "generator.json")
    with pytest.raises(UserError, match="--image-size 24"):
        spec_config({**old, "image_size": 24}, "generator.json")
