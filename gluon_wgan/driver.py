"""NVIDIA's driver and the CUDA libraries, asked for what they are, without MXNet."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Optional

from gluon_wgan import cuda

_DRIVER, _NVML = "libcuda.so.1", "libnvidia-ml.so.1"
_DRIVER_VERSION = (_DRIVER, "cuDriverGetVersion")

# What CUDA 11.8's libraries need: minor-version compatibility begins with CUDA 11.0, driver 450.80.02.
OLDEST_CUDA, OLDEST_DRIVER = (11, 0), "450.80.02"

# CUdevice_attribute in cuda.h: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
_CAPABILITY_ATTRIBUTES = (75, 76)

# CUresult in cuda.h, and what to do about it.
_INIT_ERRORS = {
    34: "the libcuda.so.1 found first is a stub for compiling: take its folder out of LD_LIBRARY_PATH",
    100: "the driver finds no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, and start a container with --gpus all",
    802: "the GPUs are not ready: start nvidia-fabricmanager",
    803: "the driver's library and its kernel module are of different versions: reboot",
    804: "this GPU does not take a libcuda.so.1 newer than its driver: take cuda-compat out of LD_LIBRARY_PATH",
    999: "the driver does not respond: look at dmesg, and reload the driver or reboot",
}


def why_no_gpu() -> str:
    """Return in one sentence why MXNet, built with CUDA, sees no GPU; it reports none for a driver that is too old."""
    leave = "or leave --gpus out."
    try:
        library = ctypes.CDLL(_DRIVER)
    except OSError:
        return f"NVIDIA's driver is not installed (no libcuda.so.1): install it, {leave}"
    version = _cuda_version(*_DRIVER_VERSION)
    if version is not None and version < OLDEST_CUDA:
        return (
            f"NVIDIA's driver is too old: it knows CUDA {_dotted(version)}, and mxnet-cu112 needs "
            f"{_dotted(OLDEST_CUDA)}: update it to {OLDEST_DRIVER} or later, {leave}"
        )
    status = library.cuInit(0)
    if status:
        reason = _INIT_ERRORS.get(status, "look at dmesg, and reload the driver or reboot")
        return f"NVIDIA's driver does not start (CUDA error {status}): {reason}, {leave}"
    return f"NVIDIA's driver shows no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES, {leave}"


def compute_capability(gpu: int) -> Optional[tuple[int, int]]:
    """Ask the driver for a GPU's compute capability: major and minor version, None if it does not know that GPU.

    The driver numbers the GPUs as MXNet does, CUDA_VISIBLE_DEVICES included.
    """
    device, value = _device(gpu), ctypes.c_int()
    answers = []
    for attribute in _CAPABILITY_ATTRIBUTES if device is not None else ():
        if _call(_DRIVER, "cuDeviceGetAttribute", ctypes.byref(value), attribute, device) != 0:
            return None
        answers.append(value.value)
    return (answers[0], answers[1]) if answers else None


def gpu_model(gpu: int) -> Optional[str]:
    """Return a GPU's name as the driver gives it, such as ``NVIDIA A100-SXM4-40GB``."""
    device, name = _device(gpu), ctypes.create_string_buffer(256)
    if device is None or _call(_DRIVER, "cuDeviceGetName", name, len(name), device) != 0:
        return None
    return name.value.decode(errors="replace")


def describe_gpus(gpus: Sequence[int]) -> dict[str, Any]:
    """Return what ``environment.json`` says of the GPUs of a run, JSON-able; what cannot be asked is None."""
    return {
        "gpu_model": [gpu_model(gpu) for gpu in gpus],
        "gpu_capability": [_dotted(compute_capability(gpu)) for gpu in gpus],
        **describe_cuda(),
    }


def describe_cuda() -> dict[str, Any]:
    """Return driver, CUDA, cuDNN, NVIDIA's packages and the variables of the arithmetic, JSON-able."""
    return {
        "driver": _driver_version(),
        "driver_cuda": _dotted(_cuda_version(*_DRIVER_VERSION)),
        "cuda": _dotted(_cuda_version("libcudart.so.11.0", "cudaRuntimeGetVersion")),
        "cudnn": _dotted(_cudnn_version()),
        "nvidia_packages": nvidia_packages(),
        "variables": {name: os.environ.get(name) for name in cuda.VARIABLES},
    }


def nvidia_packages() -> dict[str, str]:
    """Return the installed wheels of NVIDIA's libraries and their versions."""
    found = ((found.metadata["Name"] or "", found.version) for found in metadata.distributions())
    return dict(sorted((name, version) for name, version in found if name.lower().startswith("nvidia-")))


def memory_holders() -> list[str]:
    """Return who holds memory on the GPUs, by nvidia-smi: ``python (process 123) 4096 MiB``."""
    command = ["nvidia-smi", "--query-compute-apps=process_name,pid,used_memory", "--format=csv,noheader"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    fields = [[field.strip() for field in line.rsplit(",", 2)] for line in lines if line.count(",") >= 2]
    return [f"{name} (process {pid}) {memory}" for name, pid, memory in fields if pid != str(os.getpid())]


def _call(library: str, function: str, *arguments: Any) -> Optional[int]:
    """Return what a function of a shared library returns, 0 for success mostly; None where there is no such one."""
    try:
        return getattr(ctypes.CDLL(library), function)(*arguments)
    except (OSError, AttributeError):
        return None


def _device(gpu: int) -> Optional[ctypes.c_int]:
    """Return the driver's handle of a GPU, None if it does not know that."""
    device = ctypes.c_int()
    found = _call(_DRIVER, "cuInit", 0) == 0 and _call(_DRIVER, "cuDeviceGet", ctypes.byref(device), gpu) == 0
    return device if found else None


def _driver_version() -> Optional[str]:
    text = ctypes.create_string_buffer(96)
    found = _call(_NVML, "nvmlInit_v2") == 0 and _call(_NVML, "nvmlSystemGetDriverVersion", text, len(text)) == 0
    return text.value.decode(errors="replace") if found else None


def _cuda_version(library: str, function: str) -> Optional[tuple[int, int]]:
    value = ctypes.c_int()
    if _call(library, function, ctypes.byref(value)) != 0:
        return None
    return value.value // 1000, value.value % 1000 // 10


def _cudnn_version() -> Optional[tuple[int, int, int]]:
    number = _call("libcudnn.so.8", "cudnnGetVersion")
    return None if number is None else (number // 1000, number % 1000 // 100, number % 100)


def _dotted(version: Optional[Sequence[int]]) -> Any:
    return None if version is None else ".".join(map(str, version))
