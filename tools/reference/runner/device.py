"""Device and arithmetic of the reference runner."""

from __future__ import annotations

import os
from typing import Any

import torch

from gluon_wgan.errors import UserError

# cuBLAS is reproducible only with a workspace of its own for each stream (CUDA Toolkit, cuBLAS, "Results
# reproducibility").
_WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def choose_device(name: str) -> torch.device:
    """Return ``cpu`` or the GPU that PyTorch takes by default.

    Raises
    ------
    UserError
        When PyTorch sees no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        why = "is built without CUDA" if torch.version.cuda is None else "sees no GPU"
        raise UserError(
            f"--device cuda is given, but the installed PyTorch {torch.__version__} {why}: check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, install PyTorch for your CUDA, or give --device cpu."
        )
    return torch.device(name)


def set_arithmetic(device: torch.device, *, fast: bool, tf32: bool) -> dict[str, Any]:
    """Set how a GPU computes, for the whole process, and return what ``environment.json`` shall say of it.

    Parameters
    ----------
    device
        Where training will run; on the CPU nothing is set, since nothing of this concerns it.
    fast
        Let cuDNN time its algorithms and take the fastest, reproducible or not (``cudnn.benchmark``).
    tf32
        Round the factors of products to 10 bits of mantissa, as PyTorch's own default for convolutions does.
    """
    if device.type != "cuda":
        return {}
    os.environ.setdefault(*_WORKSPACE)
    torch.use_deterministic_algorithms(not fast)
    # Only meant to find reads of memory that was never written, and not free.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = fast
    precision = "tf32" if tf32 else "ieee"
    torch.backends.cudnn.conv.fp32_precision = precision
    torch.backends.cuda.matmul.fp32_precision = precision
    return {
        "gpu_model": [torch.cuda.get_device_name(device)],
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "float32_products": precision,
        "deterministic": not fast,
    }


def name_of(device: torch.device) -> str:
    """Return a device as people know it: ``cpu``, or ``cuda (NVIDIA ...)``."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"
