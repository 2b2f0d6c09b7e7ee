"""Trained networks in use: loading weights, and drawing images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional, Union

import numpy as np
from mxnet import Context, autograd, cpu, nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.errors import UserError, last_line
from gluon_wgan.utils.params_file import read_params, write_params
from gluon_wgan.utils.untrusted import AnyPath

Devices = Union[Context, list[Context], None]


def sample(generator: HybridBlock, latents: np.ndarray, context: Context, batch_norm: str) -> np.ndarray:
    """Draw images from a generator and leave its running statistics as they were.

    Parameters
    ----------
    generator
        A generator of this package with weights on ``context``.
    latents
        float32 (n, nz, 1, 1).
    batch_norm
        ``"batch"`` normalises with the statistics of these n images, as the reference's images do;
        ``"running"`` with those gathered in training.

    Returns
    -------
    numpy.ndarray
        float32 (n, nc, image_size, image_size).
    """
    statistics = [p for p in generator.collect_params().values() if p.grad_req == "null"]
    # On a GPU the forward pass itself updates them. On the CPU the backward pass does, which MXNet's engine
    # does not know: a read that does not wait for everything may come too early.
    nd.waitall()
    before = [p.data(context).copy() for p in statistics]
    dtype = next(iter(generator.collect_params().values())).dtype
    with autograd.train_mode() if batch_norm == "batch" else autograd.predict_mode():
        images = generator(nd.array(latents, ctx=context, dtype=dtype)).asnumpy()
    for parameter, values in zip(statistics, before):
        values.copyto(parameter.data(context))
    return images


def has_batch_norm(generator: HybridBlock) -> bool:
    """Return whether it matters which statistics batch norm uses."""
    return any(isinstance(layer, nn.BatchNorm) for layer in generator.main._children.values())


def load_weights(net: HybridBlock, path: str, contexts: Devices) -> None:
    """Load a ``.params`` file into a network, on the given devices or, with None, on the CPU.

    The file is read by :func:`gluon_wgan.utils.params_file.read_params`; values are cast to the network's type.

    Raises UserError when the file is missing, damaged, or holds another network. The network is then unchanged.
    """
    try:
        saved = read_params(path)
    except (OSError, ValueError) as error:
        raise UserError(f"Cannot load the weights {path} into this network ({last_line(error)}).") from None
    set_weights(net, saved, contexts, path)


def set_weights(net: HybridBlock, saved: dict[str, np.ndarray], contexts: Devices, origin: AnyPath) -> None:
    """Put arrays by name into a network, as :func:`load_weights` does with those of a file.

    Raises UserError when they are another network's; ``origin`` is named.
    """
    try:
        pairs = _matched(net, saved)
        for parameter, values in pairs:
            parameter._load_init(nd.array(values, dtype=values.dtype), contexts or cpu(), cast_dtype=True)
    # MXNet raises kinds of RuntimeError, and AssertionError for a network on other devices.
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"Cannot load the weights {origin} into this network ({last_line(error)}).") from None


def save_weights(net: HybridBlock, path: AnyPath, statistics: Optional[Mapping[str, nd.NDArray]] = None) -> None:
    """Write a network's weights into a ``.params`` file, as ``save_parameters`` does, at any path.

    Raises OSError when it cannot be written.

    Parameters
    ----------
    statistics
        Running statistics by name, in place of the network's own.
    """
    parameters = net._collect_params_with_prefix()
    # All devices hold the same weights, and the mean of three equal numbers need not be that number.
    arrays = {name: p._reduce() if p.grad_req == "null" else p.list_data()[0] for name, p in parameters.items()}
    write_params(path, to_numpy({**arrays, **(statistics or {})}))


def to_numpy(arrays: Mapping[str, nd.NDArray]) -> dict[str, np.ndarray]:
    """Return MXNet's arrays as NumPy's."""
    return {name: array.asnumpy() for name, array in arrays.items()}


def _matched(net: HybridBlock, saved: dict[str, np.ndarray]) -> list[tuple[Parameter, np.ndarray]]:
    """Return each parameter with its values, or ValueError unless names and shapes are the network's."""
    parameters = net._collect_params_with_prefix()
    if saved and not any("." in name for name in saved):
        # Files of Module, SymbolBlock and Gluon's older save_params name parameters, not the blocks they are in.
        saved = {net.prefix + re.sub("^(arg|aux):", "", name): values for name, values in saved.items()}
        parameters = dict(net.collect_params().items())
    unknown = next((name for name in saved if name not in parameters), None)
    if unknown is not None:
        raise ValueError(f"it holds {unknown}, which the network does not have")
    # A parameter that two blocks share is saved once, under one of its names.
    present = {id(parameters[name]) for name in saved}
    missing = next((name for name, parameter in parameters.items() if id(parameter) not in present), None)
    if missing is not None:
        raise ValueError(f"it lacks {missing}, which the network has")
    for name, values in saved.items():
        wanted = parameters[name].shape
        # 0 is a length that MXNet finds out from the first batch.
        if wanted and not (len(wanted) == values.ndim and all(a in (0, b) for a, b in zip(wanted, values.shape))):
            raise ValueError(f"its {name} has the shape {values.shape}, the network's has {wanted}")
        if 0 in values.shape:
            raise ValueError(f"its {name} is empty")
    return [(parameters[name], values) for name, values in saved.items()]
