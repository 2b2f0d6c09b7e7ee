"""Branches: a new run from a checkpoint of another one, exact where nothing changed, and with other options."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxnet import cpu, nd

import gluon_wgan
from gluon_wgan.cli.train import main
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import TrainConfig, read_config
from gluon_wgan.errors import UserError
from gluon_wgan.runs import step_results
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.metrics_csv import WALL_CLOCK_COLUMNS
from gluon_wgan.training import loop
from tests.training.test_training import TINY

FILES = ("generator.params", "critic.params", "generator_optimizer.params", "critic_optimizer.params")


def train(config: TrainConfig, **arguments: Any) -> Path:
    return gluon_wgan.train(config, progress=False, **arguments)


def hashes(run: Path, iteration: int) -> dict[str, str]:
    folder = run / "checkpoints" / f"iter_{iteration:06d}"
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in csv.DictReader(file)]


def lineage(run: Path) -> dict[str, Any]:
    return json.loads((run / "environment.json").read_text())["branch"]


@pytest.fixture(scope="module")
def parents(tmp_path_factory):
    """Train 7 iterations and 5 with the same options, and return both runs and the options."""
    folder = tmp_path_factory.mktemp("parents")
    config = TrainConfig(**{**TINY, "cache_dir": str(folder / "cache"), "out": str(folder / "whole")})
    whole = train(config)
    part = train(config.replace(gen_iters=5, out=str(folder / "part")))
    return whole, part, config


@pytest.fixture
def branch(parents, tmp_path):
    def run(name: str = "branch", source: str = "", **options: Any) -> Path:
        config = parents[2].replace(out=str(tmp_path / name), **options)
        return train(config, branch=parents[1] / source)

    return run


@pytest.mark.slow
def test_a_branch_without_changes_is_the_straight_run(parents, branch):
    whole, part, _ = parents
    found = branch()
    assert hashes(found, 7) == hashes(whole, 7)
    assert rows(found) == rows(whole)
    assert (found / "samples" / "fake_000007.png").read_bytes() == (whole / "samples" / "fake_000007.png").read_bytes()
    told = lineage(found)
    assert told["checkpoint"] == str(part / "checkpoints" / "iter_000005") and told["gen_iter"] == 5
    assert told["changed"] == {"--gen-iters": [5, 7]} and told["begun_anew"] == []
    assert read_config(found / "config.json").branch == told["checkpoint"]
    page = (found / "report.html").read_text()
    assert "branched from" in page and "part, iter_000005" in page


def test_an_earlier_checkpoint_through_the_command_line(parents, tmp_path):
    whole, part, _ = parents
    out = tmp_path / "earlier"
    checkpoint = part / "checkpoints" / "iter_000002"
    assert main(["--branch", str(checkpoint), "--gen-iters", "7e0", "--out", str(out)]) == 0
    assert hashes(out, 7) == hashes(whole, 7) and rows(out) == rows(whole)


@pytest.mark.slow
def test_checkpoints_keep_the_whole_lineage(parents, branch):
    part = parents[1]
    child = branch("child", gen_iters=6)
    grandchild = train(parents[2].replace(out=str(child.parent / "grandchild"), gen_iters=7), branch=child)
    train(parents[2].replace(gen_iters=8), resume=grandchild)
    state = json.loads((grandchild / "checkpoints" / "iter_000008" / "state.json").read_text())
    checkpoints = [part / "checkpoints" / "iter_000005", child / "checkpoints" / "iter_000006"]
    assert state["lineage"] == [
        {
            "checkpoint": str(path),
            "gen_iter": int(path.name[-6:]),
            "manifest_sha256": hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest(),
        }
        for path in checkpoints
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"lr_d": 1e-3, "lr_g": 2e-3}, {"batch_size": 5}, {"clip": 0.1, "n_critic": 1}, {"seed": 3}, {"eps_rule": "torch"}],
    ids=lambda options: next(iter(options)),
)
def test_other_options_start_from_the_same_state(parents, branch, options):
    whole, part, _ = parents
    found = branch(**options)
    # Saved before its first step, so that it needs its parent no longer.
    assert hashes(found, 5) == hashes(part, 5)
    assert hashes(found, 7) != hashes(whole, 7)
    changed = lineage(found)["changed"]
    assert set(changed) == {"--gen-iters", *("--" + name.replace("_", "-") for name in options)}


def test_a_preset_replaces_the_algorithm_and_keeps_networks_and_data(parents, tmp_path):
    out = tmp_path / "run"
    words = ["--branch", str(parents[1]), "--preset", "paper", "--gen-iters", "6", "--out", str(out)]
    assert main([*words, "--lr-d", "1e-3"]) == 0
    old, new = parents[2], read_config(out / "config.json")
    assert new.preset == "paper" and new.lr_d == 1e-3
    preset = PRESETS["paper"]
    assert {name: getattr(new, name) for name in preset} == preset
    kept = ("image_size", "ngf", "ndf", "batch_size", "limit", "n_critic")
    assert all(getattr(new, name) == getattr(old, name) for name in kept)
    assert hashes(out, 5) == hashes(parents[1], 5)
    told = {"--" + name.replace("_", "-") for name in preset if getattr(old, name) != preset[name]}
    assert told | {"--preset", "--lr-d", "--gen-iters"} == set(lineage(out)["changed"])


def test_a_checkpoint_given_to_resume_is_told_from_a_run(parents, capsys):
    checkpoint = parents[1] / "checkpoints" / "iter_000002"
    assert main(["--resume", str(checkpoint)]) == 2
    said = capsys.readouterr().err
    assert f"--resume {parents[1]}, or --branch {checkpoint}" in said and said.count("\n") == 1


def test_a_preset_with_other_networks_is_refused(parents, tmp_path, capsys):
    out = tmp_path / "run"
    status = main(["--branch", str(parents[1]), "--preset", "lite", "--gen-iters", "6", "--out", str(out)])
    said = capsys.readouterr().err
    assert status == 2 and not out.exists()
    assert "fit the networks of these options" in said.splitlines()[-1] and "Traceback" not in said


def test_another_batch_size_goes_on_after_the_images_used(parents, branch):
    state = json.loads((parents[1] / "checkpoints" / "iter_000005" / "state.json").read_text())
    # 12 critic steps of four batches an epoch: the next one begins epoch 3.
    assert state["data"] == {"epoch": 3, "position": 0}
    found = branch(batch_size=5, source="checkpoints/iter_000004")
    # 10 batches of 8 were taken: 2 of 27 images in epoch 2, so that 16 images make 4 batches of 5 (20 > 16).
    start = json.loads((found / "checkpoints" / "iter_000004" / "state.json").read_text())
    assert start["data"] == {"epoch": 2, "position": 4}


def test_a_gradient_penalty_takes_over_what_fits(parents, branch):
    found = branch(objective="wgan-gp", no_bn_d=True)
    assert hashes(found, 5)["generator.params"] == hashes(parents[1], 5)["generator.params"]
    old, new = (nd.load(str(run / "checkpoints/iter_000005/critic.params")) for run in (parents[1], found))
    kept = [values for name, values in old.items() if name.endswith("weight")]
    assert len(kept) == len(new) == 3
    assert all(np.array_equal(a.asnumpy(), b.asnumpy()) for a, b in zip(kept, new.values()))
    state = [nd.load(str(run / "checkpoints/iter_000005/critic_optimizer.params")) for run in (parents[1], found)]
    squares = [sorted(float(values.asnumpy().sum()) for values in one.values() if values.ndim == 4) for one in state]
    assert squares[0] == squares[1] and min(squares[0]) > 0
    assert "critic's weights without its norm layers" in lineage(found)["carried_over"]


def test_another_optimizer_begins_anew_with_the_same_weights(parents, branch):
    found = branch(optimizer="adam")
    assert hashes(found, 5)["critic.params"] == hashes(parents[1], 5)["critic.params"]
    assert lineage(found)["begun_anew"] == ["generator's optimizer state", "critic's optimizer state"]


def test_other_devices(parents, tmp_path):
    config = parents[2].replace(out=str(tmp_path / "two"))
    found = train(config, branch=parents[1], contexts=[cpu(0), cpu(1)])
    assert hashes(found, 5)["generator.params"] == hashes(parents[1], 5)["generator.params"]
    # A run of two devices is continued by two alone, through the Python API as well.
    with pytest.raises(UserError, match="trained on 2 devices"):
        train(config.replace(gen_iters=8), resume=found, contexts=[cpu(0)])


def test_a_branch_killed_before_its_first_checkpoint_starts_again(parents, branch, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop.Session, "save", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            branch()
    out = tmp_path / "branch"
    assert list((out / "checkpoints").iterdir()) == []
    assert hashes(train(RunDirectory(out).config(), resume=out), 7) == hashes(parents[0], 7)
    assert rows(out) == rows(parents[0]) and lineage(out)["gen_iter"] == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gen_iters": 5}, "add --gen-iters with more than 5"),
        ({"ngf": 8, "ndf": 8}, "No weights of"),
        ({"source": "samples"}, "neither a run directory nor a checkpoint"),
        ({"source": "missing"}, "does not exist"),
    ],
)
def test_what_is_refused_leaves_no_run_directory(branch, tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        branch(**options)
    assert list(tmp_path.iterdir()) == []


def test_resume_and_branch_together_are_refused(parents, capsys):
    assert main(["--resume", str(parents[1]), "--branch", str(parents[1])]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["wgan", "wgan-gp"])
def test_the_message_of_a_loss_that_is_not_finite_names_a_command_that_works(
    parents, tmp_path, monkeypatch, objective, capsys
):
    out, read = tmp_path / "run", step_results.CriticResult.read
    options = {"objective": objective, "no_bn_d": objective == "wgan-gp", "out": str(out)}
    with monkeypatch.context() as patch:
        patch.setattr(step_results.CriticResult, "read", poisoned(read, 9))
        with pytest.raises(loop.Diverged) as stopped:
            train(parents[2].replace(**options))
    advice = str(stopped.value)
    assert ("clip" in advice) == (objective == "wgan")
    command = advice.split("train_wgan.py ")[1].split()
    assert command == ["--branch", str(out), "--lr-d", "2.5e-05", "--lr-g", "2.5e-05"]
    logging.getLogger("gluon_wgan").handlers.clear()
    assert main([*command, "--out", str(tmp_path / "next")]) == 0


def poisoned(read: Any, at: int) -> Any:
    calls = iter(range(1, 1_000_000))
    return lambda self: read(self)._replace(loss_d=float("nan")) if next(calls) == at else read(self)
