"""Conversion of weights from and to the authors' files, against PyTorch and their names."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mxnet import autograd, cpu, nd

import gluon_wgan
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.interop.authors_names import CRITIC, GENERATOR, current_name, paired_names, tensor_names
from gluon_wgan.interop.torch_weights import convert
from gluon_wgan.models import build_critic
from gluon_wgan.models.inference import load_weights, sample
from gluon_wgan.training import trainer
from tests.tools.reference import authors_names
from tools.reference.authors_names import authors_state

# float32 sums of up to 1,600 terms in another order.
FORWARD = 1e-5
SHAPES: list[dict[str, Any]] = [
    {"image_size": 16},
    {"image_size": 32, "n_extra_layers": 2},
    {"image_size": 64, "ngf": 4, "ndf": 4},
    {"image_size": 32, "no_bn": True, "no_bn_d": True, "n_extra_layers": 1},
    {"image_size": 16, "mlp_g": True, "mlp_d": True},
    {"image_size": 16, "nc": 1, "mlp_g": True},
]


def small(**fields: Any) -> TrainConfig:
    return TrainConfig(**{"ngf": 8, "ndf": 8, "nz": 5, **fields})


def reference_networks(config: TrainConfig):
    """Return generator and critic in PyTorch, with statistics and counts unlike those at the start."""
    import torch

    from tools.reference import networks

    torch.manual_seed(1)
    size, extra = config.image_size, config.n_extra_layers
    generator = (
        networks.mlp_generator(size, config.nz, config.nc, config.ngf)
        if config.mlp_g
        # The authors halve ngf and double it again, whole numbers both times.
        else networks.dcgan_generator(size, config.nz, config.nc, config.ngf // 2 * 2, extra, not config.no_bn)
    )
    critic = (
        networks.mlp_critic(size, config.nc, config.ndf)
        if config.mlp_d
        else networks.dcgan_critic(size, config.nc, config.ndf, extra, not config.no_bn_d)
    )
    for net in (generator, critic):
        for index, (name, tensor) in enumerate(net.state_dict().items()):
            if name.endswith("num_batches_tracked"):
                tensor.fill_(100 + index)
            elif tensor.ndim == 1:
                tensor.uniform_(0.5, 1.5)
    return generator, critic


def write_authors_files(folder: Path, config: TrainConfig, epoch: int = 7, **spelling: bool) -> dict[str, Any]:
    """Write what the authors' main.py would, and return the state dicts."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    nets = dict(zip("GD", reference_networks(config)))
    states = {letter: authors_state(net, **spelling) for letter, net in nets.items()}
    for letter, state in states.items():
        torch.save(state, folder / f"net{letter}_epoch_{epoch}.pth")
    return states


def bits(state: Any) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    return [(name, str(tensor.dtype), tuple(tensor.shape), tensor.numpy().tobytes()) for name, tensor in state.items()]


def load(path: Path):
    import torch

    return torch.load(path, weights_only=True)


def config_json(config: TrainConfig) -> dict[str, Any]:
    return {
        "imageSize": config.image_size,
        "nz": config.nz,
        "nc": config.nc,
        "ngf": config.ngf,
        "ngpu": 1,
        "n_extra_layers": config.n_extra_layers,
        "noBN": config.no_bn,
        "mlp_G": config.mlp_g,
    }


@pytest.mark.parametrize(
    ("role", "fields", "written"),
    [
        (GENERATOR, {}, authors_names.GENERATOR_64),
        (CRITIC, {"image_size": 32, "n_extra_layers": 1}, authors_names.CRITIC_32_WITH_AN_EXTRA_LAYER),
        (GENERATOR, {"image_size": 16, "mlp_g": True, "ngf": 512}, authors_names.MLP_GENERATOR_16),
    ],
)
def test_names_shapes_and_order_are_the_authors(role, fields, written):
    config = TrainConfig(**fields)
    assert tensor_names(role, config) == [name for name, _ in written]
    assert [(name, shape) for name, _, shape in paired_names(role, config)] == [
        (name, shape) for name, shape in written if shape != ()
    ]


def test_tensors_pair_with_those_of_the_same_meaning():
    meaning = {"weight": {"weight", "gamma"}, "bias": {"bias", "beta"}}
    for role in (GENERATOR, CRITIC):
        for theirs, ours, _ in paired_names(role, TrainConfig(n_extra_layers=1)):
            last = theirs.split(".")[-1]
            assert ours.split(".")[-1] in meaning.get(last, {last})
            assert ("batchnorm" in theirs) == (ours.split(".")[-1] not in ("weight", "bias"))


@pytest.mark.parametrize(("old", "new"), authors_names.FIRST_RELEASE.items())
def test_spellings_of_the_first_release(old, new):
    assert current_name(old) == current_name(new) == new


