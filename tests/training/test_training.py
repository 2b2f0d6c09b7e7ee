"""Whole runs on a tiny problem: what they write, and that stopping and resuming changes nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mxnet import cpu, nd
from PIL import Image

import gluon_wgan
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.runs import checkpoints, step_results
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.metrics_csv import COLUMNS, WALL_CLOCK_COLUMNS
from gluon_wgan.training import loop, time_estimate, trainer
from gluon_wgan.training.signals import Interrupted
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

TINY: dict[str, Any] = {
    "image_size": 16,
    "ngf": 4,
    "ndf": 4,
    "batch_size": 8,
    "limit": 27,
    "n_critic": 2,
    "warmup_iters": 2,
    "warmup_critic": 3,
    "boost_every": 5,
    "gen_iters": 7,
    "sample_every": 3,
    "checkpoint_every": 2,
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(cache, tmp_path):
    def configure(name: str = "run", **fields: Any) -> TrainConfig:
        return TrainConfig(**{**TINY, "cache_dir": str(cache), "out": str(tmp_path / name), **fields})

    return configure


def run(config: TrainConfig, **arguments) -> Path:
    return trainer.train(config, progress=False, **arguments)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def result(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what must not depend on interruptions: hashes of the final state, and the metrics."""
    final = path / "checkpoints" / "iter_000007"
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in final.glob("*.params")}
    hashes["image"] = hashlib.sha256((path / "samples" / "fake_000007.png").read_bytes()).hexdigest()
    metrics = [{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in rows(path)]
    return hashes, metrics


@pytest.fixture(scope="session")
def straight(cache, tmp_path_factory):
    """One uninterrupted run."""
    out = tmp_path_factory.mktemp("straight") / "run"
    return run(TrainConfig(**{**TINY, "cache_dir": str(cache), "out": str(out)}))


def test_a_run_directory_explains_itself(straight):
    names = {str(path.relative_to(straight)) for path in straight.rglob("*")}
    assert {"config.json", "environment.json", "metrics.csv", "log.txt", "curves.png"} <= names
    assert {f"samples/fake_{i:06d}.png" for i in (0, 3, 6, 7)} | {"samples/real.png"} <= names
    assert {f"checkpoints/iter_{i:06d}/generator.json" for i in (2, 4, 6, 7)} <= names
    environment = json.loads((straight / "environment.json").read_text())
    assert {"mxnet", "numpy", "pillow", "opencv-python"} <= set(environment["libraries"])
    assert environment["devices"] == ["cpu(0)"]
    assert json.loads((straight / "config.json").read_text())["ngf"] == 4
    for image in straight.rglob("*.png"):
        Image.open(image).load()


def test_metrics_have_a_row_for_each_generator_iteration(straight):
    table = rows(straight)
    assert (
        tuple(table[0])
        == COLUMNS
        == (
            "gen_iter",
            "epoch",
            "critic_steps",
            "loss_d",
            "loss_d_last",
            "loss_g",
            "d_real",
            "d_fake",
            "w_estimate",
            "seconds",
            "images_per_second",
            "penalty",
        )
    )
    assert [int(row["gen_iter"]) for row in table] == [1, 2, 3, 4, 5, 6, 7]
    assert [int(row["critic_steps"]) for row in table] == [3, 3, 2, 2, 2, 3, 2]
    # Four batches an epoch: 3, 6, 8, 10, 12, 15, 17 batches taken.
    assert [int(row["epoch"]) for row in table] == [0, 1, 1, 2, 2, 3, 4]
    for row in table:
        loss_d, estimate = float(row["loss_d"]), float(row["w_estimate"])
        assert loss_d == pytest.approx(float(row["d_real"]) - float(row["d_fake"]), abs=1e-12)
        assert estimate == -loss_d
        assert float(row["seconds"]) > 0 and float(row["images_per_second"]) > 0
    assert any(row["loss_d"] != row["loss_d_last"] for row in table)


def test_the_same_seed_gives_the_same_run_and_another_does_not(straight, tiny):
    assert result(run(tiny())) == result(straight)
    assert result(run(tiny("other", seed=1)))[1] != result(straight)[1]


@pytest.mark.parametrize("first", [1, 2, 5])
def test_a_longer_run_is_a_resumed_shorter_one(straight, tiny, first):
    short = run(tiny(gen_iters=first))
    config = RunDirectory.open(short).config().replace(gen_iters=7)
    assert result(run(config, resume=short)) == result(straight)


@pytest.mark.parametrize("step", [1, 4, 9, 12])
def test_an_interruption_amid_the_critic_steps_changes_nothing(straight, tiny, step, monkeypatch):
    steps = 0
    note = loop.Session.record_critic_step

    def note_and_interrupt(self, scores):
        nonlocal steps
        note(self, scores)
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Session, "record_critic_step", note_and_interrupt)
    with pytest.raises(Interrupted, match="--resume") as stopped:
        run(tiny())
    assert stopped.value.signum == signal.SIGTERM
    path = Path(tiny().out or "")
    assert len(rows(path)) < 7
    assert result(run(tiny(), resume=path)) == result(straight)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "adam", "lr_d": 1e-3, "lr_g": 1e-3},
        {**PRESETS["wgan-gp"], "boost_every": 5},
        {**PRESETS["dcgan"], "drop_last": True},
        {**PRESETS["lite"], "ngf": 2, "ndf": 2},
        PRESETS["reference"],
    ],
    ids=["adam", "wgan-gp", "dcgan", "lite", "reference"],
)
def test_every_objective_and_optimiser_resumes_exactly_too(fields, tiny):
    whole = run(tiny("whole", **fields))
    part = run(tiny("part", **fields, gen_iters=3))
    assert result(run(tiny("part", **fields), resume=part)) == result(whole)


