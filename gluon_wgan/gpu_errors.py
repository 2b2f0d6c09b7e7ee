"""What CUDA, cuDNN and cuBLAS report in MXNet's and PyTorch's errors, each in one sentence."""

from __future__ import annotations

import re
from typing import Optional

from gluon_wgan.driver import OLDEST_DRIVER, memory_holders

# Patterns in the order in which they are tried, and the sentence of each.
_SENTENCES = (
    (
        r"out of memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY",
        "The GPU is out of memory: lower --batch-size, --ngf and --ndf or --image-size, or choose another GPU with "
        "--gpus ({holders}).",
    ),
    (
        r"all CUDA-capable devices are busy|exclusive-(thread|process) device|devices? (is|are) busy or unavailable",
        "The GPU is in exclusive use by another process ({holders}): wait for it, choose another GPU with --gpus, or "
        "allow sharing with `nvidia-smi -c DEFAULT`.",
    ),
    (
        r"uncorrectable (ECC|NVLink) error",
        "The GPU's memory has an error that it could not correct (ECC): reset the GPU or reboot, then {resume}.",
    ),
    (
        r"driver version is insufficient|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        f"NVIDIA's driver is too old for CUDA 11.8: update it to {OLDEST_DRIVER} or later.",
    ),
    (
        r"no kernel image is available",
        "MXNet 1.9.1 has no machine code for this GPU: choose one of compute capability 5.0 to 8.9, or leave --gpus "
        "out.",
    ),
    (
        r"libz\.so",
        "cuDNN needs libz.so.1, which is not installed: install zlib, with `apt-get install zlib1g` or `dnf install "
        "zlib`.",
    ),
    (
        r"Could not load library (?P<library>\S+)",
        "cuDNN could not load {library}: run `pip install --force-reinstall --no-deps nvidia-cudnn-cu11==8.9.6.50`.",
    ),
    (
        r"(?P<what>unspecified launch failure|illegal memory access|misaligned address|hardware stack error|"
        r"illegal instruction|device-side assert|fallen off the bus|launch timed out)",
        "A computation on the GPU failed ({what}): {resume}; if it happens again, look at dmesg for the GPU's errors.",
    ),
    (
        r"(?P<what>CUDNN_STATUS_\w+|CUBLAS_STATUS_\w+|CURAND_STATUS_\w+|CUDA: [^\n]{1,120}|"
        r"CUDA error[^\n]{0,120}|cuda[A-Z]\w+ failed[^\n]{0,120}|cuDNN[^\n]{1,120})",
        "The GPU reports an error ({what}): {resume}; `python tools/gpu_check.py` tells whether it works at all.",
    ),
)


def explain(text: str, resume: str) -> Optional[str]:
    """Return the sentence for an error on a GPU, or None for any other error.

    ``resume`` is how to go on, as an imperative: "continue with python train_wgan.py --resume runs/0001".
    """
    for pattern, sentence in _SENTENCES:
        match = re.search(pattern, text)
        if match:
            fields = {name: value.strip() for name, value in match.groupdict().items()}
            holders = "; ".join(memory_holders()) if "{holders}" in sentence else ""
            return sentence.format(resume=resume, holders=holders or "nvidia-smi shows who holds it", **fields)
    return None