@pytest.mark.parametrize("fields", SHAPES, ids=str)
def test_converted_networks_compute_what_theirs_do(fields, tmp_path, require_torch):
    torch = require_torch()
    config = small(**fields)
    write_authors_files(tmp_path / "theirs", config)
    convert(tmp_path / "theirs", tmp_path / "ours")
    generator = gluon_wgan.load_generator(tmp_path / "ours")
    critic = build_critic(config)
    load_weights(critic, str(tmp_path / "ours" / "critic.params"), None)
    their_generator, their_critic = reference_networks(config)
    z = np.random.default_rng(1).standard_normal((6, config.nz, 1, 1)).astype("f4")
    for mode, training in (("running", False), ("batch", True)):
        images = sample(generator, z, cpu(), mode)
        with torch.no_grad():
            theirs = their_generator.train(training)(torch.from_numpy(z))
            scores = their_critic.train(training)(theirs).flatten().numpy()
        with autograd.train_mode() if training else autograd.predict_mode():
            ours = critic(nd.array(theirs.numpy())).asnumpy()
        assert np.abs(images - theirs.numpy()).max() <= FORWARD * np.abs(theirs.numpy()).max()
        assert np.abs(ours - scores).max() <= FORWARD * np.abs(scores).max()


@st.composite
def shapes(draw) -> TrainConfig:
    return small(
        image_size=draw(st.sampled_from([16, 32])),
        nz=draw(st.integers(1, 6)),
        nc=draw(st.sampled_from([1, 3])),
        ngf=draw(st.integers(2, 7)),
        ndf=draw(st.integers(1, 6)),
        n_extra_layers=draw(st.integers(0, 2)),
        **{name: draw(st.booleans()) for name in ("no_bn", "no_bn_d", "mlp_g", "mlp_d")},
    )


def without_counts(state: Any) -> dict[str, Any]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


