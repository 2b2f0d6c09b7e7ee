"""A generator for programs without this package: as an MXNet symbol with its parameters, and as an ONNX file."""

from __future__ import annotations

import json
import logging
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, Optional

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet.base import MXNetError
from mxnet.gluon import HybridBlock, SymbolBlock

from gluon_wgan.errors import UserError, last_line
from gluon_wgan.models.inference import load_weights, to_numpy
from gluon_wgan.models.layers import GrayDeconvolution
from gluon_wgan.utils.params_file import write_params

INPUT = "latents"
SYMBOL, PARAMS = "generator-symbol.json", "generator-0000.params"
_PREFIX = "generator_"


def graph_of(generator: HybridBlock, *, standard_layers: bool = False) -> tuple[mx.sym.Symbol, dict[str, nd.NDArray]]:
    """Return a generator's graph and parameters, under names that do not depend on what was built before it.

    The input of the symbol is ``latents``; the weights lie on the CPU.

    Parameters
    ----------
    standard_layers
        Put MXNet's own transposed convolution in place of this package's for gray images, whose operators
        ONNX does not have. It computes the same but cannot be trained on the CPU.
    """
    output = mx.sym.var(INPUT)
    for layer in generator.main._children.values():
        gray = standard_layers and isinstance(layer, GrayDeconvolution)
        output = _standard(layer, output) if gray else layer(output)
    graph = json.loads(output.tojson())
    for node in graph["nodes"]:
        node["name"] = _renamed(generator, node["name"])
    nd.waitall()
    parameters = {_renamed(generator, name): p.data() for name, p in generator.collect_params().items()}
    return mx.sym.load_json(json.dumps(graph)), parameters


def _standard(layer: GrayDeconvolution, x: mx.sym.Symbol) -> mx.sym.Symbol:
    kernel = layer.weight.shape[-1]
    bias = [] if layer.bias is None else [layer.bias.var()]
    return mx.sym.Deconvolution(
        *(x, layer.weight.var(), *bias),
        num_filter=1,
        kernel=(kernel, kernel),
        stride=(2, 2),
        pad=(1, 1),
        adj=(kernel % 2, kernel % 2),
        no_bias=layer.bias is None,
        name=f"{layer.prefix}fwd",
    )


def _renamed(generator: HybridBlock, name: str) -> str:
    return _PREFIX + name[len(generator.prefix) :] if name.startswith(generator.prefix) else name


def write_symbol(folder: Path, generator: HybridBlock) -> list[Path]:
    """Write ``generator-symbol.json`` and ``generator-0000.params``.

    ``SymbolBlock.imports`` loads them, and so does ``mx.model.load_checkpoint("generator", 0)``.

    Raises OSError when the disk does not take them.
    """
    symbol, parameters = graph_of(generator)
    auxiliary = set(symbol.list_auxiliary_states())
    named = {f"{'aux' if name in auxiliary else 'arg'}:{name}": array for name, array in parameters.items()}
    (folder / SYMBOL).write_text(symbol.tojson(), encoding="utf-8")
    write_params(folder / PARAMS, to_numpy(named))
    return [folder / SYMBOL, folder / PARAMS]


def check_symbol(folder: Path, latents: np.ndarray, wanted: np.ndarray) -> float:
    """Load what `write_symbol` wrote and return the largest difference of its images from the wanted ones.

    Raises UserError when the files cannot be loaded.
    """
    try:
        with warnings.catch_warnings():
            # Gluon cannot tell the type of the latents, and takes the right one.
            warnings.filterwarnings("ignore", message="Cannot decide type")
            # What SymbolBlock.imports does, which takes only paths that are UTF-8.
            graph = mx.sym.load_json((folder / SYMBOL).read_text(encoding="utf-8"))
            block = SymbolBlock(graph, [mx.sym.var(INPUT)])
            load_weights(block, str(folder / PARAMS), None)
        return float(np.abs(block(nd.array(latents)).asnumpy() - wanted).max())
    except (MXNetError, ValueError, AssertionError) as error:
        raise UserError(f"The exported files in {folder} cannot be loaded again ({last_line(error)}).") from None


ONNX = "generator.onnx"
OUTPUT, ANY = "images", "batch"
_INSTALL = "run `pip install 'gluon-wgan[onnx]'`"


def write_onnx(folder: Path, generator: HybridBlock, nz: int) -> Path:
    """Write ``generator.onnx``: ``latents`` (batch, nz, 1, 1) to ``images`` (batch, nc, size, size), float32.

    Batch norm uses running statistics, and the weights lie on the CPU. Raises UserError when onnx is not installed, or
    of a version that MXNet's exporter cannot use, and OSError when the disk does not take the file.
    """
    onnx = _import_onnx()
    symbol, parameters = graph_of(generator, standard_layers=True)
    path = folder / ONNX
    root = logging.getLogger()  # on which the exporter warns of products of more than two dimensions
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        mx.onnx.export_model(
            *(symbol, parameters, [(1, nz, 1, 1)], np.float32, str(path)),
            dynamic=True,
            dynamic_input_shapes=[(ANY, nz, 1, 1)],
        )
    finally:
        root.setLevel(level)
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


def check_onnx(path: Path, latents: np.ndarray, wanted: np.ndarray) -> Optional[float]:
    """Run an ONNX file and return the largest difference of its images from the wanted ones, None without onnxruntime.

    Latents are float32 (n, nz, 1, 1), images float32 (n, nc, size, size).
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