def test_the_metrics_say_what_the_objective_gives(tiny):
    baseline = rows(run(tiny("dcgan", **PRESETS["dcgan"], gen_iters=2)))
    assert [row["w_estimate"] for row in baseline] == ["nan", "nan"]
    # Untrained: log 2 for reals and again for fakes.
    assert float(baseline[0]["loss_d"]) == pytest.approx(2 * np.log(2), rel=0.1)
    assert float(baseline[0]["penalty"]) == 0
    penalised = rows(run(tiny("gp", **PRESETS["wgan-gp"], gen_iters=2)))
    for row in penalised:
        # Initial weights of 0.02 give next to no gradient, so that the penalty is next to one.
        assert 0.5 < float(row["penalty"]) < 1
        assert float(row["loss_d"]) == pytest.approx(float(row["d_real"]) - float(row["d_fake"]), abs=1e-6)


def test_several_devices_resume_exactly_too(tiny):
    devices = [cpu(0), cpu(1)]
    whole = run(tiny("whole", sample_bn="running"), contexts=devices)
    part = run(tiny("part", sample_bn="running", gen_iters=3), contexts=devices)
    assert result(run(tiny("part", sample_bn="running"), resume=part, contexts=devices)) == result(whole)


def test_how_often_to_save_and_draw_changes_no_result(straight, tiny):
    assert result(run(tiny(sample_every=1, checkpoint_every=1)))[0] == result(straight)[0]


def command(*words: str) -> list[str]:
    return [sys.executable, str(REPOSITORY / "train_wgan.py"), *words]


def flags_of(config: TrainConfig) -> list[str]:
    names = [*TINY, "cache_dir", "out"]
    return [word for name in names for word in ("--" + name.replace("_", "-"), str(getattr(config, name)))]


