"""What the conversion of weights refuses: in one sentence, running nothing, leaving nothing behind."""

from __future__ import annotations

import io
import json
import pickle
import resource
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mxnet import cpu

from gluon_wgan.cli.convert import main
from gluon_wgan.errors import UserError
from gluon_wgan.interop.authors_names import CRITIC
from gluon_wgan.interop.network_weights import config_of
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.interop.torch_weights import convert
from gluon_wgan.runs.checkpoints import Progress
from gluon_wgan.training.checkpoint import save_checkpoint
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import atomic_files
from tests.conftest import REPOSITORY
from tests.interop.test_convert_weights import bits, config_json, load, small, write_authors_files


def refusal(source: Path, out: Path, *arguments: Any, **options: Any) -> str:
    """Return the one sentence, having checked that nothing was left behind."""
    before = sorted(out.parent.iterdir()) if out.parent.is_dir() else []
    with pytest.raises(UserError) as caught:
        convert(source, out, *arguments, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    assert (sorted(out.parent.iterdir()) if out.parent.is_dir() else []) == before
    return sentence


@pytest.fixture
def theirs(tmp_path, require_torch) -> Path:
    require_torch()
    write_authors_files(tmp_path / "theirs", small(image_size=16))
    return tmp_path / "theirs"


def checkpoint_of(parent: Path, **fields: Any) -> Path:
    """Write a run directory with one checkpoint at the start of training."""
    config = small(image_size=16, batch_size=2, **fields)
    wgan = WGAN(config, [cpu()])
    (parent / "run/checkpoints").mkdir(parents=True)
    atomic_files.write_json(parent / "run/config.json", config.to_json())
    save_checkpoint(parent / "run/checkpoints", "iter_000000", wgan, Progress(3, 5, [], 0, 0.0, {}, ""))
    return parent / "run"


class Code:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("form", ["zip", "old torch", "pickle", "inside a state dict"])
def test_code_in_a_file_does_not_run(form, theirs, tmp_path, require_torch):
    torch = require_torch()
    target, file = tmp_path / "created", tmp_path / "netG_epoch_0.pth"
    buffer = io.BytesIO()
    if form == "pickle":
        pickle.dump(Code(target), buffer, protocol=2)
    else:
        inside = form == "inside a state dict"
        held = {**load(theirs / "netG_epoch_7.pth"), "more": Code(target)} if inside else Code(target)
        torch.save(held, buffer, _use_new_zipfile_serialization=form != "old torch")
    file.write_bytes(buffer.getvalue())
    assert "so it was not opened" in refusal(file, tmp_path / "out")
    assert not target.exists()
    if form == "pickle":
        pickle.loads(buffer.getvalue())
    else:
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert target.exists(), "the code would have done nothing anyway"


@pytest.mark.parametrize("content", [b"", b"hello", b"{}\n", b"PK\x03\x04", b"\x80\x02", b"\x89PNG\r\n\x1a\n"])
def test_files_that_are_no_checkpoints(content, tmp_path, require_torch):
    require_torch()
    (tmp_path / "netG_epoch_0.pth").write_bytes(content)
    sentence = refusal(tmp_path / "netG_epoch_0.pth", tmp_path / "out")
    assert "not a whole PyTorch file" in sentence or "no state dict" in sentence


@pytest.mark.parametrize("old_format", [False, True])
def test_a_file_cut_short(old_format, theirs, tmp_path, require_torch):
    torch = require_torch()
    state = load(theirs / "netG_epoch_7.pth")
    torch.save(state, theirs / "netG_epoch_7.pth", _use_new_zipfile_serialization=not old_format)
    whole = (theirs / "netG_epoch_7.pth").read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 100):
        (theirs / "netG_epoch_7.pth").write_bytes(whole[:length])
        assert "not a whole PyTorch file" in refusal(theirs, tmp_path / "out")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_is_seen_or_harmless(where, flip, theirs, tmp_path):
    whole = (theirs / "netG_epoch_7.pth").read_bytes()
    damaged = bytearray(whole)
    damaged[int(where * len(whole))] ^= flip
    (tmp_path / "damaged.pth").write_bytes(damaged)
    expected = [(name, tensor.numpy().tobytes()) for name, tensor in load(theirs / "netG_epoch_7.pth").items()]
    try:
        found = read_state_dict(tmp_path / "damaged.pth")
    except UserError as error:
        # Without the first two letters of a zip archive it is taken for a pickle.
        words = ("not a whole PyTorch file", "no state dict", "so it was not opened", "no tensor")
        assert any(word in str(error) for word in words)
    else:
        # A zip archive has bytes that nothing depends on, such as dates and padding.
        assert [(name, array.tobytes()) for name, array in found.items()] == expected


