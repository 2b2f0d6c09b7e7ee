"""--ema: the averaged generator, against an average taken by hand, in checkpoints and in the tools."""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

import gluon_wgan
from gluon_wgan.cli.evaluate import main as evaluate
from gluon_wgan.cli.generate import main as generate
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.training import trainer
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils.params_file import read_params
from tests.training.test_training import TINY

pytestmark = pytest.mark.slow

# Weights are below 1.2; in each of four steps three results are rounded to float32, by half of 2^-23 each.
ROUNDING = 4 * 3 * 2**-24


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> TrainConfig:
    folder = tmp_path_factory.mktemp("averaged")
    return TrainConfig(
        **{**TINY, "gen_iters": 4, "ema": 0.75, "cache_dir": str(folder / "cache"), "out": str(folder / "run")}
    )


@pytest.fixture(scope="module")
def run(averaged: TrainConfig) -> Path:
    return trainer.train(averaged.replace(checkpoint_every=1), progress=False)


def weights(run: Path, iteration: int, name: str = "generator_ema") -> dict[str, np.ndarray]:
    return read_params(run / "checkpoints" / f"iter_{iteration:06d}" / f"{name}.params")


def test_it_is_the_average_of_the_weights_after_each_step(run: Path, averaged: TrainConfig) -> None:
    wgan = WGAN(averaged, [mx.cpu()])
    expected = {
        name: parameter.data().asnumpy().astype(np.float64)
        for name, parameter in wgan.generator._collect_params_with_prefix().items()
    }
    for iteration in range(1, 5):
        raw, mean = weights(run, iteration, "generator"), weights(run, iteration)
        assert raw.keys() == mean.keys() == expected.keys()
        for name, values in raw.items():
            if "running" in name:
                np.testing.assert_array_equal(mean[name], values)
            else:
                expected[name] = 0.75 * expected[name] + 0.25 * values
                np.testing.assert_allclose(mean[name], expected[name], rtol=0, atol=ROUNDING)
    name = next(iter(raw))
    assert np.abs(mean[name] - raw[name]).max() > 1e-6


def test_it_changes_nothing_else_and_resumes_exactly(run: Path, averaged: TrainConfig, tmp_path: Path) -> None:
    plain = trainer.train(averaged.replace(ema=None, out=str(tmp_path / "plain")), progress=False)
    for name in ("generator", "critic"):
        for key, values in weights(plain, 4, name).items():
            np.testing.assert_array_equal(values, weights(run, 4, name)[key])
    assert not (plain / "checkpoints/iter_000004/generator_ema.params").exists()
    config = averaged.replace(out=str(tmp_path / "resumed"))
    resumed = trainer.train(config.replace(gen_iters=2), progress=False)
    trainer.train(config, resume=resumed, progress=False)
    for key, values in weights(resumed, 4).items():
        np.testing.assert_array_equal(values, weights(run, 4)[key])
    with pytest.raises(UserError, match="--ema"):
        trainer.train(config.replace(ema=0.5, gen_iters=6), resume=resumed, progress=False)


def test_several_devices_average_the_same_weights(averaged: TrainConfig, tmp_path: Path) -> None:
    two = trainer.train(
        averaged.replace(out=str(tmp_path / "two"), checkpoint_every=1),
        contexts=[mx.cpu(0), mx.cpu(1)],
        progress=False,
    )
    name = "main.0.weight" if "main.0.weight" in weights(two, 1) else next(iter(weights(two, 1)))
    expected = 0.75 * weights(two, 3)[name] + 0.25 * weights(two, 4, "generator")[name]
    np.testing.assert_allclose(weights(two, 4)[name], expected, rtol=0, atol=1e-7)


def test_a_branch_begins_to_average_with_the_weights_it_has(averaged: TrainConfig, tmp_path: Path) -> None:
    plain = trainer.train(averaged.replace(ema=None, gen_iters=2, out=str(tmp_path / "plain")), progress=False)
    config = averaged.replace(gen_iters=3, branch=str(plain), out=str(tmp_path / "branch"))
    branch = trainer.train(config, progress=False)
    name = next(name for name in weights(branch, 3) if name.endswith("weight"))
    expected = 0.75 * weights(plain, 2, "generator")[name] + 0.25 * weights(branch, 3, "generator")[name]
    np.testing.assert_allclose(weights(branch, 3)[name], expected, rtol=0, atol=1e-7)


def test_the_tools_take_it(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (run / "samples/ema_000004.png").read_bytes() != (run / "samples/fake_000004.png").read_bytes()
    network = gluon_wgan.load_generator(run, ema=True)
    name = next(iter(weights(run, 4)))
    found = network._collect_params_with_prefix()[name].data().asnumpy()
    np.testing.assert_array_equal(found, weights(run, 4)[name])
    assert generate([str(run), "--ema", "--out", str(tmp_path / "drawn"), "--num", "2", "--bn", "running"]) == 0
    assert evaluate([str(run), "--ema", "--num", "16", "--metrics", "fid", "--json"]) == 0
    assert '"weights": "generator_ema.params"' in capsys.readouterr().out
    assert evaluate([str(run / "samples"), "--ema", "--real", str(run / "samples")]) == 2
    with pytest.raises(UserError, match="has no averaged generator: leave --ema out"):
        gluon_wgan.load_generator(
            Path(gluon_wgan.__file__).parent / "models/pretrained/wgan_dcgan32_portraits", ema=True
        )


def test_images_go_into_the_run_directory_by_default(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate([str(run), "--grid", "2x2"]) == generate([str(run), "--grid", "2x2"]) == 0
    assert (run / "generated" / "grid.png").is_file() and (run / "generated-2" / "grid.png").is_file()
    assert f"{run / 'generated'}: grid" in capsys.readouterr().out