def test_kill_dash_nine_at_random_moments_changes_nothing(straight, tiny):
    config = tiny()
    path = Path(config.out or "")
    # A process needs about 2 s to start; the run itself takes about 1 s.
    for seconds in np.random.default_rng(0).uniform(1.5, 3.5, 6):
        words = ["--resume", str(path)] if (path / "config.json").exists() else flags_of(config)
        process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=seconds)
            assert process.returncode == 0, errors
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    words = ["--resume", str(path)] if (path / "config.json").exists() else flags_of(config)
    subprocess.run(command(*words), check=True, capture_output=True, timeout=60)
    assert result(path) == result(straight)


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(tiny):
    config = tiny(gen_iters=100_000, sample_every=100_000, checkpoint_every=100_000)
    process = subprocess.Popen(command(*flags_of(config)), stderr=subprocess.PIPE, text=True)
    metrics = Path(config.out or "") / "metrics.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (metrics.exists() and metrics.read_text().count("\n") > 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors and f"--resume {config.out}" in errors
    (checkpoint,) = checkpoints.list_checkpoints(Path(config.out or "") / "checkpoints")
    reached = checkpoints.saved_iteration(checkpoint)
    assert (Path(config.out or "") / "samples" / f"fake_{reached:06d}.png").is_file()


def test_ctrl_c_again_during_a_save_waits_for_it(straight, tiny, monkeypatch, capfd):
    write, record = loop.Session.write, loop.Session.record_critic_step

    def press_before_and_after(session, name: str) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        path = write(session, name)
        os.kill(os.getpid(), signal.SIGINT)
        return path

    def press(session, pending) -> None:
        record(session, pending)
        if session.state.critic_steps == 9:
            os.kill(os.getpid(), signal.SIGINT)

    config = tiny(checkpoint_every=100)
    monkeypatch.setattr(loop.Session, "write", press_before_and_after)
    monkeypatch.setattr(loop.Session, "record_critic_step", press)
    with pytest.raises(Interrupted, match="and saved") as stopped:
        run(config)
    assert stopped.value.signum == signal.SIGINT and capfd.readouterr().err.count("Still saving") == 2
    monkeypatch.undo()
    path = Path(config.out or "")
    (saved,) = checkpoints.list_checkpoints(path / "checkpoints")
    checkpoints.check_checkpoint(saved)
    assert result(run(config, resume=path)) == result(straight)


def test_a_resume_that_changes_the_mathematics_is_refused(straight):
    config = RunDirectory.open(straight).config()
    with pytest.raises(UserError, match="--lr-d, --seed") as refused:
        run(config.replace(seed=3, lr_d=1.0), resume=straight)
    assert "--ngf" not in str(refused.value)


def test_a_resume_with_other_pixels_is_refused(tiny):
    path = run(tiny(gen_iters=2))
    with pytest.raises(UserError, match="--resize"):
        run(tiny(resize="cv2-nearest"), resume=path)


def test_a_run_directory_is_never_overwritten(straight, tiny, tmp_path):
    before = result(straight)
    with pytest.raises(UserError, match="exists already"):
        run(tiny(out=str(straight)))
    assert result(straight) == before


