"""Whether a GPU computes at all: one allocation and one convolution, in a process of their own.

cuDNN ends the process when it cannot load a part of itself, which no program can catch.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from gluon_wgan.compat import child_environment
from gluon_wgan.errors import DeviceError, last_line
from gluon_wgan.gpu_errors import explain

# The first convolution loads half a gigabyte of libraries, perhaps from a slow disk.
SECONDS = 180
PROBE = """
import sys
from gluon_wgan import cuda
cuda.set_arithmetic(tf32={tf32}, fast={fast})
import mxnet as mx
for number in {gpus}:
    context = mx.gpu(number)
    x, w = mx.nd.ones((2, 3, 8, 8), ctx=context), mx.nd.ones((4, 3, 4, 4), ctx=context)
    y = mx.nd.Convolution(x, w, num_filter=4, kernel=(4, 4), stride=(2, 2), pad=(1, 1), no_bias=True)
    value = float(y.asnumpy()[0, 0, 1, 1])
    if value != 48:
        sys.exit("GPU %d computes wrongly: a convolution of ones gave %g instead of 48" % (number, value))
"""


def probe(gpus: Sequence[int], *, tf32: bool = False, fast: bool = False, seconds: float = SECONDS) -> None:
    """Let every GPU convolve once, in a child process.

    Raises DeviceError with the reason, when that fails.
    """
    code = PROBE.format(gpus=list(gpus), tf32=tf32, fast=fast)
    names = "GPU " + ", ".join(map(str, gpus))
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            env=child_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"{names} did not finish one convolution in {seconds:g} s: look at nvidia-smi and dmesg, or leave --gpus "
            "out."
        ) from None
    if child.returncode == 0:
        return
    said = child.stderr + child.stdout
    why = f"exit status {child.returncode}" + (f": {last_line(RuntimeError(said))}" if said else "")
    raise DeviceError(
        explain(said, "try again")
        or f"{names} cannot compute one convolution ({why}): run `python tools/gpu_check.py`, or leave --gpus out."
    )
