"""--net-g and --net-d: every form in which weights lie around, and what is said of those that do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxnet import cpu, nd

from gluon_wgan.api import train
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.interop.torch_weights import convert
from gluon_wgan.training.wgan import WGAN

OPTIONS: dict[str, Any] = {"image_size": 32, "ngf": 6, "ndf": 4, "nz": 10, "batch_size": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    config = TrainConfig(
        **OPTIONS, seed=3, limit=8, gen_iters=1, warmup_critic=1, out=str(folder / "run"), cache_dir=str(folder)
    )
    return train(config, progress=False)


@pytest.fixture(scope="module")
def authors(run, tmp_path_factory, require_torch) -> Path:
    require_torch()
    folder = tmp_path_factory.mktemp("authors") / "pth"
    convert(run, folder)
    return folder


def weights(config: TrainConfig, net: str) -> dict[str, np.ndarray]:
    block = getattr(WGAN(config, [cpu()]), net)
    return {name: parameter.data().asnumpy() for name, parameter in block._collect_params_with_prefix().items()}


def forms(run: Path, role: str) -> dict[str, Path]:
    checkpoint = run / "checkpoints" / "iter_000001"
    return {"run": run, "checkpoint": checkpoint, "file": checkpoint / f"{role}.params"}


@pytest.mark.parametrize("form", ["run", "checkpoint", "file"])
@pytest.mark.parametrize(("role", "option"), [("generator", "net_g"), ("critic", "net_d")])
def test_a_run_a_checkpoint_and_a_file_give_the_same_weights(run, role, option, form):
    loaded = weights(TrainConfig(**OPTIONS, **{option: str(forms(run, role)[form])}), role)
    saved = nd.load(str(forms(run, role)["file"]))
    assert loaded.keys() == saved.keys()
    assert all(np.array_equal(loaded[name], saved[name].asnumpy()) for name in saved)


@pytest.mark.parametrize(("role", "option", "letter"), [("generator", "net_g", "G"), ("critic", "net_d", "D")])
def test_the_authors_files_give_their_tensors(run, authors, role, option, letter, tmp_path, require_torch):
    file = authors / f"net{letter}_epoch_0.pth"
    theirs = [t.numpy() for name, t in require_torch().load(file).items() if not name.endswith("tracked")]
    renamed = shutil.copy(file, tmp_path / "weights of somebody")
    for given in (file, authors, renamed):
        loaded = weights(TrainConfig(**OPTIONS, **{option: str(given)}), role)
        assert len(loaded) == len(theirs)
        assert all(np.array_equal(ours, tensor) for ours, tensor in zip(loaded.values(), theirs))


@pytest.mark.parametrize(
    ("given", "others", "said"),
    [
        ("run", {"ngf": 8}, "was trained with --ngf 6"),
        ("run", {"image_size": 64}, "was trained with --image-size 32"),
        ("run", {"mlp_g": True}, "was trained with --no-mlp-g, so give the same here"),
        ("run", {"no_bn": True}, "was trained without --no-bn, so leave out --no-bn"),
        ("run", {"block_order": "conv-act-norm"}, "was trained with --block-order conv-norm-act"),
        ("run", {"arch": "lite"}, "was trained with --arch dcgan"),
        ("run/checkpoints/iter_000001/critic.params", {}, "holds a critic: give it with --net-d"),
        ("run/samples", {}, "no generator in"),
        ("run/config.json", {}, "config.json"),
        ("missing.pth", {}, "no .*missing.pth: --net-g takes a run directory"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(run, given, others, said, require_torch):
    if given == "run/config.json":
        require_torch()
    with pytest.raises(UserError, match=said):
        WGAN(TrainConfig(**{**OPTIONS, **others, "net_g": str(run.parent / given)}), [cpu()])


def test_a_lone_file_tells_its_options_by_its_shapes(run, tmp_path):
    lone = shutil.copy(run / "checkpoints" / "iter_000001" / "critic.params", tmp_path / "x.params")
    with pytest.raises(UserError, match="was trained with --ndf 4, so give the same"):
        WGAN(TrainConfig(**{**OPTIONS, "ndf": 8, "net_d": str(lone)}), [cpu()])
    with pytest.raises(UserError, match="holds a critic: give it with --net-d"):
        WGAN(TrainConfig(**OPTIONS, net_g=str(lone)), [cpu()])


@pytest.mark.slow
def test_a_refused_start_leaves_no_directory_and_a_resumed_one_needs_no_first_weights(run, tmp_path):
    moved = shutil.copytree(run, tmp_path / "first")
    fields = {**OPTIONS, "limit": 8, "gen_iters": 1, "warmup_critic": 1, "cache_dir": str(run.parent)}
    out = tmp_path / "out"
    for wrong in ({"ngf": 8}, {"net_d": str(tmp_path / "missing")}, {"net_g": str(tmp_path)}):
        with pytest.raises(UserError):
            train(TrainConfig(**{**fields, "net_g": str(moved), "out": str(out), **wrong}), progress=False)
        assert not out.exists()
    config = TrainConfig(**fields, net_g=str(moved), out=str(out))
    train(config, progress=False)
    shutil.rmtree(moved)
    train(config.replace(gen_iters=2), resume=out, progress=False)
    assert (out / "checkpoints" / "iter_000002").is_dir()
