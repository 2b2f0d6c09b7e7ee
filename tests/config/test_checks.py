"""Options without effect: named for each preset, and proved by training with other values of them to the same bits."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

import gluon_wgan
from gluon_wgan.config.checks import without_effect
from gluon_wgan.config.train_config import TrainConfig, preset_config

TINY = {"image_size": 16, "ngf": 4, "ndf": 4, "batch_size": 8, "n_critic": 2, "gen_iters": 2}
OTHER = {
    "gp_lambda": 3.0,
    "gp_alpha": "per-batch",
    "gp_norm": "channels",
    "clip": 0.5,
    "clip_when": "after",
    "clip_running_stats": True,
    "clip_bn": False,
    "gamma1": 0.5,
    "eps_d": 1e-3,
    "eps_g": 1e-3,
    "beta1": 0.1,
    "beta2": 0.2,
    "eps_adam": 1e-2,
    "warmup_critic": 7,
    "short_noise": True,
    "subset_seed": 5,
    "center_crop": "floor",
    "exclude": ("*.txt",),
    "max_pixels": 99_999,
    "bit_depth": 12,
    "no_bn": True,
    "arch": "lite",
    "block_order": "conv-act-norm",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, {"gp_lambda", "gp_alpha", "gp_norm", "beta1", "beta2", "eps_adam", "subset_seed", "exclude"}),
        ({"optimizer": "adam"}, {"gamma1", "eps_d", "eps_g", "gp_lambda"}),
        ({"objective": "wgan-gp", "no_bn_d": True}, {"clip", "clip_when", "clip_bn", "beta1"}),
        (
            {"mlp_g": True, "mlp_d": True, "drop_last": True, "fit": "pad"},
            {"no_bn", "arch", "block_order", "short_noise"},
        ),
    ],
)
def test_their_values_change_no_bit(tmp_path, options, named):
    config = TrainConfig(
        **{**TINY, "warmup_iters": 0, "boost_every": 0, "cache_dir": str(tmp_path / "cache"), "threads": 1, **options}
    )
    idle = without_effect(config)
    assert named < idle
    others = {name: value for name, value in OTHER.items() if name in idle}
    assert all(getattr(config, name) != value for name, value in others.items())
    assert trained(config, tmp_path / "one") == trained(config.replace(**others), tmp_path / "other")


def trained(config: TrainConfig, out) -> list[str]:
    run = gluon_wgan.train(config.replace(out=str(out)), progress=False)
    folder = run / "checkpoints" / "iter_000002"
    return [hashlib.sha256((folder / f"{name}.params").read_bytes()).hexdigest() for name in ("generator", "critic")]


def test_every_name_is_an_option_and_data_files_have_theirs():
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    for preset in ("gluon", "wgan-gp", "dcgan", "lite"):
        assert without_effect(preset_config(preset)) < names
    idle = without_effect(preset_config("gluon", data_root="images", limit=9))
    assert not {"fit", "center_crop", "exclude", "subset_seed"} & idle
    assert not {"clip", "eps_d", "warmup_critic", "lr_d", "n_critic"} & idle