def test_a_flipped_weight_breaks_a_checksum(theirs, tmp_path):
    whole = bytearray((theirs / "netG_epoch_7.pth").read_bytes())
    weight = load(theirs / "netG_epoch_7.pth")["main.initial:5-16:convt.weight"].numpy().tobytes()
    whole[whole.index(weight) + 17] ^= 1
    (theirs / "netG_epoch_7.pth").write_bytes(whole)
    assert "not a whole PyTorch file" in refusal(theirs, tmp_path / "out")


BROKEN: list[tuple[str, str, Any, str]] = [
    ("G", "main.final:8-3:convt.weight", None, "no generator"),
    ("G", "main.pyramid:8:batchnorm.running_var", None, "lacks main.pyramid:8:batchnorm.running_var"),
    ("G", "main.pyramid:8:batchnorm.num_batches_tracked", None, "lacks main.pyramid:8:batchnorm.num_batches"),
    ("G", "main.pyramid:8:batchnorm.bias", np.zeros(9, "f4"), "(9,)"),
    ("G", "main.final:8-3:convt.weight", np.zeros((8, 3, 4, 5), "f4"), "(8, 3, 4, 5)"),
    ("G", "main.pyramid:8:batchnorm.bias", np.zeros(8, "f8"), "float64"),
    ("G", "main.pyramid:8:batchnorm.num_batches_tracked", np.zeros(1, "i8"), "(1,)"),
    ("G", "main.pyramid:8:batchnorm.num_batches_tracked", np.zeros((), "f4"), "int64"),
    ("D", "main.surplus.weight", np.zeros(3, "f4"), "holds main.surplus.weight"),
    ("D", "main.initial:3-8:conv.bias", np.zeros(8, "f4"), "holds main.initial:3-8:conv.bias"),
    ("D", "main.final:16-1:conv.weight", np.zeros((1, 16, 4, 4), "i4"), "float32, float64 or int64"),
    ("D", "main.final:16-1:conv.weight", np.zeros((1, 16, 4, 4), "f2"), "float32, float64 or int64"),
]


@pytest.mark.parametrize(("letter", "name", "value", "said"), BROKEN)
def test_tensors_that_are_not_as_they_must_be(letter, name, value, said, theirs, tmp_path, require_torch):
    torch = require_torch()
    state = load(theirs / f"net{letter}_epoch_7.pth")
    state.pop(name, None)
    if value is not None:
        state[name] = torch.from_numpy(value)
    torch.save(state, theirs / f"net{letter}_epoch_7.pth")
    assert said in refusal(theirs / f"net{letter}_epoch_7.pth", tmp_path / "out")


def test_foreign_content(tmp_path, require_torch):
    torch = require_torch()
    foreign = {
        "a list": [torch.zeros(3)],
        "a tensor": torch.zeros(3),
        "no names": {1: torch.zeros(3)},
        "nothing": OrderedDict(),
        "numbers": {"epoch": 3},
        "nested": {"state_dict": {"main.0.weight": torch.zeros(2, 2)}},
        "sparse": {"main.0.weight": torch.eye(3).to_sparse()},
        "another network": torch.nn.Sequential(torch.nn.Conv2d(3, 8, 4), torch.nn.Linear(3, 2)).state_dict(),
        "PyTorch's own example": {
            f"main.{i}.weight": torch.zeros(8, 8, 4, 4) if i % 3 == 0 else torch.zeros(8) for i in range(8)
        },
    }
    for name, content in foreign.items():
        torch.save(content, tmp_path / "netG_epoch_0.pth")
        sentence = refusal(tmp_path / "netG_epoch_0.pth", tmp_path / "out")
        assert "netG_epoch_N.pth" in sentence or "state dict" in sentence, name


def test_shapes_that_name_no_network_are_refused(tmp_path, require_torch):
    torch = require_torch()
    mlp = {"main.0": (512, 100), "main.2": (512, 512), "main.4": (512, 512), "main.6": (48 * 48 * 3, 512)}
    state = {}
    for layer, shape in mlp.items():
        state[f"{layer}.weight"], state[f"{layer}.bias"] = torch.zeros(shape), torch.zeros(shape[0])
    torch.save(state, tmp_path / "netG_epoch_0.pth")
    assert "has shapes that no generator" in refusal(tmp_path / "netG_epoch_0.pth", tmp_path / "out")


