"""The CUDA libraries of mxnet-cu112: how they compute, and loading them so that MXNet finds them.

Their arithmetic is decided by environment variables that each library reads once, when it is loaded. So the
variables are set, and the libraries loaded, at the moment at which MXNet is imported and not before: the command
line has been read by then. This module imports neither MXNet nor NumPy.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
import sys
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from typing import Optional

from gluon_wgan.errors import UserError

WHEEL = "mxnet-cu112"

# The shared libraries that mxnet-cu112 wants to find already loaded, and where under the `nvidia` package
# their wheels keep them. A library stands after those that it needs itself.
LIBRARIES = (
    "cuda_runtime/lib/libcudart.so.11.0",
    "cuda_nvrtc/lib/libnvrtc.so.11.2",
    "nvtx/lib/libnvToolsExt.so.1",
    "cublas/lib/libcublasLt.so.11",
    "cublas/lib/libcublas.so.11",
    "cudnn/lib/libcudnn.so.8",
    "cufft/lib/libcufft.so.10",
    "curand/lib/libcurand.so.10",
    "cusolver/lib/libcusolver.so.11",
    "nccl/lib/libnccl.so.2",
)


def arithmetic_variables(*, tf32: bool, fast: bool) -> dict[str, Optional[str]]:
    """Return the environment variables that decide how a GPU computes; None is a variable that must not be set.

    Parameters
    ----------
    tf32
        Let convolutions and fully connected layers round their factors to TF32's 10 bits on compute capability 8.x,
        as MXNet does by default. The other conversion, to float16, stays off.
    fast
        Let cuDNN time its algorithms and take the fastest, and let MXNet fuse pointwise operators. Without it
        both are off, and only algorithms that give the same bits every time are allowed.

    Notes
    -----
    MXNet 1.9.1: ``cudnn_convolution-inl.h`` line 424, ``cudnn_algoreg-inl.h`` line 58, ``linalg.h`` line 287.
    Autotuning chooses by time, so differently in every process; without it cuDNN may still choose an algorithm with
    atomic additions, which MXNET_ENFORCE_DETERMINISM excludes.
    """
    return {
        "NVIDIA_TF32_OVERRIDE": None if tf32 else "0",
        "MXNET_CUDA_TENSOR_OP_MATH_ALLOW_CONVERSION": "0",
        "MXNET_CUDNN_AUTOTUNE_DEFAULT": "1" if fast else "0",
        "MXNET_ENFORCE_DETERMINISM": "0" if fast else "1",
        "CUBLAS_WORKSPACE_CONFIG": None if fast else ":4096:8",
        "MXNET_USE_FUSION": "1" if fast else "0",
    }


VARIABLES = tuple(arithmetic_variables(tf32=False, fast=False))


def set_arithmetic(*, tf32: bool = False, fast: bool = False) -> None:
    """Set how a GPU computes in this process, before MXNet is imported; see :func:`arithmetic_variables`.

    What the environment said before gives way. Where this is not called, importing MXNet sets the defaults.

    Raises UserError if MXNet has been imported with another arithmetic and would not notice any more.
    """
    wanted = arithmetic_variables(tf32=tf32, fast=fast)
    _FINDER.chosen = True
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    if "mxnet" in sys.modules:
        raise UserError(
            f"MXNet has been imported with another arithmetic than tf32={tf32}, fast={fast}: call "
            f"gluon_wgan.cuda.set_arithmetic(tf32={tf32}, fast={fast}) before MXNet is imported."
        )
    for name, value in wanted.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def prepare_before_mxnet() -> None:
    """Have the arithmetic set and the libraries loaded as soon as somebody imports MXNet."""
    sys.meta_path.insert(0, _FINDER)


class _BeforeMXNet:
    """An import finder that finds nothing, and prepares the CUDA libraries when it is asked for MXNet."""

    def __init__(self) -> None:
        # Whether set_arithmetic has been called; the strict arithmetic is the default.
        self.chosen = False

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if name == "mxnet":
            sys.meta_path.remove(self)
            if not self.chosen:
                set_arithmetic()
            _preload()
        return None


_FINDER = _BeforeMXNet()


def _preload() -> None:
    package = find_spec("nvidia")
    for root in (package and package.submodule_search_locations) or ():
        for library in LIBRARIES:
            # What is absent here may still be installed system-wide: the linker has the last word.
            with suppress(OSError):
                ctypes.CDLL(os.path.join(root, library))


def is_installed(distribution: str = WHEEL) -> bool:
    """Return whether a distribution is installed."""
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
