"""A generator's layers in the few operations that the JavaScript of a page knows."""

from __future__ import annotations

import base64
from typing import Any, Optional

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.errors import UserError
from gluon_wgan.models.layers import GrayDeconvolution, LatentProjection, Reshape

MAX_WEIGHT_BYTES = 5_000_000
"""Of float32 weights; base64 makes them a third longer in the page."""

Layer = dict[str, Any]


def browser_layers(generator: HybridBlock) -> list[Layer]:
    """Describe a generator for ``generator_network.js``.

    Parameters
    ----------
    generator
        A generator of this package with weights on the CPU.

    Returns
    -------
    list of dict
        JSON-able, in the order in which data passes them. ``op`` is one of ``dense`` (weight (outputs, inputs)),
        ``deconvolve`` (weight (in, out, kernel, kernel)), ``affine`` (a scale and a shift for each channel: batch norm
        with running statistics), ``relu`` and ``tanh``. Arrays are base64 of little-endian float32.

    Raises
    ------
    UserError
        When the weights are too large for a page, or it has a layer that the page cannot run.
    """
    nd.waitall()  # a transposed convolution alters its weight's description while it reads it
    size = sum(4 * p.data().size for p in generator.collect_params().values())
    if size > MAX_WEIGHT_BYTES:
        raise UserError(
            f"The generator's weights are {size / 1e6:.1f} MB, and a page holds at most {MAX_WEIGHT_BYTES / 1e6:g} MB: "
            "train one with a smaller --ngf, or export it with tools/export_model.py."
        )
    described, side = [], 1
    for layer in generator.main._children.values():
        made = _describe(layer, side)
        side = made.pop("side", side)
        if made:
            described.append(made)
    return described


def as_base64(values: np.ndarray) -> str:
    """Return an array's bytes, little-endian, as base64."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()


def _describe(layer: HybridBlock, side: int) -> Layer:
    """Return a layer that takes height and width ``side``, with a new ``side`` where it gives another one."""
    if isinstance(layer, LatentProjection):
        weight = _values(layer.weight)
        return {**_dense(weight.reshape(len(weight), -1).T, None), "side": weight.shape[-1]}
    if isinstance(layer, nn.Dense) and layer.act is None:
        return _dense(_values(layer.weight), layer.bias)
    if isinstance(layer, Reshape):
        return {"side": layer._shape[-1]}
    if isinstance(layer, GrayDeconvolution):
        return _deconvolve(_values(layer.weight), layer.bias, side, stride=2, pad=1, out=layer._size)
    if isinstance(layer, nn.Conv2DTranspose):
        weight = _values(layer.weight)
        (stride, _), (pad, _), (more, _) = (layer._kwargs[name] for name in ("stride", "pad", "adj"))
        out = (side - 1) * stride - 2 * pad + weight.shape[-1] + more
        return _deconvolve(weight, layer.bias, side, stride=stride, pad=pad, out=out)
    if isinstance(layer, nn.Conv2D) and layer._kwargs["stride"] == (1, 1):
        # The transposed convolution with the kernel turned half round is this convolution.
        weight, (pad, _) = _values(layer.weight), layer._kwargs["pad"]
        turned, kernel = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], weight.shape[-1]
        return _deconvolve(turned, layer.bias, side, stride=1, pad=kernel - 1 - pad, out=side + 2 * pad - kernel + 1)
    if isinstance(layer, nn.BatchNorm):
        return _affine(layer)
    if isinstance(layer, nn.Activation) and layer._act_type in ("relu", "tanh"):
        return {"op": layer._act_type}
    raise UserError(f"A page cannot run the layer {type(layer).__name__}: export it with tools/export_model.py.")


def _dense(weight: np.ndarray, bias: Optional[Parameter]) -> Layer:
    return {"op": "dense", "inputs": weight.shape[1], "weight": as_base64(weight), **_bias(bias)}


def _deconvolve(weight: np.ndarray, bias: Optional[Parameter], side: int, *, stride: int, pad: int, out: int) -> Layer:
    shape = {"inputs": weight.shape[0], "outputs": weight.shape[1], "kernel": weight.shape[2], "from": side, "to": out}
    place = {"stride": stride, "pad": pad}
    return {"op": "deconvolve", **shape, **place, "weight": as_base64(weight), **_bias(bias), "side": out}


def _affine(norm: nn.BatchNorm) -> Layer:
    gamma, beta, mean, variance = (
        _values(p).astype(np.float64) for p in (norm.gamma, norm.beta, norm.running_mean, norm.running_var)
    )
    scale = gamma / np.sqrt(variance + norm._kwargs["eps"])
    shift = beta - mean * scale
    return {"op": "affine", "scale": as_base64(scale.astype(np.float32)), "shift": as_base64(shift.astype(np.float32))}


def _bias(bias: Optional[Parameter]) -> dict[str, str]:
    return {} if bias is None else {"bias": as_base64(_values(bias))}


def _values(parameter: Parameter) -> np.ndarray:
    return parameter.data().asnumpy().astype(np.float32)
