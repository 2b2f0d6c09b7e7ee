"""Options: ranges, presets, flags and the reference's spellings."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.cli.train import main, resolve
from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import (
    TrainConfig,
    changed_fields,
    overridden_fields,
    preset_config,
    read_config,
)
from gluon_wgan.errors import UserError


def parse(line: str) -> TrainConfig:
    return resolve(chosen_options(build_parser("test").parse_args(line.split())), None)


def test_defaults_are_the_algorithm_of_the_2018_port():
    config = TrainConfig()
    assert (config.lr_d, config.lr_g, config.gamma1, config.eps_d, config.eps_g) == (
        5e-5,
        5e-5,
        0.99,
        1e-12,
        1e-14,
    )
    assert (config.n_critic, config.warmup_iters, config.warmup_critic, config.boost_every) == (
        5,
        25,
        100,
        500,
    )
    assert (config.clip, config.clip_when, config.clip_running_stats) == (0.01, "before", False)
    assert (config.image_size, config.batch_size, config.nz, config.ngf, config.ndf) == (64, 64, 100, 64, 64)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_survives_json(name):
    config = preset_config(name)
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert overridden_fields(config) == []


def test_presets_say_what_their_sources_did():
    port = preset_config("port2018")
    assert (port.resize, port.clip_running_stats, port.sample_bn) == ("mxnet-area", True, "running")
    assert port.stop_at_epoch_end
    assert (port.center_crop, port.sample_rounding, port.gen_iters, port.epochs) == ("floor", "down", None, 25)
    assert (preset_config("port2018", gen_iters=7).gen_iters, preset_config("port2018", gen_iters=7).epochs) == (
        7,
        None,
    )
    assert preset_config("gluon", epochs=3).gen_iters is None
    with pytest.raises(UserError, match="both say when to stop"):
        preset_config("port2018", gen_iters=7, epochs=3)
    paper = preset_config("paper")
    assert (paper.clip_when, paper.warmup_iters, paper.boost_every, paper.n_critic) == ("after", 0, 0, 5)
    reference = preset_config("reference")
    assert (reference.eps_rule, reference.eps_d, reference.eps_g) == ("torch", 1e-8, 1e-8)
    assert (reference.clip_when, reference.stop_at_epoch_end, reference.drop_last) == ("before", True, False)
    assert (reference.running_var, reference.sample_bn, reference.resize) == ("unbiased", "batch", "pil-bilinear")
    penalty = preset_config("wgan-gp")
    assert (penalty.optimizer, penalty.lr_d, penalty.beta1, penalty.beta2) == ("adam", 1e-4, 0.0, 0.9)
    assert (penalty.gp_lambda, penalty.gp_alpha, penalty.gp_norm, penalty.n_critic) == (10, "per-sample", "all", 5)
    baseline = preset_config("dcgan")
    assert (baseline.optimizer, baseline.lr_d, baseline.beta1, baseline.n_critic) == ("adam", 2e-4, 0.5, 1)
    lite = preset_config("lite")
    assert (lite.arch, lite.nz, lite.n_critic, lite.lr_d, lite.clip) == ("lite", 128, 1, 1e-4, 0.02)


def test_a_flag_overrides_one_field_of_a_preset():
    config = parse("--preset demo --lr-d 1e-4")
    assert config.lr_d == 1e-4
    assert config == preset_config("demo", lr_d=1e-4)
    assert overridden_fields(config) == ["lr_d"]


def test_every_field_has_a_flag_with_help_and_a_kind():
    text = build_parser("test").format_help()
    for field in dataclasses.fields(TrainConfig):
        assert flag_of(field.name) in text
        assert field.metadata["help"] and field.metadata["kind"]


def test_the_published_command_of_the_paper_pastes_over():
    config = parse(
        "--mlp_G --ngf 512 --dataset folder --dataroot images --cuda --batchSize 32 --imageSize 32 "
        "--niter 7 --lrD 0.0001 --lrG 0.0002 --Diters 3 --clamp_lower -0.02 --clamp_upper 0.02 --noBN "
        "--mlp_D --n_extra_layers 1 --experiment there --adam --beta1 0.4 --ngpu 2 --workers 3 "
        "--netG g --netD d"
    )
    wanted = {
        "mlp_g": True,
        "mlp_d": True,
        "ngf": 512,
        "data_root": "images",
        "gpus": (0, 1),
        "batch_size": 32,
        "image_size": 32,
        "epochs": 7,
        "gen_iters": None,
        "lr_d": 1e-4,
        "lr_g": 2e-4,
        "n_critic": 3,
        "clip": 0.02,
        "no_bn": True,
        "no_bn_d": False,
        "n_extra_layers": 1,
        "out": "there",
        "optimizer": "adam",
        "beta1": 0.4,
        "jobs": 3,
        "net_g": "g",
        "net_d": "d",
    }
    assert {name: getattr(config, name) for name in wanted} == wanted


def test_switches_can_be_switched_off_again():
    assert not parse("--preset port2018 --no-clip-running-stats").clip_running_stats


BAD = {
    "--image-size 48": "--image-size 48",
    "--nc 2": "--nc 2",
    "--batch-size 0": "--batch-size 0",
    "--lr-d 0": "--lr-d 0",
    "--lr-g -1": "--lr-g -1",
    "--lr-g inf": "--lr-g inf",
    "--eps-d nan": "--eps-d nan",
    "--clip 0": "--clip 0",
    "--gamma1 1.5": "--gamma1 1.5",
    "--optimizer adam --beta1 1": "--beta1 1",
    "--optimizer adam --beta2 1": "--beta2 1",
    "--seed -1": "--seed -1",
    "--gen-iters 0": "--gen-iters 0",
    "--gen-iters 3 --epochs 3": "--epochs",
    "--preset nothing": "nothing",
    "--dataset folder": "--data-root",
    "--data-root somewhere": "somewhere does not exist",
    "--data-root somewhere --dataset built-in": "--data-root somewhere",
    "--data-root somewhere --data-root elsewhere --dataset built-in": "--data-root somewhere",
    "--crop celeba-109": "--crop celeba-109",
    "--max-pixels 0": "--max-pixels 0",
    "--crop 5,5,5,9": "--crop 5,5,5,9",
    "--crop 5,5": "5,5",
    "--clamp_lower -0.02": "not symmetric",
    "--gpus x": "x",
    "--optimizer sgd": "sgd",
    "--no-such-flag": "--no-such-flag",
    "--resume no/such/run": "no/such/run",
    "--resume no/such/run --out elsewhere": "--out",
    "--ngf": "--ngf",
    "--ngf 1.5": "1.5",
    "--dataset folder --data-root no/such/folder": "no/such/folder",
    "--resize pil-cubic": "pil-cubic",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence_and_status_2(line, capfd):
    try:
        status = main(line.split())
    except SystemExit as stop:  # argparse's own way out
        status = stop.code
    out, err = capfd.readouterr()
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1 and BAD[line] in err and "Traceback" not in err


def test_a_configuration_from_another_version_is_refused(tmp_path):
    path = tmp_path / "config.json"
    for text in ('{"no_such_option": 1}', "not json", "[1]", '{"ngf": "wide"}', '{"no_bn": 3}'):
        path.write_text(text)
        with pytest.raises(UserError):
            read_config(path)
    with pytest.raises(UserError):
        read_config(tmp_path / "missing.json")


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "image_size": st.sampled_from([16, 32, 64, 128, 256]),
            "nc": st.sampled_from([1, 3]),
            "lr_d": st.floats(1e-12, 1e3),
            "eps_g": st.floats(0, 1),
            "seed": st.integers(0, 2**63 - 1),
            "gpus": st.lists(st.integers(0, 7), unique=True).map(tuple),
            "clip_when": st.sampled_from(["before", "after"]),
            "no_bn": st.booleans(),
            "keep_checkpoints": st.integers(0, 100),
        },
    )
)
def test_json_round_trip(fields):
    config = TrainConfig(**fields)
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    kinds = ("maths", "pixels", "length", "cadence", "machine")
    changed = changed_fields(TrainConfig(), config, kinds)
    assert changed == [f.name for f in dataclasses.fields(config) if getattr(config, f.name) != f.default]


def test_the_page_of_options_is_up_to_date(repository):
    import subprocess
    import sys

    command = [sys.executable, str(repository / "tools" / "document_options.py"), "--check"]
    assert subprocess.run(command, timeout=120).returncode == 0


@pytest.mark.parametrize("name", ["nonsense", "pil-area", "PIL", ""])
def test_an_unknown_resize_backend_is_refused_when_the_options_are_read(name):
    with pytest.raises(UserError, match="There is no resize backend"):
        TrainConfig(resize=name)


def test_the_names_of_resize_backends_are_those_that_exist():
    from gluon_wgan.config.resize_names import NAMES, canonical_name
    from gluon_wgan.data.resize import BACKENDS

    assert tuple(BACKENDS) == NAMES
    for name in (*NAMES, "pil", "cv2"):
        assert TrainConfig(resize=name).resize == canonical_name(name)


def test_a_run_on_several_machines_can_be_continued_in_one_process():
    config = TrainConfig(kvstore="dist_sync")
    assert config.replace(kvstore="none").kvstore is None and TrainConfig(kvstore="none") == TrainConfig()
