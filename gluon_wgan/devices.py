"""From ``--gpus 0,1`` to MXNet contexts, with the reason in words where that cannot be."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from gluon_wgan import driver
from gluon_wgan.commands import localize
from gluon_wgan.driver import compute_capability
from gluon_wgan.errors import DeviceError, UserError
from gluon_wgan.gpu_probe import probe

if TYPE_CHECKING:
    import mxnet as mx

_LOGGER = logging.getLogger("gluon_wgan")

# What mxnet-cu112 1.9.1 is compiled for. It holds no PTX, so a driver cannot compile it for anything newer.
_MACHINE_CODE = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))


def parse_gpus(text: str) -> tuple[int, ...]:
    """Return the GPU numbers that a ``--gpus`` value such as ``0`` or ``0,1`` names, in its order; none for ``""``.

    Raises UserError if it is anything else, or names a GPU twice.
    """
    if not text:
        return ()
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        raise UserError(f"{text!r} is no list of GPUs: give numbers separated by commas, such as 0 or 0,1.")
    gpus = tuple(int(number) for number in text.split(","))
    if len(set(gpus)) < len(gpus):
        raise UserError(f"{text!r} names a GPU twice: give each number once.")
    return gpus


def choose_contexts(
    gpus: tuple[int, ...], require_gpu: bool, *, tf32: bool = False, fast: bool = False
) -> list[mx.Context]:
    """Return the contexts to work on, before any work starts.

    Where GPUs are asked for and MXNet sees none, the work goes to the CPU with one line of
    warning.

    Parameters
    ----------
    gpus
        The GPU numbers that were asked for; none means the CPU.
    require_gpu
        Whether going to the CPU is an error instead.
    tf32, fast
        The arithmetic, as in :func:`gluon_wgan.cuda.arithmetic_variables`. TF32 that the device does not have
        is an error.

    Raises
    ------
    UserError
        If a GPU does not exist or this MXNet cannot run on it.
    DeviceError
        If a required GPU is missing, or one fails at its first convolution.
    """
    import mxnet as mx

    require_gpu = require_gpu or tf32
    if not gpus:
        if tf32:
            raise UserError("--tf32 rounds products on a GPU, and no GPU is named: add --gpus 0, or leave --tf32 out.")
        if require_gpu:
            raise UserError("--require-gpu is given but no GPU is named: add --gpus 0.")
        return [mx.cpu()]
    count = _count_gpus()
    if count == 0:
        reason = _why_no_gpu()
        if require_gpu:
            raise DeviceError(reason)
        _LOGGER.warning("%s This run uses the CPU.", localize(reason))
        return [mx.cpu()]
    for gpu in gpus:
        _check_gpu(gpu, count)
    for gpu in gpus if tf32 else ():
        _check_tf32(gpu)
    probe(gpus, tf32=tf32, fast=fast)
    return [mx.gpu(gpu) for gpu in gpus]


def wheel_supports(capability: tuple[int, int]) -> bool:
    """Return whether the mxnet-cu112 wheel has machine code for a GPU of this compute capability, major and minor.

    A GPU runs code that was compiled for the same major version and no higher minor one.
    """
    major, minor = capability
    return any(built[0] == major and built[1] <= minor for built in _MACHINE_CODE)


def _count_gpus() -> int:
    import mxnet as mx

    try:
        return int(mx.context.num_gpus())
    except mx.MXNetError:  # CUDA's answer when the driver is too old or does not respond
        return 0


def _why_no_gpu() -> str:
    import mxnet as mx

    if mx.runtime.Features().is_enabled("CUDA"):
        return driver.why_no_gpu()
    return (
        "The installed MXNet has no CUDA: run `pip uninstall -y mxnet && pip install 'gluon-wgan[cu112]'`, "
        "or leave --gpus out."
    )


def _check_gpu(gpu: int, count: int) -> None:
    if gpu >= count:
        raise UserError(f"GPU {gpu} does not exist: MXNet sees {count}, numbered from 0.")
    capability = compute_capability(gpu)
    if capability is not None and not wheel_supports(capability):
        built = ", ".join(f"{major}.{minor}" for major, minor in _MACHINE_CODE)
        raise UserError(
            f"GPU {gpu} has compute capability {capability[0]}.{capability[1]}, for which MXNet 1.9.1 has no "
            f"machine code (it has {built}): choose another GPU, or leave --gpus out."
        )


def _check_tf32(gpu: int) -> None:
    capability = compute_capability(gpu)
    if capability is not None and capability < (8, 0):
        raise UserError(
            f"GPU {gpu} has compute capability {capability[0]}.{capability[1]}, which has no TF32: leave --tf32 out."
        )
