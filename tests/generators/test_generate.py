"""``tools/generate.py`` against plain MXNet operators, PyTorch, scipy, and what a user may get wrong."""

from __future__ import annotations

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from mxnet import nd
from PIL import Image
from scipy.spatial.distance import cdist

from gluon_wgan.cli.generate import main
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import prepare_data
from gluon_wgan.runs.directory import RunDirectory
from tests.interop.test_convert_weights import config_json, reference_networks, write_authors_files


def plain_forward(folder, latents: np.ndarray, batch_statistics: bool) -> np.ndarray:
    """Pass latents through a 16-pixel DCGAN generator written in MXNet's operators, to uint8."""
    p = nd.load(str(folder / "generator.params"))
    x = nd.Deconvolution(nd.array(latents), p["main.0.weight"], kernel=(4, 4), num_filter=16, no_bias=True)
    norm = [p[f"main.1.{name}"] for name in ("gamma", "beta")]
    mean, variance = p["main.1.running_mean"], p["main.1.running_var"]
    if batch_statistics:
        values = x.asnumpy().astype(np.float64)
        mean, variance = (nd.array(f(values, axis=(0, 2, 3))) for f in (np.mean, np.var))
    gamma, beta, mean, variance = (a.reshape((1, -1, 1, 1)) for a in (*norm, mean, variance))
    x = nd.relu((x - mean) / nd.sqrt(variance + 1e-5) * gamma + beta)
    x = nd.Deconvolution(x, p["main.3.weight"], kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=8, no_bias=True)
    mean, variance = p["main.4.running_mean"], p["main.4.running_var"]
    if batch_statistics:
        values = x.asnumpy().astype(np.float64)
        mean, variance = (nd.array(f(values, axis=(0, 2, 3))) for f in (np.mean, np.var))
    norm = [p[f"main.4.{name}"] for name in ("gamma", "beta")]
    gamma, beta, mean, variance = (a.reshape((1, -1, 1, 1)) for a in (*norm, mean, variance))
    x = nd.relu((x - mean) / nd.sqrt(variance + 1e-5) * gamma + beta)
    x = nd.tanh(
        nd.Deconvolution(x, p["main.6.weight"], kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=3, no_bias=True)
    )
    return np.clip(np.round(x.asnumpy() * 127.5 + 127.5), 0, 255).astype(int)


