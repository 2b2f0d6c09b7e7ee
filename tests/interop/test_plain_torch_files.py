"""State dicts read without PyTorch, against PyTorch; and files that are damaged or would run code."""

from __future__ import annotations

import os
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.errors import UserError
from gluon_wgan.interop.torch_files import read_state_dict


@pytest.fixture(params=[True, False], ids=["archive", "row"])
def saved(request: Any, tmp_path: Path, require_torch: Callable[[], ModuleType]) -> tuple[Path, dict[str, Any]]:
    """Return a file of each layout, and what PyTorch finds in it."""
    torch = require_torch()
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, (1, 3)), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    state = network.state_dict()
    shared = torch.arange(24, dtype=torch.float64)
    state.update(double=shared[4:16].reshape(3, 4), part=shared[1:3], empty=torch.zeros(0, 3), one=torch.tensor(7))
    state["parameter"] = torch.nn.Parameter(torch.randn(2, 1, 2))
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=request.param)
    return path, torch.load(path, weights_only=True)


def test_everything_as_pytorch_reads_it(saved: tuple[Path, dict[str, Any]]) -> None:
    path, expected = saved
    found = read_state_dict(path)
    assert list(found) == list(expected) and len(found) == 14
    for name, values in expected.items():
        theirs = values.detach().numpy()
        assert (found[name].dtype, found[name].shape) == (theirs.dtype, theirs.shape)
        assert found[name].flags.writeable
        np.testing.assert_array_equal(found[name], theirs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_one_sentence_or_harmless(saved: tuple[Path, dict[str, Any]], data: st.DataObject) -> None:
    path, expected = saved
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    damaged = path.with_name("damaged.pth")
    damaged.write_bytes(content)
    try:
        found = read_state_dict(damaged)
    except UserError as error:
        words = ("is not a whole PyTorch file", "is no tensor", "no state dict", "it was not opened")
        assert any(word in str(error) for word in words) and "\n" not in str(error)
        return
    assert len(content) == path.stat().st_size and len(found) <= len(expected)
    if content.startswith(b"PK") and list(found) == list(expected):  # its checksums see every changed number
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values.detach().numpy())


class Runs:
    """Pickled, it calls a function."""

    def __init__(self, function: Any, *words: Any) -> None:
        self.call = function, words

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("layout", ["archive", "row", "first"])
@pytest.mark.parametrize("function", [os.mkdir, eval, np.dtype, getattr])
def test_no_code_is_run(layout: str, function: Any, tmp_path: Path) -> None:
    words = {os.mkdir: [str(tmp_path / "ran")], eval: [f"__import__('os').mkdir({str(tmp_path / 'ran')!r})"]}
    attack = pickle.dumps(OrderedDict(a=Runs(function, *words.get(function, ["f4", "x"]))), 2)
    path = tmp_path / "attack.pth"
    if layout == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", attack)
    else:
        head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}] if layout == "row" else []
        path.write_bytes(b"".join(pickle.dumps(part, 2) for part in head) + attack + pickle.dumps([], 2))
    with pytest.raises(UserError, match=r"not a file of tensors alone: it names .* so it was not opened"):
        read_state_dict(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("fault", ["offset", "strides", "shape", "count", "negative", "word"])
def test_a_tensor_outside_its_storage_is_refused(fault: str, tmp_path: Path) -> None:
    tensor = {"offset": 0, "shape": (2, 3), "strides": (3, 1), "count": 6, "type": "FloatStorage", "word": "storage"}
    wrong = {"offset": 1, "strides": (4, 2), "shape": (3, 3), "count": 7, "word": "module"}

    def read(**changes: Any) -> dict[str, np.ndarray]:
        t = {**tensor, **changes}
        numbers = [*t["shape"], *t["strides"]]
        # torch._utils._rebuild_tensor_v2(persistent storage, offset, shape, strides) in the pickle's own words.
        text = f"(S'a'\nctorch._utils\n_rebuild_tensor_v2\n((S'{t['word']}'\nctorch\n{t['type']}\n"
        text += f"S'0'\nS'cpu'\nI{t['count']}\ntQI{t['offset']}\n(I{numbers[0]}\nI{numbers[1]}\nt"
        text += f"(I{numbers[2]}\nI{numbers[3]}\nttRd."
        path = tmp_path / "weights.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", text)
            archive.writestr("x/data/0", np.arange(6, dtype="<f4").tobytes())
        return read_state_dict(path)

    np.testing.assert_array_equal(read()["a"], np.arange(6, dtype=np.float32).reshape(2, 3))
    changes: dict[str, Any] = {"shape": (-1, 1)} if fault == "negative" else {fault: wrong[fault]}
    with pytest.raises(UserError, match="is not a whole PyTorch file"):
        read(**changes)


