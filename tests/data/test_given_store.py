"""Training from a store that the user has made, and from millions of images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon_wgan.cli.generate import main as generate_main
from gluon_wgan.cli.prepare import main as prepare_main
from gluon_wgan.cli.train import main as train_main
from gluon_wgan.cli.train import resolve
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import prepare_data
from gluon_wgan.data.preprocessing_spec import preprocessing_differences
from gluon_wgan.data.store import Store, open_store, shard_name
from gluon_wgan.errors import UserError
from gluon_wgan.runs.directory import RunDirectory

SMALL = ["--ngf", "4", "--ndf", "4", "--batch-size", "4", "--gen-iters", "1", "--warmup-iters", "0", "--n-critic", "1"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    words = ["--dataset", "built-in", "--limit", "12", "--image-size", "32", "--nc", "1", "--resize", "cv2"]
    assert prepare_main([*words, "--crop", "0,0,128,128", "--out", str(tmp_path / "store")]) == 0
    return open_store(tmp_path / "store")


def test_what_the_store_says_need_not_be_said(store: Store) -> None:
    config = resolve({"data": str(store.path)}, None)
    assert (config.image_size, config.nc, config.resize, config.crop) == (32, 1, "cv2-bicubic", (0, 0, 128, 128))
    used = prepare_data(TrainConfig(**{**vars(config), "batch_size": 4}), progress=False)
    assert (used.path, used.content_sha256) == (store.path, store.content_sha256)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"image_size": 64}, "--image-size is 64"),
        ({"nc": 3}, "--nc is 3"),
        ({"resize": "pil"}, "--resize pil-bilinear contradicts"),
        ({"crop": (0, 0, 9, 9)}, "--crop 0,0,9,9 contradicts"),
        ({"batch_size": 13}, "12 usable images"),
        ({"data_root": ("in",)}, "--data-root cannot be combined with --data"),
        ({"dataset": "folder"}, "--dataset cannot be combined with --data"),
        ({"max_pixels": 9}, "--max-pixels cannot be combined with --data"),
        ({"limit": 9}, "--limit cannot be combined with --data"),
        ({"fraction": 0.5}, "--fraction cannot be combined with --data"),
    ],
)
def test_what_contradicts_the_store_is_refused(options: dict[str, Any], complaint: str, store: Store) -> None:
    with pytest.raises(UserError) as caught:
        prepare_data(resolve({"data": str(store.path), "batch_size": 4, **options}, None), progress=False)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_the_same_backend_by_its_short_name_is_no_contradiction(store: Store) -> None:
    assert len(prepare_data(resolve({"data": str(store.path), "resize": "cv2", "batch_size": 4}, None), progress=False))


@pytest.mark.parametrize("data", ["nowhere", ""])
def test_no_store_is_one_sentence(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main(["--data", data]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.slow
def test_training_on_a_store_and_resuming_where_it_lies_now(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train_main(["--data", str(store.path), *SMALL, "--out", str(run)]) == 0
    known = json.loads((run / "data.json").read_text())
    assert known["content_sha256"] == store.content_sha256 and known["images"] == 12
    moved = store.path.rename(tmp_path / "moved")
    assert train_main(["--resume", str(run), "--gen-iters", "2"]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert train_main(["--resume", str(run), "--gen-iters", "2", "--data", str(moved)]) == 0
    assert len((run / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_an_old_run_on_faces_drawn_by_code_goes_on_with_its_store_alone(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert train_main(["--data", str(store.path), *SMALL, "--out", str(run)]) == 0
    known = json.loads((run / "config.json").read_text())
    old = {"num_faces": 12, "faces_seed": 0}
    for dataset in ("auto", "drawn-faces"):
        (run / "config.json").write_text(json.dumps({**known, **old, "dataset": dataset, "data": None}))
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        capsys.readouterr()
        for words in (["--resume", str(run)], ["--branch", str(run), "--out", str(tmp_path / "other")]):
            assert train_main([*words, "--gen-iters", "2"]) == 2
            said = capsys.readouterr().err
            assert "drawn by code" in said and f"add --data {store.path}" in said and "Traceback" not in said
        assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        assert generate_main([str(run), "--num", "1", "--out", str(tmp_path / dataset)]) == 0
    assert train_main(["--resume", str(run), "--gen-iters", "2", "--data", str(store.path)]) == 0
    assert train_main(["--resume", str(run), "--gen-iters", "3"]) == 0


@pytest.mark.slow
def test_an_old_run_on_other_images_goes_on_as_before(tmp_path: Path, write_images: Callable[..., Path]) -> None:
    images, run = write_images(tmp_path / "in", *(f"{number}.png" for number in range(6))), tmp_path / "run"
    words = ["--data-root", str(images), "--image-size", "16", *SMALL, "--cache-dir", str(tmp_path / "cache")]
    assert train_main([*words, "--out", str(run)]) == 0
    known = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**known, "num_faces": 2048, "faces_seed": 0}))
    assert train_main(["--resume", str(run), "--gen-iters", "2"]) == 0


def test_images_named_at_a_resume_take_the_stores_place(store: Store, tmp_path: Path) -> None:
    config: dict[str, Any] = {"data": str(store.path), "image_size": 32, "nc": 1, "resize": "cv2-bicubic"}
    run = RunDirectory.create(TrainConfig(**config, out=str(tmp_path / "run")), {})
    assert resolve({}, run.path).data == str(store.path)
    assert resolve({"gen_iters": 3}, run.path).data == str(store.path)
    named = resolve({"data_root": ("in",)}, run.path)
    assert (named.data, named.data_roots) == (None, ("in",))


@pytest.mark.slow
def test_another_version_of_the_library_makes_a_new_store_but_no_old_run_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, run = tmp_path / "cache", tmp_path / "run"
    words = ["--limit", "12", "--image-size", "16", *SMALL, "--cache-dir", str(cache)]
    assert train_main([*words, "--out", str(run)]) == 0
    monkeypatch.setattr("gluon_wgan.data.preprocessing_spec.library_versions", lambda backend: {"pillow": "1.2.3"})
    capsys.readouterr()
    assert train_main(["--resume", str(run), "--gen-iters", "2"]) == 2
    said = capsys.readouterr().err
    assert "libraries pillow" in said and "not pillow 1.2.3" in said
    assert len([path for path in cache.iterdir() if path.is_dir() and path.name != "indices"]) == 1
    assert train_main([*words, "--out", str(tmp_path / "new")]) == 0
    assert len([path for path in cache.iterdir() if path.is_dir() and path.name != "indices"]) == 2


def test_every_part_of_the_way_is_named_in_words() -> None:
    old = {"resize": "pil-box", "filter": "BOX", "libraries": {"pillow": "1"}, "size": 64, "crop": None, "nc": 3}
    assert preprocessing_differences(old, old) == []
    assert preprocessing_differences(old, {**old, "libraries": {"pillow": "2"}}) == ["libraries pillow 1, not pillow 2"]
    assert preprocessing_differences(old, {**old, "crop": [1, 2, 3, 4]}) == ["--crop None, not 1,2,3,4"]
    # Another backend's filter and libraries go without saying.
    other = {**old, "resize": "cv2-area", "filter": "AREA", "libraries": {"cv2": "4"}}
    assert preprocessing_differences(old, other) == ["--resize pil-box, not cv2-area"]


def huge_store(folder: Path, images: int, each: int, row: tuple[int, int, int]) -> Path:
    """Write a store of zeros that takes no room on the disk, and of names that are all empty."""
    folder.mkdir()
    in_bytes = int(np.prod(row))
    shards = -(-images // each)
    sizes = {shard_name(number): min(each, images - number * each) * in_bytes for number in range(shards)}
    sizes |= {"names.bin": 0, "names.i64": 8 * images, "skipped.csv": 13}
    for name, size in sizes.items():
        with (folder / name).open("wb") as file:
            file.truncate(size)
    with (folder / shard_name(shards - 1)).open("r+b") as file:
        file.seek(-in_bytes, 2)
        file.write(b"\x07" * in_bytes)
    meta = {
        "format_version": 2,
        "key": "0" * 64,
        "made_from": {"resize": "pil-bilinear", "crop": None},
        "shape": [images, *row],
        "images_per_shard": each,
        "shards": ["0" * 64] * shards,
        "files": {name: {"size": sizes[name], "sha256": "0" * 64} for name in list(sizes)[shards:]},
        "content_sha256": "0" * 64,
    }
    (folder / "store.json").write_text(json.dumps(meta))
    return folder


def test_three_million_images_open_in_almost_no_memory(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    folder = huge_store(tmp_path / "huge", 3_033_042, 87_381, (3, 64, 64))
    code = f"""
import resource
from gluon_wgan.data.batches import BatchStream
from gluon_wgan.data.store import open_store
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
store = open_store({str(folder)!r})
print(len(store), peak() - before, int(store.images[3_033_041].max()), repr(store.names[3_033_041]))
with BatchStream(store, 64, 0, True, {{"epoch": 3, "position": 47_391}}) as batches:
    print(len(next(batches)), len(next(batches)), batches.state(), peak() - before)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    opened, taken = done.stdout.splitlines()
    count, opening, last, name = opened.split()
    assert (count, last, name) == ("3033042", "7", "''")
    assert int(opening) < 8  # MiB
    # The short batch that ends an epoch and the first of the next: two orders of 12 MB each are in memory.
    assert taken.startswith("18 64 {'epoch': 4, 'position': 1} ")
    assert int(taken.split()[-1]) < 80