def read(path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def newest(run):
    return run / "checkpoints/iter_000003"


def cells(path, rows: int, columns: int, side: int) -> np.ndarray:
    grid = read(path)
    assert grid.shape == (rows * (side + 2) + 2, columns * (side + 2) + 2, 3)
    return np.array(
        [
            grid[2 + r * (side + 2) :, 2 + c * (side + 2) :][:side, :side].transpose(2, 0, 1)
            for r in range(rows)
            for c in range(columns)
        ]
    )


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_images_are_those_of_a_plain_forward_pass(run, tmp_path, statistics, capsys):
    words = ["--num", "70", "--grid", "5x14", "--seed", "4", "--bn", statistics]
    assert main([str(run), "--out", str(tmp_path / "out"), *words]) == 0
    rng = np.random.default_rng([4, 3])
    groups = [rng.standard_normal((64, 6, 1, 1), dtype=np.float32) for _ in range(2)]
    wanted = np.concatenate([plain_forward(newest(run), g, statistics == "batch") for g in groups])[:70]
    singles = [read(path).transpose(2, 0, 1) for path in sorted((tmp_path / "out/images").iterdir())]
    assert len(singles) == 70
    # A value beside a half may be rounded to either side.
    assert np.abs(np.array(singles) - wanted).max() <= 1
    assert (np.array(singles) != wanted).mean() < 0.001
    assert wanted.std() > 5
    assert np.array_equal(cells(tmp_path / "out/grid.png", 5, 14, 16), singles)
    record = json.loads((tmp_path / "out/generate.json").read_text())
    assert (record["batch_norm"], record["seed"], record["images"]) == (statistics, 4, 70)
    manifest = json.loads((newest(run) / "manifest.json").read_text())
    assert record["weights_sha256"] == manifest["generator.params"]
    assert record["libraries"]["numpy"] == np.__version__
    words = {"batch": "each group's own statistics", "running": "running statistics"}
    assert words[statistics] in capsys.readouterr().out


def test_the_default_is_the_grid_that_the_run_shows(run, tmp_path):
    assert main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["generate.json", "grid.png"]
    assert np.array_equal(read(tmp_path / "out/grid.png"), read(run / "samples/fake_000003.png"))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(run, tmp_path):
    words = ["--num", "3", "--grid", "2x2", "--interpolate", "2", "--steps", "3", "--neighbours", "2"]
    words += ["--truncate", "0.7"]
    contents = []
    for number, seed in enumerate("112"):
        out = tmp_path / str(number)
        assert main([str(run), "--out", str(out), "--seed", seed, *words]) == 0
        files = sorted(path for path in out.rglob("*") if path.is_file())
        contents.append({str(path.relative_to(out)): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert len(contents[0]) >= 9
    assert {name for name, content in contents[2].items() if content == contents[0][name]} == set()


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_an_interpolation_starts_at_the_samples_and_every_file_shows_it(run, tmp_path, statistics):
    words = ["--interpolate", "3", "--steps", "4", "--grid", "1x3", "--bn", statistics]
    assert main([str(run), "--out", str(tmp_path / "out"), *words]) == 0
    strip = cells(tmp_path / "out/interpolation.png", 3, 5, 16)
    samples = cells(tmp_path / "out/grid.png", 1, 3, 16)
    assert np.array_equal(strip[0], samples[0])
    if statistics == "running":
        assert np.array_equal(strip[[0, 5, 10]], samples)
    assert np.array_equal(strip[[4, 9, 14]], strip[[5, 10, 0]])
    record = json.loads((tmp_path / "out/generate.json").read_text())
    assert record["interpolation"]["files"][1:] == ["interpolation.gif", "interpolation.mp4"]
    film = cv2.VideoCapture(str(tmp_path / "out/interpolation.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    with Image.open(tmp_path / "out/interpolation.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (12, (192, 192), 0)
        for frame, place in enumerate([0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]):
            gif.seek(frame)
            shown = np.asarray(gif.convert("RGB")).astype(int)[6::12, 6::12].transpose(2, 0, 1)
            assert np.abs(shown - strip[place]).mean() < 4
            _, image = film.read()
            seen = image[6::12, 6::12, ::-1].astype(int).transpose(2, 0, 1)
            assert np.abs(seen - strip[place]).mean() < 20


def test_neighbours_are_scipys(run, tmp_path, capsys):
    assert main([str(run), "--out", str(tmp_path / "out"), "--neighbours", "3", "--num", "10"]) == 0
    store = prepare_data(RunDirectory(run).config(), progress=False)
    with open(tmp_path / "out/neighbours.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    samples = [read(path).transpose(2, 0, 1) for path in sorted((tmp_path / "out/images").iterdir())]
    flat = np.asarray(store.images[:]).reshape(40, -1).astype(float)
    distances = cdist(np.array(samples).reshape(10, -1).astype(float), flat)
    order = np.argsort(distances, axis=1, kind="stable")[:, :3]
    assert [int(row["training_number"]) for row in rows] == order.ravel().tolist()
    assert [row["training_name"] for row in rows] == [store.names[n] for n in order.ravel().tolist()]
    found = np.take_along_axis(distances, order, 1).ravel()
    assert np.array([float(row["distance"]) for row in rows]) == pytest.approx(found, abs=1e-6)
    assert np.array([float(row["rms_levels"]) for row in rows]) == pytest.approx(found / np.sqrt(768), abs=1e-6)
    assert [(int(row["sample"]), int(row["rank"])) for row in rows] == [(s, r) for s in range(10) for r in (1, 2, 3)]
    image = read(tmp_path / "out/neighbours.png")
    closest = int(np.argmin(distances.min(axis=1)))
    assert np.array_equal(image[25 : 25 + 112 : 7, 8 : 8 + 112 : 7].transpose(2, 0, 1), samples[closest])
    shown = image[25 : 25 + 112 : 7, 144 : 144 + 112 : 7].transpose(2, 0, 1)
    assert np.array_equal(shown, store.images[int(order[closest, 0])])
    assert f"the closest by {distances.min() / np.sqrt(768):.1f}" in capsys.readouterr().out


def test_neighbours_in_other_pixels_than_the_runs_are_refused(run, tmp_path, capsys):
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    data = json.loads((moved / "data.json").read_text())
    other = TrainConfig(**{**RunDirectory(run).config().to_json(), "subset_seed": 5})
    data["store"] = str(prepare_data(other, progress=False).path)
    (moved / "data.json").write_text(json.dumps(data))
    assert main([str(moved), "--out", str(tmp_path / "out"), "--neighbours", "2"]) == 2
    assert "holds other pixels than" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"mlp_g": True}, {"no_bn": True}, {"nc": 1, "n_extra_layers": 1}])
def test_the_authors_flags_draw_with_the_authors_files(fields, tmp_path, require_torch, capsys):
    torch = require_torch()
    config = TrainConfig(image_size=16, ngf=8, ndf=8, nz=5, **fields)
    write_authors_files(tmp_path / "theirs", config)
    (tmp_path / "theirs/generator_config.json").write_text(json.dumps(config_json(config)))
    out = tmp_path / "theirs"
    words = ["-c", str(out / "generator_config.json"), "-w", str(out / "netG_epoch_7.pth"), "-n", "64"]
    for name in ("generated", "generated_1"):
        assert main([*words, "-o", str(out), "--cuda"]) == 0
        assert f"{name}.png" in capsys.readouterr().out
    z = np.random.default_rng([0, 3]).standard_normal((64, 5, 1, 1), dtype=np.float32)
    theirs = reference_networks(config)[0].train()
    with torch.no_grad():
        images = theirs(torch.from_numpy(z)).numpy().reshape(64, config.nc, 16, 16)
    wanted = np.clip(np.round(images * 127.5 + 127.5), 0, 255).astype(int)
    grid = read(out / "generated.png")
    grid = grid[:, :, None] if config.nc == 1 else grid
    got = np.array([grid[2 + r * 18 :, 2 + c * 18 :][:16, :16].transpose(2, 0, 1) for r in range(8) for c in range(8)])
    assert np.abs(got - wanted).max() <= 1
    assert (got != wanted).mean() < 0.001
    assert (out / "generated.png").read_bytes() == (out / "generated_1.png").read_bytes()


def test_our_own_pair_of_files_works_too(run, tmp_path):
    pair = ["--config", str(newest(run) / "generator.json"), "--weights", str(newest(run) / "generator.params")]
    assert main([*pair, "--output_dir", str(tmp_path), "--nimages", "64"]) == 0
    assert np.array_equal(read(tmp_path / "generated.png"), read(run / "samples/fake_000003.png"))


BAD = [
    (["-c", "x", "-w", "y"], "give --out"),
    (["--out", "{new}"], "Name what to draw with"),
    (["{run}", "--out", "{new}", "-c", "x", "-w", "y"], "Name what to draw with"),
    (["-c", "x", "--out", "{new}"], "Name what to draw with"),
    (["{tmp}", "--out", "{new}"], "no generator in"),
    (["{tmp}/nothing", "--out", "{new}"], "There is no"),
    (["{run}/metrics.csv", "--out", "{new}"], "no generator in"),
    (["{run}", "--out", "{run}"], "would be overwritten"),
    (["{run}", "--out", "{run}/metrics.csv/x"], "cannot be written"),
    (["{run}", "--out", "{new}", "--num", "0"], "--num 0 is out of range"),
    (["{run}", "--out", "{new}", "--num", "x"], "'x' is not a whole number"),
    (["{run}", "--out", "{new}", "--grid", "8"], "--grid 8 is no size"),
    (["{run}", "--out", "{new}", "--grid", "0x4"], "--grid 0x4 is no size"),
    (["{run}", "--out", "{new}", "--interpolate", "1"], "--interpolate 1 is out of range"),
    (["{run}", "--out", "{new}", "--steps", "5"], "belongs to --interpolate"),
    (["{run}", "--out", "{new}", "--data", "x"], "belongs to --neighbours"),
    (["{run}", "--out", "{new}", "--neighbours", "41"], "ask for 1 to 40"),
    (["{run}", "--out", "{new}", "--neighbours", "3", "--data", "{tmp}"], "no image store (it has no store.json)"),
    (["{run}", "--out", "{new}", "--seed", "-1"], "--seed -1 is out of range"),
    (["{run}", "--out", "{new}", "--truncate", "nan"], "--truncate nan is out of range"),
    (["{run}", "--out", "{new}", "--gpus", "a"], "is no list of GPUs"),
    (["-c", "{run}/config.json", "-w", "{run}/none.pth", "-o", "{new}"], "There is no file"),
    (["-c", "{run}/metrics.csv", "-w", "{run}/metrics.csv", "-o", "{new}"], "Cannot read"),
    (
        ["-c", "{checkpoint}/generator.json", "-w", "{run}/metrics.csv", "-o", "{new}"],
        "is not a whole PyTorch file of tensors",
    ),
    (["-c", "{checkpoint}/generator.json", "-w", "{checkpoint}/critic.params", "-o", "{new}"], "Cannot load"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_mistakes_get_one_sentence(words, sentence, run, tmp_path, capsys, require_torch):
    require_torch()
    places = {"run": run, "tmp": tmp_path, "new": tmp_path / "new", "checkpoint": newest(run)}
    try:
        status = main([word.format(**places) for word in words])
    except SystemExit as error:  # argparse
        status = error.code
    said = capsys.readouterr().err
    assert status == 2
    assert sentence in said and said.startswith("generate.py: ") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_flipped_byte_is_noticed(run, tmp_path, capsys):
    shutil.copytree(newest(run), tmp_path / "damaged")
    weights = tmp_path / "damaged/generator.params"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert main([str(tmp_path / "damaged"), "--out", str(tmp_path / "out")]) == 2
    assert "generator.params is missing or damaged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--grid"], ["--interpolate", "2"], ["--num", "2"], ["--neighbours", "3"]])
def test_a_full_disk_gets_one_sentence_and_leaves_nothing(words, run, tmp_path, full_disk, capsys):
    with full_disk(500):
        status = main([str(run), "--out", str(tmp_path / "out"), *words])
    said = capsys.readouterr().err.split("\r")[-1]
    assert status == 2
    assert said.startswith("generate.py: ") and said.count("\n") == 1 and "make room" in said
    assert not list(tmp_path.iterdir())
