"""GPUs, drivers and libraries that fail: one sentence each."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gluon_wgan import driver, gpu_probe
from gluon_wgan.errors import DeviceError
from gluon_wgan.gpu_errors import explain

Runner = Callable[..., subprocess.CompletedProcess[str]]

# A driver of any version that starts or not.
STUB_DRIVER = """
#include <stdlib.h>
#include <string.h>
static int number(const char *name) { return getenv(name) ? atoi(getenv(name)) : 0; }
int cuInit(unsigned flags) { return number("STUB_INIT"); }
int cuDriverGetVersion(int *version) { *version = number("STUB_VERSION"); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal != 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "NVIDIA Stub", length); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 8 : 6; return 0; }
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "init", "words"),
    [
        ("10020", "0", ["too old", "CUDA 10.2", "450.80.02"]),
        ("11040", "100", ["finds no GPU", "CUDA_VISIBLE_DEVICES"]),
        ("11040", "803", ["CUDA error 803", "reboot"]),
        ("11040", "999", ["CUDA error 999", "does not respond"]),
        ("11040", "1", ["CUDA error 1", "dmesg"]),
        ("11040", "0", ["shows no GPU", "nvidia-smi"]),
    ],
)
def test_the_driver_itself_says_why_there_is_no_gpu(
    run_python: Runner, compile_library: Callable[..., Path], tmp_path: Path, version: str, init: str, words: list[str]
) -> None:
    compile_library(tmp_path / "libcuda.so.1", STUB_DRIVER)
    variables = {"LD_LIBRARY_PATH": str(tmp_path), "STUB_VERSION": version, "STUB_INIT": init}
    found = run_python("from gluon_wgan.driver import why_no_gpu; print(why_no_gpu())", **variables)
    assert len(found.stdout.splitlines()) == 1, found.stderr
    for word in [*words, "leave --gpus out"]:
        assert word in found.stdout


def test_without_a_driver_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    assert "no libcuda.so.1" in driver.why_no_gpu()
    described = driver.describe_gpus([0])
    assert described["gpu_model"] == [None] and described["cudnn"] is None


def test_the_driver_describes_its_gpu(run_python: Runner, compile_library: Callable[..., Path], tmp_path: Path) -> None:
    compile_library(tmp_path / "libcuda.so.1", STUB_DRIVER)
    compile_library(tmp_path / "libcudnn.so.8", "#include <stddef.h>\nsize_t cudnnGetVersion(void) { return 8906; }")
    compile_library(tmp_path / "libcudart.so.11.0", "int cudaRuntimeGetVersion(int *v) { *v = 11080; return 0; }")
    nvml = (
        "int nvmlInit_v2(void) { return 0; }\nint nvmlSystemGetDriverVersion(char *t, int n) { t[0] = '4'; return 0; }"
    )
    compile_library(tmp_path / "libnvidia-ml.so.1", nvml)
    code = "import json; from gluon_wgan.driver import describe_gpus; print(json.dumps(describe_gpus([0])))"
    found = run_python(code, LD_LIBRARY_PATH=str(tmp_path), STUB_VERSION="11040", NVIDIA_TF32_OVERRIDE="0")
    described = json.loads(found.stdout)
    wanted = {"gpu_model": ["NVIDIA Stub"], "gpu_capability": ["8.6"], "driver_cuda": "11.4", "cuda": "11.8"}
    assert {**described, **wanted, "cudnn": "8.9.6", "driver": "4"} == described
    assert described["variables"]["NVIDIA_TF32_OVERRIDE"] == "0"


# What MXNet 1.9.1, PyTorch and cuDNN print, and a word of the sentence that must come of it.
MESSAGES = [
    ("Check failed: e == cudaSuccess || e == cudaErrorCudartUnloading: CUDA: out of memory", "--batch-size"),
    ("cudaMalloc retry failed: out of memory", "--batch-size"),
    ("Check failed: e == CUDNN_STATUS_SUCCESS (2 vs. 0) : cuDNN: CUDNN_STATUS_ALLOC_FAILED", "--batch-size"),
    ("CUDA: all CUDA-capable devices are busy or unavailable", "exclusive"),
    ("CUDA: exclusive-thread device already in use by a different thread", "exclusive"),
    ("CUDA: uncorrectable ECC error encountered", "ECC"),
    ("CUDA: unspecified launch failure", "HOW TO GO ON"),
    ("CUDA: an illegal memory access was encountered", "HOW TO GO ON"),
    ("CUDA: CUDA driver version is insufficient for CUDA runtime version", "450.80.02"),
    ("CUDA: no kernel image is available for execution on the device", "5.0 to 8.9"),
    ("Could not load library libcudnn_cnn_infer.so.8. Error: libz.so.1: cannot open shared object file", "zlib"),
    ("Could not load library libcudnn_ops_infer.so.8. Error: x", "libcudnn_ops_infer.so.8"),
    ("cuDNN: CUDNN_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.mark.parametrize(("message", "word"), MESSAGES)
def test_every_error_of_a_gpu_is_one_sentence(message: str, word: str) -> None:
    sentence = explain(f"[12:00:00] src/storage.cc:97: {message}\nStack trace:\n  [bt] (0) f\n", "HOW TO GO ON")
    assert sentence is not None and word in sentence and len(sentence.splitlines()) == 1


@pytest.mark.parametrize("message", ["Cannot find argument 'x'", "Shape inconsistent", "std::bad_alloc"])
def test_other_errors_stay_what_they_are(message: str) -> None:
    assert explain(message, "") is None


def test_who_holds_the_memory_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho '/usr/bin/python, train.py, 77, 4096 MiB'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    sentence = explain("CUDA: out of memory", "")
    assert sentence is not None and "/usr/bin/python, train.py (process 77) 4096 MiB" in sentence


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, sys; print('Could not load library x. Error: libz.so.1', file=sys.stderr); os.abort()", ["zlib"]),
        ("import os; os._exit(17)", ["exit status 17", "leave --gpus out"]),
        ("import time; time.sleep(60)", ["did not finish", "0.5 s"]),
        ("raise SystemExit('GPU 0 computes wrongly')", ["computes wrongly"]),
    ],
)
def test_a_probe_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch, code: str, words: list[str]) -> None:
    monkeypatch.setattr(gpu_probe, "PROBE", code)
    with pytest.raises(DeviceError) as refusal:
        gpu_probe.probe([0], seconds=0.5 if "sleep" in code else 60)
    assert len(str(refusal.value).splitlines()) == 1
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.slow
def test_the_probes_code_runs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_probe, "PROBE", gpu_probe.PROBE.replace("mx.gpu", "mx.cpu"))
    gpu_probe.probe([0])
    monkeypatch.setattr(gpu_probe, "PROBE", gpu_probe.PROBE.replace("!= 48", "!= 47"))
    with pytest.raises(DeviceError, match="computes wrongly"):
        gpu_probe.probe([0])
