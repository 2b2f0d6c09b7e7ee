"""Part a: versions, and the files of the libraries that are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mxnet as mx
from mxnet import Context

from gluon_wgan.driver import describe_cuda, describe_gpus
from gluon_wgan.gpu_check.rows import Row
from gluon_wgan.runs.environment import describe_environment

# The beginnings of their files' names.
_NAMES = ("libmxnet", "libcuda", "libcublas", "libcudnn", "libnvrtc", "libcurand", "libcusolver", "libcufft", "libnccl")


def check_libraries(contexts: list[Context]) -> Iterator[Row]:
    """Yield what environment.json would say, and where the libraries came from."""
    gpus = [context.device_id for context in contexts if context.device_type == "gpu"]
    for context in contexts:
        ones = mx.nd.ones((1, 1, 4, 4), ctx=context)
        mx.nd.Convolution(ones, ones, num_filter=1, kernel=(4, 4), no_bias=True).asnumpy()  # loads cuDNN's parts
    known = {**describe_environment(list(map(str, contexts))), **(describe_gpus(gpus) if gpus else describe_cuda())}
    for name in ("python", "platform", "cpu", "devices", "libraries", "gpu_model", "gpu_capability", "driver"):
        yield Row(name, known.get(name))
    for name in ("driver_cuda", "cuda", "cudnn", "nvidia_packages", "variables"):
        yield Row(name, known.get(name))
    lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {line.split(None, 5)[5] for line in lines if len(line.split(None, 5)) == 6}
    loaded = sorted(path for path in paths if Path(path).name.startswith(_NAMES))
    yield Row("loaded libraries", loaded, ok=bool(loaded))
