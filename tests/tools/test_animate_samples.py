"""The animation of a run's samples, read back by Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training import trainer
from tools import animate_samples


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Return a run with two checkpoints."""
    place = tmp_path_factory.mktemp("animated")
    config = TrainConfig(
        image_size=16,
        ngf=4,
        ndf=4,
        batch_size=8,
        limit=16,
        n_critic=1,
        lr_g=0.01,
        warmup_iters=0,
        boost_every=0,
        gen_iters=2,
        checkpoint_every=1,
        cache_dir=str(place / "cache"),
        out=str(place / "run"),
    )
    return trainer.train(config, progress=False)


def test_one_frame_for_each_checkpoint(run: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "a.gif"
    words = [str(run), "--out", str(out), "--columns", "4", "--rows", "2", "--scale", "3"]
    assert animate_samples.main(words) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 2 frames, {out.stat().st_size:,} bytes")
    with Image.open(out) as gif:
        assert gif.n_frames == 2 and gif.info["loop"] == 0
        # Gaps of 2 pixels around images of 16, three times as large, and a line of 22 pixels above.
        assert gif.size == (3 * (4 * 18 + 2), 3 * (2 * 18 + 2) + 22)
        pixels = []
        for place in range(2):
            gif.seek(place)
            pixels.append(np.asarray(gif.convert("RGB"), np.int16)[22:])
    assert np.abs(pixels[0] - pixels[1]).max() > 8
    for frame in pixels:
        assert (frame[:6] > 250).all() and (frame[:, :6] > 250).all()  # the outer gap is white
        assert np.array_equal(frame, frame[::3, ::3].repeat(3, 0).repeat(3, 1))


def test_nothing_is_overwritten(run: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "a.gif"
    out.write_bytes(b"mine")
    assert animate_samples.main([str(run), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--columns", "9", "--rows", "8"], "--columns 9 and --rows 8 make more than 64 images"),
        (["--scale", "0"], "--scale 0 is too small"),
    ],
)
def test_sizes_out_of_range_are_refused(words: list[str], sentence: str, run: Path, tmp_path: Path, capsys) -> None:
    assert animate_samples.main([str(run), "--out", str(tmp_path / "a.gif"), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "a.gif").exists()


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path, capsys) -> None:
    assert animate_samples.main([str(tmp_path), "--out", str(tmp_path / "a.gif")]) == 2
    assert "has 0 checkpoints: train with a smaller --checkpoint-every." in capsys.readouterr().err
