"""``.params`` files read in Python: against MXNet's own reader, by hand, and mutated."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mxnet import nd
from mxnet.gluon import nn

from gluon_wgan.errors import UserError
from gluon_wgan.models.inference import load_weights
from gluon_wgan.utils.params_file import MAX_ARRAYS, read_params, write_params

DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")
HEAD = struct.pack("<QQQ", 0x112, 0, 1)
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
NAME = struct.pack("<QQ", 1, 1) + b"w"
# Two floats, 1 and -2, in one dimension, on the CPU.
TAIL = struct.pack("<iii", 1, 0, 0) + struct.pack("<ff", 1, -2)
LAYOUTS = {
    "before V1": struct.pack("<II", 1, 2),
    "V1": struct.pack("<Iiq", V1, 1, 2),
    "V2": struct.pack("<Iiiq", V2, 0, 1, 2),
    "V3": struct.pack("<Iiiq", V3, 0, 1, 2),
}
TWICE = struct.pack("<QQQ", 0x112, 0, 2) + 2 * (LAYOUTS["V2"] + TAIL)


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    facts = [[(name, a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()] for arrays in (found, wanted)]
    return facts[0] == facts[1]


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_mxnet_writes_is_read_bit_for_bit(tmp_path: Path, data: st.DataObject) -> None:
    arrays = {}
    for name in data.draw(st.lists(st.text(min_size=1, max_size=9), unique=True, max_size=4)):
        if "\0" in name or not name.isprintable():
            continue
        shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
        bits = np.random.default_rng(data.draw(st.integers(0, 99))).bytes(8 * int(np.prod(shape)))
        dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
        arrays[name] = np.frombuffer(bits, dtype, int(np.prod(shape))).reshape(shape)
    path = tmp_path / "some.params"
    nd.save(str(path), {name: nd.array(values, dtype=values.dtype) for name, values in arrays.items()})
    found = read_params(path)
    assert same(found, arrays)
    assert all(values.flags.writeable and values.flags.owndata for values in found.values())
    loaded = nd.load(str(path))
    if arrays:
        assert same(found, {name: array.asnumpy() for name, array in loaded.items()})


@pytest.mark.parametrize("order", ["little", "Fortran", "big"])
def test_what_is_written_is_what_mxnet_writes_to_the_byte(order: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"{dtype}.é{n}": rng.integers(0, 99, (3,) * n).astype(dtype) for dtype in DTYPES for n in (1, 2, 4)}
    nd.save(str(tmp_path / "theirs"), {name: nd.array(values, dtype=values.dtype) for name, values in arrays.items()})
    ours = arrays
    if order == "Fortran":
        ours = {name: np.asfortranarray(values) for name, values in arrays.items()}
    elif order == "big":
        ours = {name: values.astype(values.dtype.newbyteorder(">")) for name, values in arrays.items()}
    write_params(tmp_path / "ours", ours)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert same({name: array.asnumpy() for name, array in nd.load(str(tmp_path / "ours")).items()}, arrays)


def test_files_are_written_to_paths_that_are_no_characters(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"run\xe9.params")
    write_params(os.fsdecode(path), {"w": np.ones(2, np.float32)})
    assert same(read_params(os.fsdecode(path)), {"w": np.ones(2, np.float32)})
    with pytest.raises(ValueError, match="w is of shape"):
        write_params(tmp_path / "none", {"w": np.zeros((), np.float32)})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_by_hand(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "old.params"
    path.write_bytes(HEAD + LAYOUTS[layout] + TAIL + NAME)
    assert same(read_params(path), {"w": np.array([1, -2], np.float32)})
    if layout != "V3":  # which MXNet itself reads only under np_shape
        assert nd.load(str(path))["w"].asnumpy().tolist() == [1, -2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut off"),
        (b"PK\3\4" + bytes(60), "not a .params file"),
        (HEAD + struct.pack("<Iii", V2, 0, -1) + b"A" * 65536, "claims -1 dimensions"),
        (HEAD + struct.pack("<Iii", V2, 0, 2**31 - 1) + b"A" * 65536, "claims 2147483647 dimensions"),
        (HEAD + struct.pack("<I", 2**32 - 1) + b"A" * 65536, "claims 4294967295 dimensions"),
        (HEAD + struct.pack("<Iii", V2, 0, 0) + NAME, "no shape"),
        (HEAD + struct.pack("<Iiiq", V2, 0, 1, -2) + TAIL + NAME, "impossible shape"),
        (HEAD + struct.pack("<Iiiqq", V2, 0, 2, 2**62, 2**62) + TAIL + NAME, "cut off"),
        (HEAD + struct.pack("<Iiiqq", V2, 0, 2, 0, 2**62) + TAIL + NAME, "claims to hold|too big|too large"),
        (HEAD + struct.pack("<Ii", V2, 1) + bytes(99), "row-sparse"),
        (HEAD + struct.pack("<Ii", V2, 2) + bytes(99), "compressed sparse row"),
        (HEAD + LAYOUTS["V2"] + struct.pack("<iii", 1, 0, 12) + bytes(4) + NAME, "bfloat16"),
        (HEAD + LAYOUTS["V2"] + struct.pack("<iii", 1, 0, -1) + bytes(8) + NAME, "type -1"),
        (HEAD + LAYOUTS["V2"] + TAIL + struct.pack("<Q", 0), "without names"),
        (HEAD + LAYOUTS["V2"] + TAIL + struct.pack("<QQ", 1, 2**60) + b"w", "bytes of one name"),
        (HEAD + LAYOUTS["V2"] + TAIL + struct.pack("<QQ", 1, 1) + b"\xff", "not UTF-8"),
        (HEAD + LAYOUTS["V2"] + TAIL + struct.pack("<QQ", 2, 1) + b"w" + NAME[8:], "1 arrays but"),
        (HEAD + LAYOUTS["V2"] + TAIL + NAME + b"\0", "1 bytes follow"),
        (
            struct.pack("<QQQ", 0x112, 0, 2) + 2 * (LAYOUTS["V2"] + TAIL) + b"\2" + bytes(7) + 2 * NAME[8:],
            "but 1 names",
        ),
        (struct.pack("<QQQ", 0x112, 0, 2**64 - 1), f"at most {MAX_ARRAYS}"),
    ],
)
def test_a_hostile_file_is_refused_by_name(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.params"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_params(path)


def test_memory_is_bounded_by_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.params"
    # Claims 8 GiB and holds 1 MB.
    path.write_bytes(HEAD + struct.pack("<Iiiq", V2, 0, 1, 2**31) + struct.pack("<iii", 1, 0, 0) + bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cut off"):
            read_params(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 21
    finally:
        tracemalloc.stop()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.params")
    with pytest.raises(ValueError, match="not a regular file"):
        read_params(tmp_path / "pipe.params")


def network() -> nn.HybridSequential:
    net = nn.HybridSequential()
    with net.name_scope():
        net.add(nn.Dense(3, in_units=2), nn.BatchNorm(in_channels=3))
    net.initialize()
    return net


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_file_is_one_sentence_or_loads(tmp_path: Path, data: st.DataObject) -> None:
    net = network()
    path = tmp_path / "mutated.params"
    net.save_parameters(str(path))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "number"]))
        if kind == "flip":
            content[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[place + 1 :]
        else:
            content[place : place + 4] = struct.pack("<i", data.draw(st.sampled_from([-1, 0, 1, 2**31 - 1])))
    path.write_bytes(content)
    try:
        load_weights(net, str(path), contexts=None)
        net(nd.zeros((2, 2))).asnumpy()
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("legacy", [False, True], ids=["blocks' names", "parameters' names"])
def test_weights_load_as_gluon_loads_them(legacy: bool, tmp_path: Path) -> None:
    ours, theirs = (network() for _ in range(2))
    path = str(tmp_path / "net.params")
    if legacy:
        ours.collect_params().save(path, strip_prefix=ours.prefix)
    else:
        ours.save_parameters(path)
    wanted = [p.data().asnumpy().tobytes() for p in ours.collect_params().values()]
    theirs.load_parameters(path)
    assert [p.data().asnumpy().tobytes() for p in theirs.collect_params().values()] == wanted
    mine = network()
    load_weights(mine, path, contexts=None)
    assert [p.data().asnumpy().tobytes() for p in mine.collect_params().values()] == wanted


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.params"
    wide = nn.HybridSequential()
    wide.add(nn.Dense(4, in_units=2))
    wide.initialize()
    wide.save_parameters(str(path))
    narrow = nn.HybridSequential()
    narrow.add(nn.Dense(3, in_units=2))
    with pytest.raises(UserError, match=r"0.weight has the shape \(4, 2\), the network's has \(3, 2\)"):
        load_weights(narrow, str(path), contexts=None)
    nd.save(str(path), {"0.weight": nd.ones((3, 2))})
    with pytest.raises(UserError, match=r"lacks 0.bias"):
        load_weights(narrow, str(path), contexts=None)
    nd.save(str(path), {"0.weight": nd.ones((6,)), "0.bias": nd.ones((3,))})
    with pytest.raises(UserError, match=r"0.weight has the shape \(6,\)"):
        load_weights(narrow, str(path), contexts=None)


@pytest.mark.slow
def test_the_example_of_a_dimension_count_of_minus_one_ends_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "hostile.params"
    path.write_bytes(HEAD + struct.pack("<Iii", V2, 0, -1) + b"A" * 65536)
    command = [sys.executable, "train_wgan.py", "--dataset", "built-in", "--image-size", "16", "--limit", "64"]
    done = subprocess.run(
        [*command, "--net-g", str(path), "--out", str(tmp_path / "run"), "--cache-dir", str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2, done.stderr
    assert "claims -1 dimensions" in done.stderr and "Traceback" not in done.stderr