def test_runs_are_numbered_by_default(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [str(run(tiny(out=None, gen_iters=1))) for _ in range(2)] == ["runs/0001", "runs/0002"]


def test_two_processes_cannot_train_into_one_directory(straight):
    directory = RunDirectory.open(straight)
    with directory.locked(), pytest.raises(UserError, match="Another process"):
        # A finished run with nothing left to train is not locked.
        run(directory.config().replace(gen_iters=9), resume=straight)


def test_epochs_stop_the_run_with_the_data(tiny):
    path = run(tiny(gen_iters=None, epochs=2, warmup_iters=0, boost_every=0, n_critic=3))
    # Eight batches: 3 + 3 + 2 critic steps.
    assert [int(row["critic_steps"]) for row in rows(path)] == [3, 3, 2]


def test_an_epochs_end_can_end_the_critic_steps(tiny):
    path = run(tiny(stop_at_epoch_end=True, gen_iters=4, warmup_critic=9))
    assert [int(row["critic_steps"]) for row in rows(path)] == [4, 4, 2, 2]


def test_a_non_finite_loss_stops_the_run_and_saves_it(tiny, monkeypatch):
    read = step_results.CriticResult.read
    monkeypatch.setattr(step_results.CriticResult, "read", lambda self: poison(read(self)))
    calls = 0

    def poison(scores):
        nonlocal calls
        calls += 1
        return scores._replace(loss_d=float("nan")) if calls == 8 else scores

    with pytest.raises(loop.Diverged, match=r"loss_d is nan at generator iteration 2, critic step 2") as stopped:
        run(tiny())
    saved = Path(tiny().out or "") / "checkpoints" / "nonfinite_000002"
    assert str(saved) in str(stopped.value)
    checkpoints.check_checkpoint(saved)
    # It is not what a resume continues from.
    newest = checkpoints.newest_whole_checkpoint(saved.parent)
    assert newest is not None and newest.name == "iter_000002"


def test_diverging_for_real_exits_1(tiny, capfd):
    from gluon_wgan.cli.train import main

    config = tiny()
    assert main([*flags_of(config), "--lr-g", "1e38", "--gen-iters", "50"]) == 1
    errors = capfd.readouterr().err
    assert "nonfinite_" in errors and "Traceback" not in errors


def test_damage_is_noticed_and_the_checkpoint_before_is_used(straight, tiny, caplog):
    path = run(tiny())
    newest = path / "checkpoints" / "iter_000007" / "critic.params"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.raises(UserError, match=r"critic\.params is missing or damaged"):
        checkpoints.check_checkpoint(newest.parent)
    (path / "checkpoints" / "iter_000006" / "manifest.json").write_text("{")
    assert result(run(tiny(), resume=path)) == result(straight)
    assert "Falling back" in caplog.text


def test_a_run_without_any_whole_checkpoint_is_refused(tiny):
    path = run(tiny(gen_iters=1))
    (path / "checkpoints" / "iter_000001" / "state.json").unlink()
    with pytest.raises(UserError, match="is damaged"):
        run(tiny(), resume=path)


def test_a_full_disk_leaves_the_checkpoint_before_whole(tiny, monkeypatch):
    path = run(tiny(gen_iters=2))

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "flush_to_disk", no_space)
    with pytest.raises(UserError, match="No space left"):
        run(tiny(), resume=path)
    assert [entry.name for entry in (path / "checkpoints").iterdir()] == ["iter_000002"]
    checkpoints.check_checkpoint(path / "checkpoints" / "iter_000002")


def test_old_checkpoints_are_kept_unless_told_otherwise(tiny):
    path = run(tiny(keep_checkpoints=2))
    assert [entry.name for entry in checkpoints.list_checkpoints(path / "checkpoints")] == [
        "iter_000006",
        "iter_000007",
    ]


def test_load_generator_opens_a_run_and_a_checkpoint(straight):
    latents = nd.array(np.random.default_rng(0).standard_normal((3, 100, 1, 1)))
    from_run = gluon_wgan.load_generator(straight)(latents).asnumpy()
    from_checkpoint = gluon_wgan.load_generator(straight / "checkpoints" / "iter_000007")(latents).asnumpy()
    assert from_run.shape == (3, 3, 16, 16)
    assert np.array_equal(from_run, from_checkpoint)
    earlier = gluon_wgan.load_generator(straight / "checkpoints" / "iter_000002")(latents).asnumpy()
    assert not np.array_equal(from_run, earlier)


def test_load_generator_refuses_what_is_none(tmp_path, straight):
    for path in (tmp_path, tmp_path / "missing", straight / "samples"):
        with pytest.raises(UserError, match="There is no "):
            gluon_wgan.load_generator(path)


def tensorboard_values(path: Path) -> list[tuple[int, Any]]:
    """Return step and value of each event, by TensorBoard's own message and the framing of TFRecord files."""
    event = pytest.importorskip("tensorboardX.proto.event_pb2", reason="tensorboardX is missing").Event
    found = []
    for file in sorted((path / "tensorboard").iterdir()):
        content = file.read_bytes()
        while content:
            # Length, its checksum, the message, its checksum.
            [length] = struct.unpack_from("<Q", content)
            message = event.FromString(content[12 : 12 + length])
            found += [(message.step, value) for value in message.summary.value]
            content = content[16 + length :]
    return found


