"""tools/evaluate.py on a small run, on images, and on what is neither."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from gluon_wgan.cli.evaluate import main
from gluon_wgan.cli.prepare import main as prepare_main
from gluon_wgan.cli.train import main as train_main
from gluon_wgan.data.store import open_store
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.load import open_generator
from gluon_wgan.generators.sampler import Sampler
from gluon_wgan.metrics import fid as frechet
from gluon_wgan.metrics.random_network import random_network
from gluon_wgan.runs.evaluations import differing, metric_of

pytestmark = pytest.mark.slow

FACES = ["--dataset", "built-in", "--limit", "60", "--image-size", "32"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run, and with two stores of other images."""
    folder = tmp_path_factory.mktemp("evaluate")
    small = ["--ngf", "4", "--ndf", "4", "--batch-size", "8", "--warmup-iters", "0", "--n-critic", "1"]
    words = [*FACES, *small, "--gen-iters", "2", "--cache-dir", str(folder / "cache"), "--out", str(folder / "run")]
    assert train_main(words) == 0
    assert prepare_main([*FACES, "--subset-seed", "7", "--out", str(folder / "others")]) == 0
    assert prepare_main([*FACES[:-1], "16", "--out", str(folder / "small")]) == 0
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def lines_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_figure_is_printed_kept_and_explained(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "--num", "40"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert "40 generated images against 40 real ones" in table[0]
    kept = lines_of((run / "evaluation.jsonl").read_text())
    names = ["swd_32", "swd_16", "swd", "fid", "kid", "precision", "recall", "density", "coverage", "face_rate"]
    assert [line["metric"] for line in kept] == names == [row.split()[0] for row in table[2:]]
    for line in kept:
        assert math.isfinite(line["value"]) and line["baseline"] is not None
        assert line["low"] is None or line["low"] <= line["value"] <= line["high"]
        assert line["protocol"]["seed"] == 0 and line["protocol"]["batch_norm"] == "batch"
        assert line["protocol"]["real"]["content_sha256"] and line["protocol"]["real"]["resize"] == "pil-bilinear"
        assert line["evaluated"]["checkpoint"] == "iter_000002"
    assert main([str(run), "--num", "40", "--json"]) == 0
    again = lines_of(capsys.readouterr().out)
    assert [line["value"] for line in again] == [line["value"] for line in kept]
    assert lines_of((run / "evaluation.jsonl").read_text()) == kept + again
    assert "coverage" in (run / "report.html").read_text()
    assert differing([metric_of(kept[0]), metric_of(again[0])]) == set()


def test_the_figure_is_that_of_the_generators_own_images(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "--num", "40", "--metrics", "fid", "--seed", "3", "--json"]) == 0
    (line,) = lines_of(capsys.readouterr().out)
    trained = open_generator(run)
    from mxnet import cpu, nd

    drawn = np.concatenate(
        list(Sampler(trained.generator, "batch", cpu()).draw_first(draw_groups(3, 100, "normal"), 40))
    )
    store = open_store(json.loads((run / "data.json").read_text())["store"])
    real = np.asarray(store.images)[np.random.default_rng([3, 60]).permutation(60)[:40]]
    network, _ = random_network()
    features = [network(nd.array(images / 127.5 - 1)).asnumpy() for images in (real, drawn)]
    expected = frechet.distance(*(frechet.statistics([one]) for one in features))
    assert line["value"] == pytest.approx(expected, rel=1e-4)


def test_images_are_evaluated_against_images(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--real", str(made / "others"), "--metrics", "swd,fid", "--json"]
    assert main([str(made / "others"), *words]) == 0
    same = {line["metric"]: line["value"] for line in lines_of(capsys.readouterr().out)}
    assert same["swd"] == 0 and same["fid"] == pytest.approx(0, abs=1e-6)
    store = json.loads((made / "run/data.json").read_text())["store"]
    assert main([store, *words]) == 0
    other = {line["metric"]: line["value"] for line in lines_of(capsys.readouterr().out)}
    assert other["swd"] > 0 and other["fid"] > 0
    assert not (made / "others" / "evaluation.jsonl").exists()


def test_a_folder_of_images_is_prepared_as_the_run_was(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number:02}.png")
    assert main([str(run), "--real", str(tmp_path / "images"), "--num", "20", "--metrics", "fid", "--json"]) == 0
    (line,) = lines_of(capsys.readouterr().out)
    assert line["protocol"]["real"]["images"] == 20 and line["protocol"]["real"]["resize"] == "pil-bilinear"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{empty}"], "holds no generator"),
        (["{made}/nowhere"], "does not exist"),
        (["{empty}", "--real", "{made}/others"], "holds no image"),
        (["{made}/others"], "--real IMAGES"),
        (["{made}/others", "--real", "{made}/small"], "16x16"),
        (["{run}", "--real", "{made}/small"], "16x16"),
        (["{run}", "--num", "3"], "--num 3"),
        (["{run}", "--seed", "-1"], "--seed -1"),
        (["{run}", "--metrics", "swd,fad"], "swd, fid"),
        (["{run}", "--metrics", ","], "swd, fid"),
        (["{run}", "--metrics", "is"], "no classes"),
        (["{run}", "--weights", "x"], "--weights are for"),
        (["{run}", "--features", "inception"], "--weights FILE"),
        (["{run}", "--cascade", "{run}/config.json"], "no cascade"),
        (["{run}/config.json"], "holds no generator"),
        (["{run}/config.json", "--real", "{made}/others"], "config.json"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], complaint: str, made: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    capsys.readouterr()
    places = {"made": made, "run": run, "empty": tmp_path / "empty"}
    assert main([word.format(**places) for word in words]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("evaluate.py: ") and complaint in said


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "foreign", "no checkpoint"])
def test_a_damaged_checkpoint_is_one_sentence(damage: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = run / "checkpoints" / "iter_000002" / "generator.params"
    content = bytearray(weights.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    elif damage == "cut":
        weights.write_bytes(content[:-9])
    elif damage == "gone":
        weights.unlink()
    elif damage == "foreign":
        weights.write_bytes(b"something else")
    else:
        shutil.rmtree(run / "checkpoints")
        (run / "checkpoints").mkdir()
    source = run if damage == "no checkpoint" else weights.parent
    assert main([str(source), "--num", "20", "--metrics", "swd"]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("evaluate.py: ")
    assert not (run / "evaluation.jsonl").exists()
