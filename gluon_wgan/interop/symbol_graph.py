"""A generator as an MXNet symbol with its parameters: what programs without this package load."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

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

    Parameters
    ----------
    generator
        A generator of this package with weights on the CPU.
    standard_layers
        Put MXNet's own transposed convolution in place of this package's for gray images, whose operators
        ONNX does not have. It computes the same but cannot be trained on the CPU.

    Returns
    -------
    tuple
        The symbol, whose input is ``latents``, and parameter names to arrays.
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

    Raises
    ------
    OSError
        When the disk does not take them.
    """
    symbol, parameters = graph_of(generator)
    auxiliary = set(symbol.list_auxiliary_states())
    named = {f"{'aux' if name in auxiliary else 'arg'}:{name}": array for name, array in parameters.items()}
    (folder / SYMBOL).write_text(symbol.tojson(), encoding="utf-8")
    write_params(folder / PARAMS, to_numpy(named))
    return [folder / SYMBOL, folder / PARAMS]


def check_symbol(folder: Path, latents: np.ndarray, wanted: np.ndarray) -> float:
    """Load what `write_symbol` wrote and return the largest difference of its images from the wanted ones.

    Raises
    ------
    UserError
        When the files cannot be loaded.
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
