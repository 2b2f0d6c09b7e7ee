"""Runs on a GPU that fails or is exchanged: exit status 3, and a resume that keeps its machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxnet import MXNetError, nd

from gluon_wgan.cli import train as cli
from gluon_wgan.errors import DeviceError, UserError
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.training import trainer
from gluon_wgan.training.loop import Diverged
from gluon_wgan.training.resuming import machine_changes
from tests.training.test_training import cache, run, tiny  # noqa: F401  (fixtures)


def test_a_gpu_that_fails_in_training_says_how_to_go_on(tiny, monkeypatch, capsys) -> None:  # noqa: F811
    config = tiny("failing", gen_iters=4, sample_every=2)
    steps = iter(range(100))
    step = trainer.GluonEngine.generator_step

    def fail(self: Any) -> Any:
        if next(steps) == 2:  # a checkpoint is saved after the second
            raise MXNetError("src/engine.cc: Check failed: CUDA: unspecified launch failure\nStack trace:\n")
        return step(self)

    monkeypatch.setattr(trainer.GluonEngine, "generator_step", fail)
    with pytest.raises(DeviceError, match=r"unspecified launch failure.*checkpoint iter_000002 with --resume"):
        run(config)
    monkeypatch.setattr(cli, "_train", lambda *_: (_ for _ in ()).throw(DeviceError("The GPU has failed.")))
    assert cli.main(["--gen-iters", "1"]) == 3
    assert capsys.readouterr().err.splitlines()[-1].endswith(": The GPU has failed.")


def test_weights_that_are_not_finite_stop_the_run_at_a_checkpoint(tiny, monkeypatch) -> None:  # noqa: F811
    """The losses stay finite, as where cuDNN's ReLU turns NaN into 0."""
    step = trainer.GluonEngine.generator_step

    def poison(self: Any) -> Any:
        result = step(self)
        nd.waitall()
        parameter = next(p for p in self.generator.collect_params().values() if "gamma" in p.name)
        parameter.data()[0] = np.inf
        return result

    monkeypatch.setattr(trainer.GluonEngine, "generator_step", poison)
    config = tiny("poisoned", gen_iters=1)
    with pytest.raises(Diverged, match=r"not finite at generator iteration 1 .*generator\.main\.1\.gamma"):
        run(config)
    assert [path.name for path in Path(config.out).glob("checkpoints/*")] == ["nonfinite_000001"]


A100 = {"devices": ["gpu(0)"], "gpu_model": ["A100"], "cudnn": "8.9.6", "variables": {"NVIDIA_TF32_OVERRIDE": "0"}}


@pytest.mark.parametrize(
    ("new", "changes"),
    [
        (A100, []),
        ({**A100, "driver": "550"}, []),
        ({"devices": ["cpu(0)"]}, ["device GPU -> CPU"]),
        ({**A100, "gpu_model": ["V100"]}, ["GPU model A100 -> V100"]),
        ({**A100, "cudnn": "8.1.0"}, ["cuDNN 8.9.6 -> 8.1.0"]),
        ({**A100, "variables": {}}, ["NVIDIA_TF32_OVERRIDE 0 -> unset"]),
    ],
)
def test_what_counts_as_another_machine(new: dict[str, Any], changes: list[str]) -> None:
    assert machine_changes(A100, new) == changes
    assert machine_changes({"devices": ["cpu(0)"]}, {"devices": ["cpu(0)", "cpu(1)"]}) == []
    assert machine_changes({}, new) == []


@pytest.mark.slow
def test_a_resume_on_another_machine_is_refused_or_accepted_and_recorded(tiny) -> None:  # noqa: F811
    path = run(tiny("moved", gen_iters=2))
    file = RunDirectory(path).environment_file
    file.write_text(json.dumps({**json.loads(file.read_text()), **A100}))
    longer = tiny("moved", gen_iters=3)
    with pytest.raises(UserError, match=r"device GPU -> CPU.*--accept-other-device"):
        run(longer, resume=path)
    run(longer.replace(accept_other_device=True), resume=path)
    assert json.loads((path / "environment_iter_000002.json").read_text())["accepted_changes"] == ["device GPU -> CPU"]
    # The lineage goes on from where it was accepted.
    run(tiny("moved", gen_iters=4), resume=path)


@pytest.mark.slow
def test_a_run_on_a_gpu_does_not_fall_back_to_the_cpu(tiny) -> None:  # noqa: F811
    path = run(tiny("gpu", gen_iters=2, gpus=(0,)))  # on the CPU, there being no GPU
    run(tiny("gpu", gen_iters=3, gpus=(0,)), resume=path)
    for file in path.glob("environment*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), **A100}))
    with pytest.raises(DeviceError, match="cu112"):
        run(tiny("gpu", gen_iters=4, gpus=(0,)), resume=path)


@pytest.mark.slow
def test_tf32_needs_a_gpu_and_may_change_only_when_accepted(tiny) -> None:  # noqa: F811
    with pytest.raises(UserError, match=r"--tf32.*--gpus 0"):
        run(tiny("tf32", tf32=True))
    path = run(tiny("plain", gen_iters=1))
    with pytest.raises(UserError, match=r"another --tf32.*--accept-other-device"):
        run(tiny("plain", tf32=True), resume=path)