def test_whole_numbers_are_no_weights(theirs, tmp_path, require_torch):
    torch = require_torch()
    state = {name: tensor.long() for name, tensor in load(theirs / "netG_epoch_7.pth").items()}
    torch.save(state, theirs / "netG_epoch_7.pth")
    assert "float32 is due" in refusal(theirs, tmp_path / "out")


def test_a_file_of_very_many_layers_is_refused_before_its_size_is_written_out():
    arrays = {f"main.pyramid:{i}:conv.weight": np.zeros((1, 1, 4, 4), "f4") for i in range(16_000)}
    with pytest.raises(UserError, match="has shapes that no critic"):
        config_of(CRITIC, arrays, "netD_epoch_0.pth")


def test_an_mlp_is_not_announced_as_a_network_without_batch_norm(tmp_path, require_torch):
    require_torch()
    convert(checkpoint_of(tmp_path, no_bn=True, mlp_g=True), tmp_path / "out")
    fields = json.loads((tmp_path / "out/generator_config.json").read_text())
    assert (fields["noBN"], fields["mlp_G"]) == (False, True)


def test_a_swapped_name_and_networks_that_do_not_belong_together(theirs, tmp_path):
    write_authors_files(tmp_path / "larger", small(image_size=32))
    (theirs / "netD_epoch_7.pth").write_bytes((tmp_path / "larger/netD_epoch_7.pth").read_bytes())
    assert "images of 16 pixels and 3 channels, but the critic takes images of 32" in refusal(theirs, tmp_path / "out")
    (theirs / "netG_epoch_7.pth").write_bytes((tmp_path / "larger/netD_epoch_7.pth").read_bytes())
    assert "holds no generator" in refusal(theirs, tmp_path / "out")


CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"ngf": 16}, "lacks main.initial:5-32:convt.weight"),
    ({"noBN": True}, "which is not of this network"),
    ({"mlp_G": True}, "lacks main.0.weight"),
    ({"imageSize": 48}, "48"),
    ({"nc": 4}, "4"),
    ({"nz": "many"}, "'many'"),
    ({"noBN": 0}, "wrong type"),
    ({"ngpu": -1}, "-1"),
]


@pytest.mark.parametrize(("changed", "said"), CONFIGS)
def test_configs_that_do_not_fit(changed, said, theirs, tmp_path):
    fields = {**config_json(small(image_size=16)), **changed}
    (theirs / "generator_config.json").write_text(json.dumps(fields))
    sentence = refusal(theirs, tmp_path / "out")
    assert said in sentence and "generator_config.json" in sentence


@pytest.mark.parametrize("content", ["", "[]", "3", "{", '{"nz": 100}', "[" * 100_000])
def test_configs_that_are_none(content, theirs, tmp_path):
    (tmp_path / "config.json").write_text(content)
    assert "name the authors' generator_config.json" in refusal(theirs, tmp_path / "out", tmp_path / "config.json")
    assert "name the authors' generator_config.json" in refusal(theirs, tmp_path / "out", tmp_path / "missing")


def test_a_config_or_a_flag_that_means_nothing(theirs, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config_json(small(image_size=16))))
    critic = theirs / "netD_epoch_7.pth"
    assert "describes a generator" in refusal(critic, tmp_path / "out", tmp_path / "config.json")
    assert "leave --generator-only out" in refusal(critic, tmp_path / "out", generator_only=True)
    convert(theirs, tmp_path / "ours")
    assert "belongs to .pth files" in refusal(tmp_path / "ours", tmp_path / "out", tmp_path / "config.json")


def test_sources_that_are_none(theirs, tmp_path):
    assert "There is no" in refusal(tmp_path / "missing", tmp_path / "out")
    assert "File name too long" in refusal(tmp_path / ("m" * 300), tmp_path / "out")
    assert "File name too long" in refusal(theirs, tmp_path / ("m" * 300))
    (tmp_path / "empty").mkdir()
    assert "netG_epoch_N.pth" in refusal(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "empty/checkpoints").mkdir()
    assert "no checkpoint yet" in refusal(tmp_path / "empty", tmp_path / "out")
    convert(theirs, tmp_path / "ours")
    assert "name the checkpoint" in refusal(tmp_path / "ours/generator.params", tmp_path / "out")
    (tmp_path / "ours/critic.params").write_bytes(b"damaged")
    assert "missing or damaged" in refusal(tmp_path / "ours", tmp_path / "out")


