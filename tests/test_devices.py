"""From --gpus to contexts, and every reason why a GPU cannot be had."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import mxnet as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan import devices, driver
from gluon_wgan.errors import UserError


@given(st.lists(st.integers(0, 99), unique=True))
def test_parse_gpus_reads_what_it_is_given(gpus: list[int]) -> None:
    assert devices.parse_gpus(",".join(map(str, gpus))) == tuple(gpus)


@pytest.mark.parametrize("text", ["-1", "0,", ",0", "0 1", "a", "0.5", "0,,1", "0,0", "1,01", "٣", "0\n"])
def test_parse_gpus_refuses_the_rest_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError) as refusal:
        devices.parse_gpus(text)
    message = str(refusal.value)
    assert repr(text) in message
    assert len(message.splitlines()) == 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that pretends an MXNet with or without CUDA and GPUs of given capabilities."""

    class Features:
        cuda = True

        def is_enabled(self, name: str) -> bool:
            return name == "CUDA" and self.cuda

    def pretend(*capabilities: tuple[int, int], cuda: bool = True) -> None:
        monkeypatch.setattr(mx.context, "num_gpus", lambda: len(capabilities))
        monkeypatch.setattr(Features, "cuda", cuda)
        monkeypatch.setattr(mx.runtime, "Features", Features)
        monkeypatch.setattr(devices, "compute_capability", lambda gpu: capabilities[gpu])
        monkeypatch.setattr(devices, "probe", lambda gpus, **arithmetic: None)
        monkeypatch.setattr(devices.driver, "why_no_gpu", lambda: "NVIDIA's driver shows no GPU: check nvidia-smi.")

    return pretend


def test_no_gpu_named_is_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    assert devices.choose_contexts((), require_gpu=False) == [mx.cpu()]
    assert caplog.records == []
    with pytest.raises(UserError, match="--gpus 0"):
        devices.choose_contexts((), require_gpu=True)


def test_gpus_are_taken_in_the_order_given(machine: Callable[..., None]) -> None:
    machine((7, 0), (8, 6), (8, 9))
    assert devices.choose_contexts((2, 0), require_gpu=True) == [mx.gpu(2), mx.gpu(0)]


@pytest.mark.parametrize(("cuda", "words"), [(False, "[cu112]'"), (True, "driver shows no GPU")])
def test_without_a_gpu_the_work_goes_to_the_cpu_with_one_line(
    machine: Callable[..., None], caplog: pytest.LogCaptureFixture, cuda: bool, words: str
) -> None:
    machine(cuda=cuda)
    assert devices.choose_contexts((0,), require_gpu=False) == [mx.cpu()]
    [record] = caplog.records
    assert (record.name, record.levelno) == ("gluon_wgan", logging.WARNING)
    assert words in record.getMessage()
    assert len(record.getMessage().splitlines()) == 1
    with pytest.raises(UserError) as refusal:
        devices.choose_contexts((0,), require_gpu=True)
    assert words in str(refusal.value)


def test_cuda_that_does_not_respond_is_no_gpu(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> int:
        raise mx.MXNetError("CUDA driver version is insufficient\nStack trace:\n")

    machine()
    monkeypatch.setattr(mx.context, "num_gpus", fail)
    assert devices.choose_contexts((0,), require_gpu=False) == [mx.cpu()]
    assert len(caplog.records) == 1


def test_a_gpu_that_does_not_exist_is_refused(machine: Callable[..., None]) -> None:
    machine((8, 0), (8, 0))
    with pytest.raises(UserError, match="GPU 2 does not exist: MXNet sees 2"):
        devices.choose_contexts((0, 2), require_gpu=False)


def test_a_gpu_without_machine_code_is_refused(machine: Callable[..., None]) -> None:
    machine((8, 0), (9, 0))
    assert devices.choose_contexts((0,), require_gpu=False) == [mx.gpu(0)]
    with pytest.raises(UserError, match=r"GPU 1 has compute capability 9\.0.*no machine code"):
        devices.choose_contexts((0, 1), require_gpu=False)


def test_tf32_is_refused_where_the_gpu_has_none(machine: Callable[..., None]) -> None:
    machine((8, 0), (7, 5))
    assert devices.choose_contexts((0,), require_gpu=False, tf32=True) == [mx.gpu(0)]
    with pytest.raises(UserError, match=r"GPU 1 has compute capability 7\.5, which has no TF32: leave --tf32 out"):
        devices.choose_contexts((0, 1), require_gpu=False, tf32=True)


def test_a_gpu_that_the_driver_does_not_describe_is_tried(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine((8, 0))
    monkeypatch.setattr(devices, "compute_capability", lambda gpu: None)
    assert devices.choose_contexts((0,), require_gpu=False) == [mx.gpu(0)]


@pytest.mark.parametrize(
    ("capability", "supported"),
    [
        ((3, 5), False),
        ((5, 0), True),
        ((5, 2), True),
        ((6, 1), True),
        ((7, 0), True),
        ((7, 5), True),
        ((8, 0), True),
        ((8, 6), True),
        ((8, 9), True),
        ((9, 0), False),
        ((10, 0), False),
        ((12, 0), False),
    ],
)
def test_the_wheel_runs_on_its_own_major_versions(capability: tuple[int, int], supported: bool) -> None:
    assert devices.wheel_supports(capability) is supported


STUB_DRIVER = """
#include <stdlib.h>
static const int capability[2][2] = {{8, 6}, {9, 0}};
static int ready;
int cuInit(unsigned flags) { ready = !getenv("STUB_BROKEN"); return ready ? 0 : 999; }
int cuDeviceGet(int *device, int ordinal) {
    if (!ready) return 3;
    if (ordinal < 0 || ordinal > 1) return 101;
    *device = ordinal + 40;
    return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (attribute != 75 && attribute != 76) return 1;
    *value = capability[device - 40][attribute - 75];
    return 0;
}
"""


def test_the_driver_is_asked_for_the_capability(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
    compile_library: Callable[..., Path],
    tmp_path: Path,
) -> None:
    compile_library(tmp_path / "libcuda.so.1", STUB_DRIVER)
    code = "from gluon_wgan.driver import compute_capability as c; print(c(0), c(1), c(2))"
    run = run_python(code, LD_LIBRARY_PATH=str(tmp_path))
    assert run.stdout == "(8, 6) (9, 0) None\n", run.stderr
    broken = run_python(code, LD_LIBRARY_PATH=str(tmp_path), STUB_BROKEN="1")
    assert broken.stdout == "None None None\n", broken.stderr


def test_without_a_driver_there_is_no_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    assert driver.compute_capability(0) is None


def test_the_mxnet_of_this_environment_answers(caplog: pytest.LogCaptureFixture) -> None:
    if mx.context.num_gpus():
        pytest.skip(f"this machine has GPUs (CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')})")
    assert devices.choose_contexts((0, 1), require_gpu=False) == [mx.cpu()]
    assert len(caplog.records) == 1