def test_what_is_no_such_file_is_one_sentence(tmp_path: Path) -> None:
    for content in (None, b"", b"PK", pickle.dumps({"a": 1}), pickle.dumps([1, 2])):
        if content is not None:
            (tmp_path / "weights.pth").write_bytes(content)
        with pytest.raises(UserError, match=r"not a whole PyTorch file|Cannot read|no state dict|no tensor"):
            read_state_dict(tmp_path / "weights.pth")


@pytest.mark.slow
def test_torch_is_not_imported(saved: tuple[Path, dict[str, Any]], run_python: Callable[..., Any]) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import gluon_wgan
from pathlib import Path
from gluon_wgan.interop.torch_files import read_state_dict
print(len(read_state_dict(Path({str(saved[0])!r}))))
"""
    assert run_python(code).stdout == "14\n"


NESTED = b")" + b"\x85" * 300_000
"""A tuple whose hash needs more stack than a process has."""


DEEP_KEYS = {
    "an item": b"\x80\x02}" + NESTED + b"Ns.",
    "a dict": b"(" + NESTED + b"Nd.",
    "a set": b"\x80\x04(" + NESTED + b"\x91.",
}


@pytest.mark.slow
@pytest.mark.parametrize("trap", DEEP_KEYS.values(), ids=DEEP_KEYS)
def test_a_deep_key_does_not_end_the_process(trap: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep.pth").write_bytes(trap)
    with pytest.raises(UserError, match="not a whole PyTorch file"):
        read_state_dict(tmp_path / "deep.pth")


HEAD = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]


@pytest.mark.slow
@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x02Nr\xff\xff\xff\x1f.",  # 9 bytes whose memo index made a table of 4 GB
        b"\x80\x02N" + b"p536870911\n.",
        b"\x80\x05\x96\xff\xff\xff\x3f\0\0\0\0.",  # a bytearray that is reserved before it is read
        b"\x80\x02" + b"(" * (1 << 18),
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
    ids=["memo", "memo as text", "bytearray", "marks", "string"],
)
@pytest.mark.parametrize("layout", ["archive", "row", "first"])
def test_memory_is_bounded_by_the_size_of_the_file(bomb: bytes, layout: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    if layout == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", bomb)
    else:
        path.write_bytes(b"".join(HEAD if layout == "row" else []) + bomb)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"not a whole PyTorch file|no state dict|no tensor"):
            read_state_dict(path)
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps(OrderedDict(), 2))
        archive.writestr("x/data/0", bytes(64 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="not a whole PyTorch file"):
        read_state_dict(path)


def test_views_that_hold_more_than_the_file_are_refused(
    tmp_path: Path, require_torch: Callable[[], ModuleType]
) -> None:
    torch = require_torch()
    path = tmp_path / "views.pth"
    torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 20)}, path)
    with pytest.raises(UserError, match="not a whole PyTorch file"):
        read_state_dict(path)
    turned = torch.arange(6.0).reshape(2, 3).T
    torch.save({"a": turned, "b": turned[1:]}, path)
    found = read_state_dict(path)
    np.testing.assert_array_equal(found["a"], turned.numpy())
    np.testing.assert_array_equal(found["b"], turned[1:].numpy())
