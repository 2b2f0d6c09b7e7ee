"""What a resumed run may find changed: its end, its metrics, its data, its devices."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.train import main
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.generators.export_model import export
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.run_record import RunRecord
from tests.training.test_branch import hashes, rows, train
from tests.training.test_training import TINY

pytestmark = pytest.mark.slow


@pytest.fixture
def short(tmp_path):
    """Train 4 iterations and return the run."""
    return train(
        TrainConfig(**{**TINY, "gen_iters": 4, "cache_dir": str(tmp_path / "cache"), "out": str(tmp_path / "run")})
    )


def content(run: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words", [[], ["--gen-iters", "4"], ["--gen-iters", "3"], ["--gen-iters", "2e0"], ["--epochs", "1"]]
)
def test_resuming_a_finished_run_changes_nothing_and_says_so(short, capfd, words):
    before = content(short)
    assert main(["--resume", str(short), *words]) == 0
    assert content(short) == before
    said = capfd.readouterr().err
    assert "stands at generator iteration 4" in said and "nothing was changed" in said


def test_an_end_whose_samples_a_kill_prevented_is_drawn(short):
    sample = short / "samples" / "fake_000004.png"
    before = sample.read_bytes()
    sample.unlink()
    train(RunDirectory(short).config(), resume=short)
    assert sample.read_bytes() == before


@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_metrics_file_is_a_warning(short, caplog, empty, tmp_path):
    (short / "metrics.csv").unlink()
    if empty:
        (short / "metrics.csv").touch()
    config = RunDirectory(short).config().replace(gen_iters=7)
    train(config, resume=short)
    assert "metrics.csv is missing" in caplog.text
    assert [row["gen_iter"] for row in rows(short)] == ["5", "6", "7"]
    whole = train(config.replace(out=str(tmp_path / "whole")))
    assert hashes(short, 7) == hashes(whole, 7) and rows(short) == rows(whole)[4:]


def test_statistics_for_samples_may_change_and_gpus_that_were_never_there(short):
    config = RunDirectory(short).config().replace(gen_iters=5, sample_bn="running", gpus=(0,))
    # As on this machine, so was the run on the CPU.
    train(config, resume=short)
    assert RunDirectory(short).config().sample_bn == "running"
    assert len(rows(short)) == 5


def test_data_that_was_moved_is_found_again_as_the_message_says(tmp_path, capfd):
    folder, out = tmp_path / "images", tmp_path / "run"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(256, size=(20, 20, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    config = {**TINY, "gen_iters": 2, "data_root": str(folder), "cache_dir": str(tmp_path / "cache"), "out": str(out)}
    train(TrainConfig(**config))
    shutil.move(folder, tmp_path / "moved")
    assert main(["--resume", str(out), "--gen-iters", "3"]) == 2
    said = capfd.readouterr().err
    assert "does not exist" in said and "--data-root" in said and "12 images" in said
    store = said.split("--data ")[-1].split()[0].rstrip(".")
    assert main(["--resume", str(out), "--gen-iters", "3", "--data", store]) == 0
    assert main(["--resume", str(out), "--gen-iters", "4", "--data-root", str(tmp_path / "moved")]) == 0
    assert len(rows(out)) == 4


def test_sessions_and_samples_sort_beyond_six_digits(short):
    for number in (999999, 1000002):
        shutil.copyfile(short / "samples" / "fake_000004.png", short / "samples" / f"fake_{number:06d}.png")
        shutil.copyfile(short / "environment.json", short / f"environment_iter_{number:06d}.json")
    record = RunRecord(RunDirectory(short))
    assert [words for words, _ in record.sessions()][1:] == ["from iter_999999", "from iter_1000002"]
    assert [iteration for iteration, _ in record.samples()][-2:] == [999999, 1000002]


@pytest.mark.parametrize("field", ["lr_d", "batch_size"])
def test_what_decides_the_numbers_is_still_refused_and_branch_is_named(short, field):
    config = RunDirectory(short).config()
    with pytest.raises(UserError, match="--branch"):
        train(config.replace(**{field: getattr(config, field) * 2, "gen_iters": 9}), resume=short)


def test_an_exported_checkpoint_shows_its_own_samples(short, tmp_path):
    often = train(RunDirectory(short).config().replace(sample_every=1, out=str(tmp_path / "often")))
    for number, source in enumerate((short, often)):
        # The first run drew samples at 0, 3 and 4 alone.
        out = tmp_path / f"export{number}"
        export(source / "checkpoints" / "iter_000002", "gluon", out)
        expected = (often / "samples" / "fake_000002.png").read_bytes()
        assert (out / "samples_of_training.png").read_bytes() == expected
    export(short, "gluon", tmp_path / "newest")
    newest = (tmp_path / "newest" / "samples_of_training.png").read_bytes()
    assert newest == (short / "samples" / "fake_000004.png").read_bytes() != expected