def test_tensorboard_gets_every_row_and_every_grid_once(tiny):
    path = run(tiny(tensorboard=True, gen_iters=6, ema=0.9))
    values = tensorboard_values(path)
    scalars = [(step, one.tag, one.simple_value) for step, one in values if one.WhichOneof("value") == "simple_value"]
    losses = ("loss_d", "loss_d_last", "loss_g", "d_real", "d_fake", "w_estimate", "penalty")
    tags = {name: f"losses/{name}" if name in losses else f"training/{name}" for name in COLUMNS[1:]}
    wanted = [(int(row["gen_iter"]), tags[name], np.float32(row[name])) for row in rows(path) for name in tags]
    assert scalars == wanted
    images = {}
    for step, one in values:
        if one.WhichOneof("value") == "image":
            name = f"{one.tag.removeprefix('samples/')}_{step:06d}.png"
            assert name not in images
            images[name] = np.asarray(Image.open(io.BytesIO(one.image.encoded_image_string)))
    assert set(images) == {file.name for file in (path / "samples").iterdir()} - {"real.png"}
    assert len(images) == 6
    for name, image in images.items():
        assert np.array_equal(image, np.asarray(Image.open(path / "samples" / name)))


def test_tensorboard_has_no_curve_that_the_objective_does_not_have(tiny):
    tags = {one.tag for _, one in tensorboard_values(run(tiny(tensorboard=True, gen_iters=1, objective="dcgan")))}
    assert "losses/loss_d" in tags and "losses/w_estimate" not in tags


def test_dry_run_tells_and_writes_nothing(tiny, capfd, tmp_path):
    from gluon_wgan.cli.train import main

    assert main([*flags_of(tiny()), "--dry-run"]) == 0
    out = capfd.readouterr().out
    for words in (
        "image_size           16",
        "27 images",
        "parameters",
        "critic step",
        "MiB in this process",
        "whole run",
    ):
        assert words in out
    assert "lr_d" not in out  # as the preset has it
    assert "0.0 MB of prepared images, 4 checkpoints of 0.1 MB" in out
    assert main([*flags_of(tiny()), "--dry-run", "--verbose"]) == 0
    assert "lr_d                 5e-05" in capfd.readouterr().out
    assert main([*flags_of(tiny()), "--verbose"]) == 2
    assert "--verbose belongs to --dry-run" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_long_run_says_early_how_long_it_takes_and_what_takes_minutes(tiny, caplog, monkeypatch):
    caplog.set_level("INFO")
    moments = itertools.count()
    monkeypatch.setattr(time_estimate, "time", SimpleNamespace(perf_counter=lambda: float(next(moments))))
    monkeypatch.setattr(loop.Session, "_critic_steps_in_all", lambda self: 90_000)
    run(tiny("estimated", gen_iters=10))
    said = [record.getMessage() for record in caplog.records]
    first, again = (line for line in said if line.startswith("The run will take about"))
    assert "at the speed of the first steps" in first and "at the speed of 20 critic steps" in again
    assert "For a result in minutes: python train_wgan.py --preset demo" in said


def test_a_short_run_does_not(tiny, caplog):
    caplog.set_level("INFO")
    run(tiny("short", gen_iters=2))
    assert "The run will take" not in caplog.text


def test_what_is_refused_leaves_no_run_directory(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for fields in ({"batch_size": 28}, {"dataset": "folder", "data_root": str(tmp_path)}):
        with pytest.raises(UserError):
            run(tiny(out=None, **fields))
    assert list(tmp_path.iterdir()) == []


def test_training_warns_of_a_backend_that_aliases(tiny, caplog):
    run(tiny("plain", gen_iters=1))
    assert "aliases" not in caplog.text
    run(tiny("aliased", gen_iters=1, resize="cv2-nearest"))
    assert "--resize cv2-nearest aliases" in caplog.text and "tools/resize_parity.py" in caplog.text
