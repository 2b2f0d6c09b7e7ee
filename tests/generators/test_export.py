"""``tools/export_model.py`` against plain MXNet, onnxruntime, PyTorch, and what a user may get wrong."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, nd

import gluon_wgan
from gluon_wgan.cli.export import FORMATS, main
from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.generators.load import open_generator
from gluon_wgan.generators.model_card import model_card
from gluon_wgan.interop import symbol_graph
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.params_file import read_params
from tests.conftest import skip_unless_ci

# Gluon says so of every symbol's input.
pytestmark = pytest.mark.filterwarnings("ignore:Cannot decide type")
# Of float32 sums in another order, images being in [-1, 1].
CLOSE = 1e-5
NETWORK = ("arch", "block_order", "no_bn", "mlp_g", "n_extra_layers", "sample_bn")
KINDS = {name: {field: getattr(preset_config(name), field) for field in NETWORK} for name in PRESETS}
KINDS |= {
    "mlp": {"mlp_g": True},
    "no-bn": {"no_bn": True, "n_extra_layers": 1},
    "lite, activation first": {"arch": "lite", "block_order": "conv-act-norm"},
    "64 pixels": {"image_size": 64, "n_extra_layers": 1},
}


@pytest.fixture(params=[1, 3])
def channels(request) -> int:
    return request.param


@pytest.fixture(params=KINDS)
def exported(request, channels, checkpoint_of) -> Path:
    return checkpoint_of(nc=channels, **KINDS[request.param])


@pytest.fixture
def onnxruntime():
    try:
        import_module("onnx")
        return import_module("onnxruntime")
    except ImportError:
        skip_unless_ci("onnx or onnxruntime is missing")


def latents(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 6, 1, 1), dtype=np.float32)


def images(folder: Path, z: np.ndarray) -> np.ndarray:
    with autograd.predict_mode():
        return gluon_wgan.load_generator(folder)(nd.array(z)).asnumpy()


def close(got: np.ndarray, wanted: np.ndarray) -> None:
    assert got.shape == wanted.shape and wanted.std() > 0.05
    assert np.abs(got - wanted).max() <= CLOSE * max(1.0, np.abs(wanted).max())


def test_plain_mxnet_loads_the_symbol(exported, tmp_path):
    out = tmp_path / "out"
    assert main([str(exported), "--format", "gluon", "--out", str(out)]) == 0
    symbol, arguments, auxiliary = mx.model.load_checkpoint(str(out / "generator"), 0)
    assert all(name.startswith("generator_") for name in (*arguments, *auxiliary))
    module = mx.mod.Module(symbol, data_names=["latents"], label_names=None)
    module.bind([("latents", (3, 6, 1, 1))], for_training=False)
    module.set_params(arguments, auxiliary)
    module.forward(mx.io.DataBatch([nd.array(latents(3))]), is_train=False)
    close(module.get_outputs()[0].asnumpy(), images(exported, latents(3)))
    files = [str(out / "generator-symbol.json"), ["latents"], str(out / "generator-0000.params")]
    block = mx.gluon.SymbolBlock.imports(*files)
    close(block(nd.array(latents(5))).asnumpy(), images(exported, latents(5)))


@pytest.mark.slow
def test_onnxruntime_runs_any_number_of_latents(exported, tmp_path, onnxruntime, capsys):
    out = tmp_path / "out"
    assert main([str(exported), "--format", "onnx", "--out", str(out)]) == 0
    session = onnxruntime.InferenceSession(str(out / "generator.onnx"), providers=["CPUExecutionProvider"])
    [into], [outof] = session.get_inputs(), session.get_outputs()
    size = json.loads((exported / "generator.json").read_text())["image_size"]
    assert (into.name, into.shape) == ("latents", ["batch", 6, 1, 1])
    assert (outof.name, outof.shape[0], outof.shape[2:]) == ("images", "batch", [size, size])
    for count in (1, 3, 70):
        close(session.run(["images"], {"latents": latents(count)})[0], images(exported, latents(count)))
    said = capsys.readouterr().out
    assert "no value differs from the checkpoint's by more than" in said
    assert ("Batch norm is in inference mode" in said) == open_generator(exported).has_batch_norm


def test_the_torch_generator_gives_the_same_images(exported, tmp_path, require_torch, capsys):
    torch = require_torch()
    from tools.reference.networks import build_generator
    from tools.reference.options import Options

    description = json.loads((exported / "generator.json").read_text())
    status = main([str(exported), "--format", "torch", "--out", str(tmp_path / "out")])
    if description["arch"] == "lite" or description["block_order"] != "conv-norm-act":
        assert status == 2
        assert capsys.readouterr().err.count("\n") == 1
        return
    assert status == 0
    state = torch.load(tmp_path / "out/netG_epoch_0.pth", weights_only=True)
    config = TrainConfig(**{name: value for name, value in description.items() if name != "format"})
    theirs = build_generator(Options.from_mapping(config.to_json())).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), state.values())), strict=True)
    with torch.no_grad():
        got = theirs(torch.from_numpy(latents(4))).numpy()
    wanted = images(exported, latents(4))
    close(got.reshape(wanted.shape), wanted)
    assert json.loads((tmp_path / "out/generator_config.json").read_text())["imageSize"] == config.image_size


def test_names_do_not_depend_on_what_was_built_before(checkpoint_of, tmp_path):
    folder = checkpoint_of()
    for name in ("first", "second"):
        assert main([str(folder), "--format", "gluon", "--out", str(tmp_path / name)]) == 0
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_an_export_that_differs_is_not_handed_out(run, tmp_path, monkeypatch, capsys):
    right = symbol_graph.graph_of

    def wrong(generator, **options):
        symbol, parameters = right(generator, **options)
        return symbol, {name: array * 1.001 for name, array in parameters.items()}

    monkeypatch.setattr(symbol_graph, "graph_of", wrong)
    assert main([str(run), "--format", "gluon", "--out", str(tmp_path / "out")]) == 2
    assert "The exported generator's images differ by" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_card_tells_what_the_run_recorded(run, tmp_path):
    source = tmp_path / "run"
    shutil.copytree(run, source)
    lines = [{"metric": "fid", "value": 41.25, "low": 40, "high": 42.5, "samples": 9}, {"metric": "kid", "value": 0.5}]
    lines[1] |= {"floor": {"value": 0.25}, "judged": {"checkpoint": "iter_000003"}}
    lines.insert(0, {"metric": "fid", "value": 99.5})  # of an earlier evaluation
    text = "\n".join([*map(json.dumps, lines), '{"metric": "unfini'])
    (source / "evaluation.jsonl").write_text(text)
    assert main([str(source), "--format", "gluon", "--out", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    data = json.loads((source / "data.json").read_text())
    for words in (
        *("images of 16x16 pixels", "Maps 6 numbers from N(0, 1)", "three channels (RGB)"),
        *(
            "| images | 40 |",
            "built-in, a part of it",
            "artflow.ai",
            "licenses/by/4.0/",
            data["content_sha256"],
            "**To be filled in:**",
            "pil-bilinear",
        ),
        *("| generator iterations | 3 |", "| critic steps in all | 3 |", "| lr_g | 0.01 |"),
        *("| fid | 41.25 | 40 \N{EN DASH} 42.50 |", "samples 9", "| kid | 0.5000 |  | 0.2500 | iter_000003 |"),
        "Batch norm is in inference mode: it uses the running statistics",
    ):
        assert words in card, words
    assert str(tmp_path) not in card and str(run) not in card
    assert "unfini" not in card and "99.5" not in card
    for name in ("generator-symbol.json", "generator-0000.params"):
        digest = hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest()
        assert f"| {name} | `{digest}` |" in card
    for name in re.findall(r"\]\((\S+\.png)\)", card):
        assert (tmp_path / "out" / name).is_file()
    assert (tmp_path / "out/samples_of_training.png").read_bytes() == (run / "samples/fake_000003.png").read_bytes()
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0]
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(images.shape)"],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.strip() == "(16, 3, 16, 16)", done.stderr


def test_the_cards_onnx_code_runs(checkpoint_of, tmp_path, onnxruntime, monkeypatch):
    assert main([str(checkpoint_of(nc=1)), "--format", "onnx", "--out", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    assert "Nothing is recorded about the training images" in card and "one channel (gray)" in card
    monkeypatch.chdir(tmp_path / "out")
    names: dict = {}
    exec(re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0], names)
    assert names["images"].shape == (16, 1, 32, 32)


def test_a_cell_cannot_break_the_table(checkpoint_of):
    trained = open_generator(checkpoint_of())
    card = model_card(trained, "", "", {"a|b": "c\nd"}, "", None)
    assert "| a\\|b | c d |" in card


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{tmp}", "--format", "gluon", "--out", "{new}"], "no generator in"),
        (["{tmp}/none", "--format", "gluon", "--out", "{new}"], "There is no"),
        (["{run}/metrics.csv", "--format", "onnx", "--out", "{new}"], "no generator in"),
        (["{run}", "--format", "keras", "--out", "{new}"], "invalid choice"),
        (["{run}", "--format", "onnx"], "--out"),
        (["{run}", "--format", "torch", "--out", "{run}"], "would be overwritten"),
        (["{run}", "--format", "gluon", "--out", "{run}/metrics.csv/x"], "cannot be written"),
    ],
)
def test_mistakes_get_one_sentence(words, sentence, run, tmp_path, capsys):
    places = {"run": run, "tmp": tmp_path, "new": tmp_path / "new"}
    try:
        status = main([word.format(**places) for word in words])
    except SystemExit as error:  # argparse
        status = error.code
    said = capsys.readouterr().err
    assert status == 2
    assert sentence in said and said.startswith("export_model.py: ") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_onnx_a_sentence_says_what_to_install(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main([str(run), "--format", "onnx", "--out", str(tmp_path / "out")]) == 2
    assert "Exporting to ONNX needs onnx" in capsys.readouterr().err


def test_without_onnxruntime_the_export_says_that_nothing_ran_it(run, tmp_path, onnxruntime, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main([str(run), "--format", "onnx", "--out", str(tmp_path / "out")]) == 0
    assert "nothing has run the exported file yet" in capsys.readouterr().out


@pytest.mark.parametrize("kind", FORMATS)
def test_a_flipped_byte_is_noticed(kind, run, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(run / "checkpoints/iter_000003", damaged)
    content = bytearray((damaged / "generator.params").read_bytes())
    content[-9] ^= 4
    (damaged / "generator.params").write_bytes(content)
    assert main([str(damaged), "--format", kind, "--out", str(tmp_path / "out")]) == 2
    assert "generator.params is missing or damaged" in capsys.readouterr().err


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_gets_one_sentence_and_leaves_nothing(
    kind, run, tmp_path, full_disk, onnxruntime, require_torch, capsys
):
    require_torch()
    with full_disk(3000):
        status = main([str(run), "--format", kind, "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert status == 2
    assert said.startswith("export_model.py: ") and said.count("\n") == 1 and "make room" in said
    assert not list(tmp_path.iterdir())


def test_safetensors_hold_the_weights_and_load_everywhere(run, tmp_path, capsys):
    from safetensors.numpy import load_file

    assert main([str(run), "--format", "safetensors", "--out", str(tmp_path / "out")]) == 0
    assert "by more than 0." in capsys.readouterr().out
    file = tmp_path / "out" / "generator.safetensors"
    checkpoint = sorted((run / "checkpoints").iterdir())[-1]
    theirs, ours = load_file(file), read_params(checkpoint / "generator.params")
    assert theirs.keys() == ours.keys() and all(np.array_equal(theirs[name], ours[name]) for name in ours)
    loaded = gluon_wgan.load_generator(file)
    for name, parameter in loaded._collect_params_with_prefix().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), ours[name])
    config = RunDirectory(run).config().replace(out=str(tmp_path / "new"), net_g=str(file), gen_iters=1)
    new = gluon_wgan.train(config.replace(branch=None, lr_g=1e-12, lr_d=1e-12), progress=False)
    begun = read_params(new / "checkpoints" / "iter_000001" / "generator.params")
    assert max(np.abs(begun[name] - ours[name]).max() for name in ours if name.endswith("weight")) < 1e-6
    assert (tmp_path / "out" / "MODEL_CARD.md").read_text().startswith("---\nlibrary_name: mxnet\n")


def test_foreign_and_damaged_safetensors_are_one_sentence(run, tmp_path, capsys):
    from safetensors.numpy import save_file

    assert main([str(run), "--format", "safetensors", "--out", str(tmp_path / "out")]) == 0
    good = (tmp_path / "out" / "generator.safetensors").read_bytes()
    file = tmp_path / "x.safetensors"
    for content in (b"", good[:-7], good[: len(good) // 2], b"\xff" * 64, good.replace(b'"nz\\"', b'"nq\\"')):
        file.write_bytes(content)
        with pytest.raises(gluon_wgan.UserError) as refusal:
            gluon_wgan.load_generator(file)
        assert str(file) in str(refusal.value) and len(str(refusal.value).splitlines()) == 1
    save_file({"main.0.weight": np.zeros((2, 2), np.float32)}, file)
    with pytest.raises(gluon_wgan.UserError, match="does not say what network it holds"):
        gluon_wgan.load_generator(file)
    save_file({"main.0.weight": np.zeros((2, 2), np.int32)}, file)
    with pytest.raises(gluon_wgan.UserError, match="no floating-point numbers"):
        gluon_wgan.load_generator(file)
