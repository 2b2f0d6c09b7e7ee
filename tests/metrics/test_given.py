"""Images that are named for a comparison, and the lines that come of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.evaluate import main
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.preparation import Preparation, prepare_at
from gluon_wgan.data.sources.folder import FolderSource
from gluon_wgan.data.store import open_store
from gluon_wgan.errors import UserError
from gluon_wgan.metrics import given_images, image_sets
from gluon_wgan.metrics.all_metrics import HEAD, MetricValue, as_line, as_row
from gluon_wgan.metrics.confidence_intervals import Estimate
from gluon_wgan.metrics.evaluation_options import EvaluationOptions

NAN = float("nan")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of twenty images, 40 pixels wide and 50 high."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def store_of_28(images: Path, tmp_path: Path) -> Path:
    """Return a store of the same images in gray, cropped, at a size that no network here makes."""
    how = Preparation(28, "pil-box", (0, 0, 40, 40), nc=1, strict=True, jobs=1, progress=False)
    return prepare_at(tmp_path / "store", FolderSource(images), how, shards=None, resume=False).path


def test_images_are_cropped_and_resized_as_a_runs_images(images: Path) -> None:
    config = TrainConfig(
        data_root=str(images), image_size=16, nc=1, resize="pil-nearest", crop=(4, 6, 20, 22), batch_size=8
    )
    store = given_images.like_run(images, config, EvaluationOptions())
    expected = [np.asarray(Image.open(path).convert("L"))[6:22, 4:20] for path in sorted(images.glob("*.png"))]
    np.testing.assert_array_equal(np.asarray(store.images)[:, 0], expected)


def test_a_store_of_any_size_says_how_images_are_prepared(images: Path, store_of_28: Path) -> None:
    for evaluated, real in ((images, store_of_28), (store_of_28, images)):
        one, other = given_images.pair(evaluated, real, EvaluationOptions(num=100))
        made = one if evaluated == images else other
        assert made.images.shape == (20, 1, 28, 28)
        assert made.made_from["resize"] == "pil-box" and made.made_from["crop"] is None
        assert {one.path, other.path} > {store_of_28}
        assert (other if real == store_of_28 else one).path == store_of_28
    assert given_images.like_store(store_of_28, open_store(store_of_28), EvaluationOptions()).path == store_of_28


@pytest.mark.parametrize(
    ("evaluated", "real", "complaint"),
    [
        ("images", "nowhere", "does not exist"),
        ("nowhere", "images", "does not exist"),
        ("images", "other", "Cannot tell what"),
        ("store", "other", "Cannot tell what"),
        ("other", "store", "Cannot tell what"),
        ("store", "empty", "holds no image"),
        ("empty", "store", "holds no image"),
    ],
)
def test_what_holds_no_images_is_one_sentence(
    evaluated: str, real: str, complaint: str, store_of_28: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").write_bytes(b"nothing known")
    with pytest.raises(UserError, match=complaint) as caught:
        given_images.pair(tmp_path / evaluated, tmp_path / real, EvaluationOptions(num=100))
    # Nothing here is a damaged store, and no flag of another tool helps.
    assert "delete" not in str(caught.value) and "--dataset" not in str(caught.value)


@pytest.mark.slow
def test_grey_images_of_28_pixels_are_evaluated(
    images: Path, store_of_28: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(images), "--real", str(store_of_28), "--metrics", "swd,fid"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["metric", "swd_28", "swd", "fid"]
    digest = open_store(store_of_28).content_sha256
    for row in rows[2:]:
        assert f"real content sha256 {digest[:8]}," in row and "real resize pil-box" in row and "seed 0" in row
    assert "features three random convolutions" in rows[-1] and "features" not in rows[-2]


@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_that_cannot_be_used_is_one_sentence(
    seed: str, store_of_28: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(store_of_28), "--real", str(store_of_28), "--metrics", "kid", "--seed", seed]) == 2
    assert capsys.readouterr().err.strip() == f"evaluate.py: --seed {seed} is out of range: use 0 to 4294967295."


def test_the_largest_seed_works(store_of_28: Path) -> None:
    words = [str(store_of_28), "--real", str(store_of_28), "--metrics", "swd,kid", "--seed", str(2**32 - 1)]
    assert main(words) == 0


def test_what_is_not_known_is_null_and_said() -> None:
    found = MetricValue("fid", Estimate(NAN, NAN, NAN), Estimate(1.25, NAN, NAN), {"weights_sha256": "ab" * 32, "k": 5})
    line = as_line(found, {"real": {"images": 7}, "k": 3}, {"checkpoint": None})
    assert (
        line["value"] is None and line["low"] is None and line["baseline"] == {"value": 1.25, "low": None, "high": None}
    )
    assert line["protocol"] == {"real": {"images": 7}, "k": 5, "weights_sha256": "ab" * 32}
    row = as_row(line)
    assert row.split()[:4] == ["fid", "not", "known", "1.25"]
    assert row[HEAD.index("protocol") :] == "real images 7, k 5, weights sha256 abababab"


def test_no_room_for_drawn_images_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"99,999,999,999 drawn images.*TMPDIR"):
        image_sets.room_for((99_999_999_999, 3, 1024, 1024))
    room = image_sets.room_for((2, 3, 4, 4))
    room[:] = 7
    assert room.shape == (2, 3, 4, 4) and room.sum() == 7 * room.size