FOREIGN: list[tuple[dict[str, Any], str]] = [
    ({"arch": "lite"}, "--arch lite"),
    ({"block_order": "conv-act-norm"}, "--block-order conv-act-norm"),
]


@pytest.mark.parametrize(("fields", "said"), FOREIGN)
def test_networks_that_their_classes_do_not_have(fields, said, tmp_path, require_torch):
    require_torch()
    assert said in refusal(checkpoint_of(tmp_path, **fields), tmp_path / "out")


def test_a_critic_with_layer_norm_can_be_left_behind(tmp_path, require_torch):
    require_torch()
    run = checkpoint_of(tmp_path, no_bn_d=True, layer_norm_d=True)
    sentence = refusal(run, tmp_path / "out")
    assert "--layer-norm-d" in sentence and "--generator-only" in sentence
    convert(run, tmp_path / "out", generator_only=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"generator_config.json", "netG_epoch_0.pth"}


def test_the_order_of_a_block_without_a_norm_is_no_hindrance(tmp_path, require_torch):
    require_torch()
    run = checkpoint_of(tmp_path, block_order="conv-act-norm", no_bn=True, no_bn_d=True)
    convert(run, tmp_path / "out")
    assert not [name for name in load(tmp_path / "out/netD_epoch_0.pth") if "batchnorm" in name]


def test_counts_of_a_critic_that_judges_reals_and_fakes_joined(tmp_path, require_torch):
    require_torch()
    convert(checkpoint_of(tmp_path, critic_batches="joined"), tmp_path / "out")
    for letter in "GD":
        state = load(tmp_path / f"out/net{letter}_epoch_0.pth")
        assert {int(state[name]) for name in state if name.endswith("tracked")} == {5 + 3}


def test_nothing_is_overwritten(theirs, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "full", "dangling"):
        assert "exists already" in refusal(theirs, tmp_path / name)
    assert (tmp_path / "file").read_text() == (tmp_path / "full/mine").read_text() == "mine"
    assert "cannot be written" in refusal(theirs, tmp_path / "file" / "below")
    (tmp_path / "empty").mkdir()
    convert(theirs, tmp_path / "empty")
    convert(theirs, tmp_path / "new/deeper")
    assert bits_of(tmp_path / "empty") == bits_of(tmp_path / "new/deeper")


def bits_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("largest", ["generator.params", "netG_epoch_7.pth"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(largest, theirs, tmp_path):
    convert(theirs, tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "back")
    source, written = (theirs, "ours") if largest == "generator.params" else (tmp_path / "ours", "back")
    size = (tmp_path / written / largest).stat().st_size
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for limit in (100, size // 2, size - 1):
        # A limit on the size of files stands for the full disk: both fail in write().
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            sentence = refusal(source, tmp_path / "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert "cannot be written" in sentence


def test_without_torch_or_with_an_unsafe_one_files_are_read_and_none_written(
    theirs, tmp_path, monkeypatch, require_torch
):
    monkeypatch.setattr(require_torch(), "__version__", "2.9.1+cpu")
    convert(theirs, tmp_path / "ours")
    assert "PyTorch 2.9.1+cpu can be made to run code" in refusal(tmp_path / "ours", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "[torch]'" in refusal(tmp_path / "ours", tmp_path / "out")


@pytest.fixture
def tool(monkeypatch, capsys):
    """Return a function that calls the tool and returns its status, output and errors."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["convert_weights.py", *map(str, words)])
        status = main()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_the_tool(tool, theirs, tmp_path):
    status, printed, errors = tool(theirs, tmp_path / "ours")
    assert (status, errors) == (0, "")
    assert [line.split(" ")[0] for line in printed.splitlines()] == ["Read"] * 2 + ["Wrote"] * 5
    assert f"Wrote {tmp_path / 'ours/generator.params'}" in printed
    status, printed, errors = tool(theirs, tmp_path / "ours")
    assert (status, printed) == (2, "")
    assert errors.startswith("convert_weights.py: ") and len(errors.splitlines()) == 1
    assert tool(tmp_path / "ours", tmp_path / "back")[0] == 0
    assert bits(load(tmp_path / "back/netG_epoch_7.pth")) == bits(load(theirs / "netG_epoch_7.pth"))


@pytest.mark.slow
def test_the_tool_from_any_folder(tmp_path):
    script = [sys.executable, str(REPOSITORY / "tools/convert_weights.py"), "missing", "out"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("convert_weights.py: There is no missing")
