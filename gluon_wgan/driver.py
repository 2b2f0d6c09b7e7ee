"""NVIDIA's driver and the CUDA libraries, asked for what they are, without MXNet."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Optional

from gluon_wgan import cuda

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
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return f"NVIDIA's driver is not installed (no libcuda.so.1): install it, {leave}"
    version = cuda_version_of_driver(library)
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


def cuda_version_of_driver(library: Optional[ctypes.CDLL] = None) -> Optional[tuple[int, int]]:
    """Return the newest CUDA version that the installed driver knows, None without a driver."""
    value = ctypes.c_int()
    try:
        library = library or ctypes.CDLL("libcuda.so.1")
        status = library.cuDriverGetVersion(ctypes.byref(value))
    except (OSError, AttributeError):
        return None
    return None if status else (value.value // 1000, value.value % 1000 // 10)


def compute_capability(gpu: int) -> Optional[tuple[int, int]]:
    """Ask the driver for a GPU's compute capability.

    The driver numbers the GPUs as MXNet does, CUDA_VISIBLE_DEVICES included.

    Returns
    -------
    tuple of int or None
        Major and minor version, or None if there is no driver or it does not know that GPU.
    """
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, value = ctypes.c_int(), ctypes.c_int()
    if library.cuInit(0) or library.cuDeviceGet(ctypes.byref(device), gpu):
        return None
    answers = []
    for attribute in _CAPABILITY_ATTRIBUTES:
        if library.cuDeviceGetAttribute(ctypes.byref(value), attribute, device):
            return None
        answers.append(value.value)
    return answers[0], answers[1]


def gpu_model(gpu: int) -> Optional[str]:
    """Return a GPU's name as the driver gives it, such as ``NVIDIA A100-SXM4-40GB``."""
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    try:
        library = ctypes.CDLL("libcuda.so.1")
        if library.cuInit(0) or library.cuDeviceGet(ctypes.byref(device), gpu):
            return None
        return None if library.cuDeviceGetName(name, len(name), device) else name.value.decode(errors="replace")
    except (OSError, AttributeError):
        return None


def describe_gpus(gpus: Sequence[int]) -> dict[str, Any]:
    """Return what ``environment.json`` says of the GPUs of a run, JSON-able; what cannot be asked is None."""
    capabilities = [compute_capability(gpu) for gpu in gpus]
    return {
        "gpu_model": [gpu_model(gpu) for gpu in gpus],
        "gpu_capability": [None if found is None else _dotted(found) for found in capabilities],
        **describe_cuda(),
    }


def describe_cuda() -> dict[str, Any]:
    """Return driver, CUDA, cuDNN, NVIDIA's packages and the variables of the arithmetic, JSON-able."""
    version = cuda_version_of_driver()
    return {
        "driver": _driver_version(),
        "driver_cuda": None if version is None else _dotted(version),
        "cuda": _dotted(_version_of("libcudart.so.11.0", "cudaRuntimeGetVersion", 1000, 10)),
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


def _driver_version() -> Optional[str]:
    text = ctypes.create_string_buffer(96)
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        if library.nvmlInit_v2() or library.nvmlSystemGetDriverVersion(text, len(text)):
            return None
    except (OSError, AttributeError):
        return None
    return text.value.decode(errors="replace")


def _version_of(library: str, function: str, major: int, minor: int) -> Optional[tuple[int, int]]:
    value = ctypes.c_int()
    try:
        if getattr(ctypes.CDLL(library), function)(ctypes.byref(value)):
            return None
    except (OSError, AttributeError):
        return None
    return value.value // major, value.value % major // minor


def _cudnn_version() -> Optional[tuple[int, ...]]:
    try:
        function = ctypes.CDLL("libcudnn.so.8").cudnnGetVersion
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_size_t
    number = function()
    return number // 1000, number % 1000 // 100, number % 100


def _dotted(version: Optional[Sequence[int]]) -> Any:
    return None if version is None else ".".join(map(str, version))
