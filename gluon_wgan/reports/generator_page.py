"""One page that holds a generator and runs it in a browser, its layers in the few operations that JavaScript knows."""

from __future__ import annotations

import base64
from typing import Any, Optional

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock, Parameter, nn

from gluon_wgan.errors import UserError
from gluon_wgan.generators.image_folder import ImageFolder
from gluon_wgan.models.layers import GrayDeconvolution, LatentProjection, Reshape
from gluon_wgan.reports.template import render, write_page

PAGE = "page.html"
SCRIPTS = ("generator_network.js", "generator.js")
SAMPLES, CORNERS, KEYFRAMES = 24, 4, 6
# Frames from one keyframe to the next, and how many of them the strip shows.
STEPS, STRIP = 20, 2
# Images of Gluon's that the page compares its own with.
CHECKED = 4


def write_generator_page(images: ImageFolder, layers: list[Layer], note: Optional[str] = None) -> None:
    """Write ``page.html`` into a folder of images and say so in its record.

    Parameters
    ----------
    images
        The generator, the seed of the latents that the page begins with, and the folder. Its sampler uses running
        statistics.
    note
        What else the page should say, such as whose the data are.

    Raises OSError when the disk does not take it.
    """
    trained = images.trained
    config = trained.config
    # The run directory's name where there is one: all checkpoints of one iteration are called the same.
    place = trained.run or trained.folder or trained.weights
    text = render(
        "generator.html",
        SCRIPTS,
        _drawn(images, layers),
        name=place.resolve().name,
        summary=_summary(images),
        note=note,
        batch_norm=trained.has_batch_norm,
        nz=config.nz,
        size=config.image_size,
        count=SAMPLES,
        corners=CORNERS,
        keyframes=KEYFRAMES,
        frames=KEYFRAMES * STRIP,
        last_frame=KEYFRAMES * STEPS - 1,
        sha256=trained.sha256[:12],
    )
    write_page(images.folder / PAGE, text)
    images.record["page"] = {"file": PAGE, "latents": f"the first {SAMPLES} of the seed"}


def _drawn(images: ImageFolder, layers: list[Layer]) -> dict[str, Any]:
    config = images.trained.config
    latents = next(images.latent_groups())[:SAMPLES].reshape(SAMPLES, -1)
    truncated = "" if images.truncate is None else f" --truncate {images.truncate:g}"
    return {
        "layers": layers,
        "nz": config.nz,
        "nc": config.nc,
        "size": config.image_size,
        "latent": config.latent,
        "truncate": images.truncate,
        "latents": as_base64(latents.astype(np.float32)),
        "origin": f"generate --seed {images.seed}{truncated}",
        "wanted": as_base64(images.first(CHECKED)),
        "count": SAMPLES,
        "corners": CORNERS,
        "keyframes": KEYFRAMES,
        "steps": STEPS,
        "strip": STRIP,
    }


def _summary(images: ImageFolder) -> list[tuple[str, str]]:
    """Return what the generator is, as (name, text)."""
    trained = images.trained
    config = trained.config
    network = "MLP" if config.mlp_g else {"dcgan": "DCGAN"}.get(config.arch, config.arch)
    found = [
        ("images", f"{config.image_size}x{config.image_size}, {'gray' if config.nc == 1 else 'colour'}"),
        ("network", network),
        ("weights", f"{trained.weights.stat().st_size / 1e6:.2f} MB"),
    ]
    if trained.run is not None and trained.folder is not None:
        found.insert(0, ("checkpoint", trained.folder.name))
    return found


MAX_WEIGHT_BYTES = 5_000_000
"""Of float32 weights; base64 makes them a third longer in the page."""

Layer = dict[str, Any]


def browser_layers(generator: HybridBlock) -> list[Layer]:
    """Describe a generator, with weights on the CPU, for ``generator_network.js``.

    Returns
    -------
    list of dict
        JSON-able, in the order in which data passes them. ``op`` is one of ``dense`` (weight (outputs, inputs)),
        ``deconvolve`` (weight (in, out, kernel, kernel)), ``affine`` (a scale and a shift for each channel: batch norm
        with running statistics), ``relu`` and ``tanh``. Arrays are base64 of little-endian float32.

    Raises UserError when the weights are too large for a page, or it has a layer that the page cannot run.
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
