"""Generators as ONNX files, for any number of latents at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Optional

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from gluon_wgan.errors import UserError
from gluon_wgan.interop.symbol_graph import INPUT, graph_of

FILE = "generator.onnx"
OUTPUT, ANY = "images", "batch"
_INSTALL = "run `pip install 'gluon-wgan[onnx]'`"


def write_onnx(folder: Path, generator: HybridBlock, nz: int) -> Path:
    """Write ``generator.onnx``: ``latents`` (batch, nz, 1, 1) to ``images`` (batch, nc, size, size), float32.

    Batch norm uses running statistics.

    Parameters
    ----------
    folder
        Where to.
    generator
        A generator of this package with weights on the CPU.
    nz
        Length of its latents.

    Raises
    ------
    UserError
        When onnx is not installed, or of a version that MXNet's exporter cannot use.
    OSError
        When the disk does not take the file.
    """
    onnx = _import_onnx()
    symbol, parameters = graph_of(generator, standard_layers=True)
    path = folder / FILE
    with _quiet():
        mx.onnx.export_model(
            *(symbol, parameters, [(1, nz, 1, 1)], np.float32, str(path)),
            dynamic=True,
            dynamic_input_shapes=[(ANY, nz, 1, 1)],
        )
    model = onnx.load(str(path))
    _tidy(model.graph)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def _import_onnx() -> Any:
    try:
        onnx = import_module("onnx")
        # What MXNet 1.9.1 needs of it, and later releases have no longer.
        import_module("onnx.mapping")
    except ImportError:
        raise UserError(f"Exporting to ONNX needs onnx 1.16, which is not installed: {_INSTALL}.") from None
    return onnx


def _tidy(graph: Any) -> None:
    """Give the output a name, and take the weights out of the inputs, where MXNet's exporter lists them too."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    [output] = graph.output
    for node in graph.node:
        node.output[:] = [OUTPUT if name == output.name else name for name in node.output]
    output.name = OUTPUT
    output.type.tensor_type.shape.dim[0].dim_param = ANY


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which warns on the root logger of products of more than two dimensions."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def check_onnx(path: Path, latents: np.ndarray, wanted: np.ndarray) -> Optional[float]:
    """Run an ONNX file and return the largest difference of its images from the wanted ones.

    Parameters
    ----------
    path
        The file.
    latents
        float32 (n, nz, 1, 1).
    wanted
        float32 (n, nc, size, size).

    Returns
    -------
    float or None
        None where onnxruntime is not installed.
    """
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    [images] = session.run([OUTPUT], {INPUT: latents})
    return float(np.abs(images - wanted).max())