SPECIAL = [float("nan"), float("inf"), -float("inf"), -0.0, 1e-42]


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=shapes(),
    double=st.booleans(),
    described=st.booleans(),
    old=st.booleans(),
    counted=st.booleans(),
    special=st.sampled_from(SPECIAL),
)
def test_there_and_back_is_bit_exact(config, double, described, old, counted, special, tmp_path_factory, require_torch):
    torch = require_torch()
    folder = tmp_path_factory.mktemp("there_and_back")
    (folder / "theirs").mkdir()
    expected = {}
    for letter, net in zip("GD", reference_networks(config)):
        net = net.double() if double else net
        next(net.parameters()).data.view(-1)[:1] = special
        today, written = (authors_state(net, first_release=spelling) for spelling in (False, old))
        if not counted:
            today, written = without_counts(today), without_counts(written)
        expected[letter] = bits(today)
        torch.save(written, folder / f"theirs/net{letter}_epoch_7.pth")
    # There is no such generator of theirs: noBN would come first.
    described = described and not (config.no_bn and config.mlp_g)
    if described:
        (folder / "theirs/generator_config.json").write_text(json.dumps(config_json(config)))
    convert(folder / "theirs", folder / "ours")
    convert(folder / "ours", folder / "back")
    for letter, theirs in expected.items():
        assert bits(load(folder / f"back/net{letter}_epoch_7.pth")) == theirs
    written = json.loads((folder / "back/generator_config.json").read_text())
    fields = {**config_json(config), "noBN": config.no_bn and not config.mlp_g}
    if not described:
        # 2k and 2k + 1 give the same DCGAN, and an MLP has no place for extra layers.
        fields["ngf"] = config.ngf if config.mlp_g else config.ngf // 2 * 2
        fields["n_extra_layers"] = 0 if config.mlp_g else config.n_extra_layers
    assert written == fields


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Return a run of 7 generator and 3 + 3 + 2 + 2 + 2 + 3 + 2 = 17 critic steps."""
    folder = tmp_path_factory.mktemp("run")
    config = small(
        image_size=16,
        batch_size=8,
        limit=16,
        n_critic=2,
        warmup_iters=2,
        warmup_critic=3,
        boost_every=5,
        gen_iters=7,
        n_extra_layers=1,
        cache_dir=str(folder / "cache"),
        out=str(folder / "run"),
    )
    return trainer.train(config, progress=False)


@pytest.mark.slow
def test_a_run_becomes_files_that_the_authors_classes_load(run, tmp_path, require_torch):
    torch = require_torch()
    done = convert(run, tmp_path / "out")
    assert done.read == [run / "checkpoints" / "iter_000007"]
    assert [path.name for path in done.written] == [
        "generator_config.json",
        "netD_epoch_0.pth",
        "netG_epoch_0.pth",
    ]
    config = small(image_size=16, n_extra_layers=1)
    assert json.loads((tmp_path / "out/generator_config.json").read_text()) == config_json(config)
    nets = dict(zip("GD", reference_networks(config)))
    for letter, net in nets.items():
        state = load(tmp_path / f"out/net{letter}_epoch_0.pth")
        names = authors_state(net)
        assert list(state) == list(names)
        net.load_state_dict(dict(zip(net.state_dict(), state.values())), strict=True)
    z = np.random.default_rng(2).standard_normal((6, 5, 1, 1)).astype("f4")
    ours = sample(gluon_wgan.load_generator(run), z, cpu(), "batch")
    with torch.no_grad():
        theirs = nets["G"](torch.from_numpy(z)).numpy()
    assert np.abs(ours - theirs).max() <= FORWARD * np.abs(theirs).max()


def counts(path: Path) -> set[int]:
    return {int(tensor) for name, tensor in load(path).items() if name.endswith("num_batches_tracked")}


def test_counts_are_those_that_pytorch_would_have_kept(run, tmp_path, require_torch):
    require_torch()
    convert(run, tmp_path / "out")
    assert counts(tmp_path / "out/netG_epoch_0.pth") == {17 + 7}
    assert counts(tmp_path / "out/netD_epoch_0.pth") == {2 * 17 + 7}


def test_ours_to_theirs_and_back_is_bit_exact(run, tmp_path, require_torch):
    require_torch()
    convert(run / "checkpoints" / "iter_000007", tmp_path / "theirs")
    convert(tmp_path / "theirs", tmp_path / "ours")
    for name in ("generator.params", "critic.params"):
        before = nd.load(str(run / "checkpoints" / "iter_000007" / name))
        after = nd.load(str(tmp_path / "ours" / name))
        assert list(before) == list(after)
        assert all(before[key].asnumpy().tobytes() == after[key].asnumpy().tobytes() for key in before)


def test_a_critic_away_from_its_run_is_read_off_its_shapes(run, tmp_path, require_torch):
    require_torch()
    (tmp_path / "moved").symlink_to(run / "checkpoints" / "iter_000007")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (run / "checkpoints" / "iter_000007").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    for source in ("moved", "copy"):
        convert(tmp_path / source, tmp_path / f"{source}_out")
    assert bits(load(tmp_path / "copy_out/netD_epoch_0.pth")) == bits(load(tmp_path / "moved_out/netD_epoch_0.pth"))


def test_the_newest_epoch_is_taken_by_number(tmp_path, require_torch):
    require_torch()
    for epoch, size in ((9, 32), (10, 16)):
        write_authors_files(tmp_path / "theirs", small(image_size=size), epoch)
    write_authors_files(tmp_path / "theirs", small(image_size=64), 11)
    (tmp_path / "theirs/netG_epoch_11.pth").unlink()
    (tmp_path / "theirs/netD_epoch_11.pth").rename(tmp_path / "theirs/netD_epoch_11.pth.part")
    convert(tmp_path / "theirs", tmp_path / "ours")
    assert json.loads((tmp_path / "ours/generator.json").read_text())["image_size"] == 16
    assert json.loads((tmp_path / "ours/torch.json").read_text())["epoch"] == 10


@pytest.mark.parametrize(
    "changed",
    [{"epoch": "../../x"}, {"epoch": -1}, {"ngpu": None}, {"counts": {"generator": [{}]}}, {"counts": 3}, {"more": 1}],
    ids=str,
)
def test_a_damaged_origin_is_refused(changed, tmp_path, require_torch):
    require_torch()
    write_authors_files(tmp_path / "theirs", small(image_size=16))
    convert(tmp_path / "theirs", tmp_path / "ours")
    origin, manifest = tmp_path / "ours/torch.json", tmp_path / "ours/manifest.json"
    origin.write_text(json.dumps({**json.loads(origin.read_text()), **changed}))
    known = json.loads(manifest.read_text())
    known["torch.json"] = hashlib.sha256(origin.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(known))
    with pytest.raises(UserError, match=r"torch\.json is damaged"):
        convert(tmp_path / "ours", tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "theirs"]


@pytest.mark.parametrize(("letter", "kept"), [("G", "generator.params"), ("D", "critic.params")])
def test_one_network_alone_under_any_name(letter, kept, tmp_path, require_torch):
    require_torch()
    states = write_authors_files(tmp_path / "theirs", small(image_size=16))
    (tmp_path / f"theirs/net{letter}_epoch_7.pth").rename(tmp_path / "weights.pth")
    convert(tmp_path / "weights.pth", tmp_path / "ours")
    assert {path.name for path in (tmp_path / "ours").glob("*.params")} == {kept}
    convert(tmp_path / "ours", tmp_path / "back")
    assert bits(load(tmp_path / f"back/net{letter}_epoch_0.pth")) == bits(states[letter])


def test_no_bn_comes_before_the_mlp_as_in_their_generate(tmp_path, require_torch):
    require_torch()
    write_authors_files(tmp_path / "theirs", small(image_size=16, no_bn=True))
    fields = {**config_json(small(image_size=16, no_bn=True)), "mlp_G": True}
    (tmp_path / "elsewhere.json").write_text(json.dumps(fields))
    convert(tmp_path / "theirs", tmp_path / "ours", tmp_path / "elsewhere.json")
    description = json.loads((tmp_path / "ours/generator.json").read_text())
    assert (description["no_bn"], description["mlp_g"]) == (True, False)
