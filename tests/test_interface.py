"""The names at the top of the package: where they come from, and what they do in a fresh process."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gluon_wgan

REPOSITORY = Path(__file__).parents[1]


def run_python(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_can_be_imported_and_is_on_its_page():
    page = (REPOSITORY / "docs/api/index.md").read_text()
    for name in gluon_wgan.__all__:
        assert getattr(gluon_wgan, name) is not None
        assert re.search(rf"auto(function|class|exception):: gluon_wgan\.{name}(\(.*\))?$", page, re.MULTILINE), name
    assert set(gluon_wgan.__all__) <= set(dir(gluon_wgan))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gluon_wgan.nothing


def test_the_import_loads_no_mxnet_and_names_without_it_need_none(tmp_path):
    code = "import sys, gluon_wgan; gluon_wgan.resize; gluon_wgan.TrainConfig(); print('mxnet' in sys.modules)"
    assert run_python(code, tmp_path) == "False\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wgan_dcgan64_clothing", "wgan_dcgan32_portraits"])
def test_shipped_generators(name, tmp_path):
    import mxnet as mx

    folder = REPOSITORY / "gluon_wgan/models/pretrained" / name
    size = json.loads((folder / "generator.json").read_text())["image_size"]
    card = (folder / "MODEL_CARD.md").read_text()
    assert hashlib.sha256((folder / "generator.params").read_bytes()).hexdigest() in card
    block = re.search("```python\n(.*?)```", card, re.DOTALL)[1]
    assert run_python(f"{block}\nprint(images.shape, images.dtype)", tmp_path) == f"(64, 3, {size}, {size}) uint8\n"

    generator = gluon_wgan.get_model(name, pretrained=True, ctx=mx.cpu(1))
    assert all(p.list_ctx() == [mx.cpu(1)] for p in generator.collect_params().values())
    # MXNet's own reader of the file agrees.
    saved = mx.nd.load(str(folder / "generator.params"))
    for key, parameter in generator._collect_params_with_prefix().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), saved[key].asnumpy())
    images = gluon_wgan.generate(generator, 3, batch_norm="running")
    assert images.std() > 20  # not one gray
    untrained = gluon_wgan.get_model(name)
    with pytest.raises(RuntimeError, match="initialize"):
        untrained(mx.nd.zeros((1, 100, 1, 1)))


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(gluon_wgan.UserError, match="no model 'stylegan': choose wgan_dcgan32_portraits or"):
        gluon_wgan.get_model("stylegan")


def test_generate_draws_what_the_network_makes_of_the_seed():
    import mxnet as mx

    generator = gluon_wgan.get_model("wgan_dcgan32_portraits", pretrained=True)
    rng = np.random.default_rng([5, 3])
    latents = np.concatenate([rng.standard_normal((64, 100, 1, 1), dtype=np.float32) for _ in range(2)])
    expected = (generator(mx.nd.array(latents[:70])).asnumpy().astype(np.float64) + 1) * 127.5
    found = gluon_wgan.generate(generator, 70, seed=5, batch_norm="running")
    assert found.shape == (70, 3, 32, 32)
    assert np.abs(found - expected).max() <= 0.5 + 1e-3
    assert np.array_equal(gluon_wgan.generate(generator, 7, seed=5, batch_norm="running"), found[:7])
    # Batch statistics are of the group of 64, whatever number is wanted.
    batch = gluon_wgan.generate(generator, 64, seed=5)
    assert not np.array_equal(batch, found[:64])
    assert np.array_equal(gluon_wgan.generate(generator, 2, seed=5), batch[:2])


def test_generate_refuses_what_it_cannot_draw(tmp_path):
    from mxnet.gluon import nn

    generator = gluon_wgan.get_model("wgan_dcgan32_portraits", pretrained=True)
    for arguments, words in (
        ((generator, 0), "Cannot draw 0 images"),
        ((tmp_path / "missing", 1), "There is no "),
        ((nn.HybridSequential(), 1), "HybridSequential is no generator of gluon_wgan"),
    ):
        with pytest.raises(gluon_wgan.UserError, match=words):
            gluon_wgan.generate(*arguments)
    with pytest.raises(gluon_wgan.UserError, match="no batch-norm statistics 'both': choose batch or running"):
        gluon_wgan.generate(generator, 1, batch_norm="both")


@pytest.mark.slow
def test_blocks_of_the_page_run_in_a_fresh_process(tmp_path):
    blocks = re.findall("```python\n(.*?)```", (REPOSITORY / "docs/api/index.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        run_python(block, tmp_path)
    assert (tmp_path / "runs/0001/checkpoints/iter_000002/generator.params").is_file()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    small = dict(image_size=32, ngf=4, ndf=4, batch_size=8, limit=64, warmup_iters=0, boost_every=0)
    places = dict(cache_dir=str(folder / "cache"), progress=False)
    return [
        gluon_wgan.train(gen_iters=2, seed=seed, out=str(folder / f"run{seed}"), **places, **small) for seed in (0, 1)
    ]


@pytest.mark.slow
def test_evaluate_gives_what_the_command_prints_and_writes_nothing(trained, capsys):
    from gluon_wgan.cli.evaluate import main

    found = gluon_wgan.evaluate(trained[0], metrics=["swd", "fid", "prdc"], num=40, seed=3)
    assert not (trained[0] / "evaluation.jsonl").exists()
    assert main([str(trained[0]), "--metrics", "swd,fid,prdc", "--num", "40", "--seed", "3", "--json"]) == 0
    printed = {line["metric"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: value.estimate.value for name, value in found.items()} == {
        name: line["value"] for name, line in printed.items()
    }
    assert found["swd"].baseline.value == printed["swd"]["baseline"]["value"]
    (trained[0] / "evaluation.jsonl").unlink()


@pytest.mark.slow
def test_evaluate_takes_arrays_and_folders_alike(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    ours, theirs = (rng.integers(low, 256, (40, 32, 32, 3), dtype=np.uint8) for low in (0, 100))
    for name, images in (("ours", ours), ("theirs", theirs)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number:02}.png")
    # The order in which images are drawn for the comparison does not matter to this metric of all of them.
    of_arrays = gluon_wgan.evaluate(ours, theirs, metrics="fid")["fid"].estimate.value
    of_folders = gluon_wgan.evaluate(tmp_path / "ours", str(tmp_path / "theirs"), metrics=["fid"])["fid"].estimate.value
    as_floats = ours.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    of_floats = gluon_wgan.evaluate(as_floats, theirs, metrics="fid")["fid"].estimate.value
    assert of_arrays == pytest.approx(of_folders, rel=1e-5) and of_floats == pytest.approx(of_arrays, rel=1e-5)
    assert of_arrays > 0.01


def test_what_cannot_be_evaluated_is_a_sentence(trained):
    with pytest.raises(gluon_wgan.UserError, match=r"no such option .*'metric'"):
        gluon_wgan.evaluate(trained[0], metric="swd")
    with pytest.raises(gluon_wgan.UserError, match="--metrics 'sdw' is none of"):
        gluon_wgan.evaluate(trained[0], metrics=["sdw"])
    with pytest.raises(gluon_wgan.UserError, match=r"the array has the shape \(4, 5\)"):
        gluon_wgan.evaluate(np.zeros((4, 5), np.uint8), trained[0])


@pytest.mark.slow
def test_compare_returns_what_each_run_did_and_writes_the_page_only_where_told(trained, tmp_path):
    gluon_wgan.evaluate(trained[0], metrics="swd", num=32)
    one, other = gluon_wgan.compare(trained)
    rows = [line.split(",") for line in (trained[1] / "metrics.csv").read_text().splitlines()]
    wanted = np.median([float(row[rows[0].index("w_estimate")]) for row in rows[1:]])
    assert (one.name, other.name, other.gen_iters) == ("run0", "run1", 2)
    assert other.w_estimate == pytest.approx(wanted, rel=1e-6)
    assert (one.options["seed"], other.options["seed"]) == (0, 1) and "ngf" not in one.options
    assert gluon_wgan.compare(trained, out=tmp_path / "page.html")[0] == one
    assert "run1" in (tmp_path / "page.html").read_text()


def test_compare_resizes_says_which_backend_aliases(tmp_path):
    from PIL import Image

    pixels = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)  # the finest checkerboard
    for number in range(2):
        Image.fromarray(np.roll(pixels, number, axis=1)).save(tmp_path / f"{number}.png")
    names = ["pil", "cv2-bilinear", "cv2-area"]
    found = gluon_wgan.compare_resizes(tmp_path, sizes=[64], backends=names, jobs=1)
    case = found["cases"][0]
    assert (case["label"], found["against"]) == ("64 px", "pil-bilinear")
    assert not case["backends"]["cv2-area"]["aliases"]
    again = gluon_wgan.compare_resizes(tmp_path, sizes=[64], backends=names, jobs=1, out=tmp_path / "report")
    assert json.loads((tmp_path / "report" / "parity.json").read_text())["cases"] == again["cases"] == found["cases"]
    assert (tmp_path / "report" / "parity.html").exists()
    with pytest.raises(gluon_wgan.UserError, match="Cannot compare at 1 pixels"):
        gluon_wgan.compare_resizes(tmp_path, sizes=[1])
