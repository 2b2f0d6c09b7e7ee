"""Part b: every operator of the networks, forward and backward, against NumPy in float64.

The forward pass is compared with NumPy's result, and the gradient, along a random direction, with the central
difference of NumPy's result, so that neither rests on MXNet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
from mxnet import Context, autograd, nd

from gluon_wgan.gpu_check.rows import Row, at_most, relative_error

# The largest relative error that passes: sums of up to a few hundred products.
LIMITS = {"float32": 1e-5, "float64": 1e-11}
# Of a central difference with the step of its cube-root rule.
GRADIENT_LIMITS = {"float32": 2e-5, "float64": 1e-8}
STEP = 1e-5
STRIDE, PAD, KERNEL = 2, 1, 4
_GEOMETRY = {"kernel": (KERNEL, KERNEL), "stride": (STRIDE, STRIDE), "pad": (PAD, PAD)}


@dataclass(frozen=True)
class Case:
    """An operator, the same in NumPy, and the shapes of its inputs.

    Attributes
    ----------
    positive
        Whether the inputs must be above 0.
    adds
        Whether gradients may be added to what is there. MXNet 1.9.1's mean divides the whole sum again, on the CPU
        too; no network of this package adds there.
    dtypes
        Types in which the networks use it.
    """

    name: str
    operator: Callable[..., nd.NDArray]
    wanted: Callable[..., np.ndarray]
    shapes: tuple[tuple[int, ...], ...]
    positive: bool = False
    adds: bool = True
    dtypes: tuple[str, ...] = ("float32", "float64")


def _mxnet_batch_norm(x: nd.NDArray, gamma: nd.NDArray, beta: nd.NDArray) -> nd.NDArray:
    unread = [nd.zeros(gamma.shape, ctx=x.context, dtype=gamma.dtype) for _ in range(2)]
    return nd.BatchNorm(x, gamma, beta, *unread, eps=1e-5, fix_gamma=False)


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Convolve (N, C, H, W) with (K, C, 4, 4), stride 2, padding 1, and add a bias (K,)."""
    padded = np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    view: Any = np.lib.stride_tricks.sliding_window_view  # NumPy types one axis only
    windows = view(padded, (KERNEL, KERNEL), axis=(2, 3))
    out: np.ndarray = np.einsum("nchwij,kcij->nkhw", windows[:, :, ::STRIDE, ::STRIDE], w)
    return out + b[:, None, None]


def deconvolve(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the transposed convolution of (N, C, H, W) with (C, K, 4, 4), stride 2, padding 1: twice the size."""
    n, _, height, width = x.shape
    out = np.zeros((n, w.shape[1], STRIDE * height + 2, STRIDE * width + 2))
    for i in range(KERNEL):
        for j in range(KERNEL):
            part = np.einsum("nchw,ck->nkhw", x, w[:, :, i, j])
            out[:, :, i : i + STRIDE * height : STRIDE, j : j + STRIDE * width : STRIDE] += part
    return out[:, :, PAD:-PAD, PAD:-PAD]


def columns_to_image(x: np.ndarray) -> np.ndarray:
    """Add columns (N, 16, 4 * 4) up to images (N, 1, 8, 8)."""
    n = len(x)
    return deconvolve(x.reshape(n, KERNEL * KERNEL, 4, 4), np.eye(16).reshape(16, 1, KERNEL, KERNEL))


def batch_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Normalise (N, C, H, W) with the batch's own statistics."""
    mean, var = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5) * gamma[:, None, None] + beta[:, None, None]


IMAGES = (2, 3, 8, 8)
# The operators are looked up when they are called, as the networks do it.
CASES = (
    Case(
        "Convolution",
        lambda x, w, b: nd.Convolution(x, w, b, num_filter=4, **_GEOMETRY),
        convolve,
        (IMAGES, (4, 3, 4, 4), (4,)),
    ),
    Case(
        "Deconvolution",
        lambda x, w: nd.Deconvolution(x, w, num_filter=3, no_bias=True, **_GEOMETRY),
        deconvolve,
        ((2, 4, 4, 4), (4, 3, 4, 4)),
    ),
    Case("col2im", lambda x: nd.col2im(x, output_size=(8, 8), **_GEOMETRY), columns_to_image, ((2, 16, 16),)),
    Case(
        "FullyConnected",
        lambda x, w, b: nd.FullyConnected(x, w, b, num_hidden=5),
        lambda x, w, b: x @ w.T + b,
        ((3, 7), (5, 7), (5,)),
    ),
    Case("dot", lambda x, w: nd.dot(x, w), lambda x, w: x @ w, ((3, 7), (7, 5))),
    Case("BatchNorm", _mxnet_batch_norm, batch_norm, (IMAGES, (3,), (3,))),
    Case("relu", lambda x: nd.Activation(x, act_type="relu"), lambda x: np.maximum(x, 0), (IMAGES,)),
    Case("tanh", lambda x: nd.Activation(x, act_type="tanh"), np.tanh, (IMAGES,)),
    Case("softrelu", lambda x: nd.Activation(x, act_type="softrelu"), lambda x: np.log1p(np.exp(x)), (IMAGES,)),
    Case(
        "LeakyReLU",
        lambda x: nd.LeakyReLU(x, act_type="leaky", slope=0.25),
        lambda x: np.where(x > 0, x, 0.25 * x),
        (IMAGES,),
        dtypes=("float32",),  # in float64 MXNet rounds it, so ExactLeakyReLU stands in for it
    ),
    Case("broadcast_maximum", lambda x: nd.broadcast_maximum(x, x * 0.2), lambda x: np.maximum(x, 0.2 * x), (IMAGES,)),
    Case("broadcast_mul", lambda x, y: nd.broadcast_mul(x, y), np.multiply, (IMAGES, (1, 3, 1, 1))),
    Case("broadcast_add", lambda x, y: nd.broadcast_add(x, y), np.add, (IMAGES, (1, 3, 1, 1))),
    Case("broadcast_sub", lambda x, y: nd.broadcast_sub(x, y), np.subtract, (IMAGES, (2, 1, 1, 1))),
    Case("mean", lambda x: nd.mean(x, axis=(1, 2, 3)), lambda x: x.mean(axis=(1, 2, 3)), (IMAGES,), adds=False),
    Case("sum", lambda x: nd.sum(x, axis=1), lambda x: x.sum(axis=1), (IMAGES,)),
    Case("square", lambda x: nd.square(x), np.square, (IMAGES,)),
    Case("sqrt", lambda x: nd.sqrt(x), np.sqrt, (IMAGES,), positive=True),
    Case("rsqrt", lambda x: nd.rsqrt(x), lambda x: x**-0.5, (IMAGES,), positive=True),
    Case("transpose", lambda x: nd.transpose(x, axes=(1, 0, 2, 3)), lambda x: x.transpose(1, 0, 2, 3), (IMAGES,)),
    Case("reshape", lambda x: nd.reshape(x, (0, -1)), lambda x: x.reshape(len(x), -1), (IMAGES,)),
    Case("concat", lambda x, y: nd.concat(x, y, dim=0), lambda x, y: np.concatenate([x, y]), (IMAGES, IMAGES)),
)


def check_operators(contexts: list[Context]) -> Iterator[Row]:
    """Yield two rows for each operator, type and device: its result and its gradients."""
    for context in dict.fromkeys(contexts):
        for case in CASES:
            for dtype in case.dtypes:
                yield from _check(case, dtype, context)
        yield from _check_updates(context)


def _check(case: Case, dtype: str, context: Context) -> Iterator[Row]:
    rng = np.random.default_rng(len(case.name))
    # Away from 0, where the activations have a corner.
    values = [rng.choice([1.0] if case.positive else [-1.0, 1.0], s) * rng.uniform(0.1, 1.0, s) for s in case.shapes]
    values = [v.astype(dtype).astype(np.float64) for v in values]
    wanted = case.wanted(*values)
    head, directions = rng.uniform(0.5, 1.0, wanted.shape).astype(dtype), [rng.normal(size=s) for s in case.shapes]
    found, written = _gradients(case, values, head, dtype, context, "write")
    added = _gradients(case, values, head, dtype, context, "add")[1] if case.adds else []
    plain = _gradients(case, values, head, dtype, context, "null")[0]
    name = f"{case.name}, {dtype}, {context}"
    yield at_most(f"{name}: result", max(relative_error(a, wanted) for a in (found, plain)), LIMITS[dtype])
    slopes = [case.wanted(*[v + s * STEP * d for v, d in zip(values, directions)]) for s in (1, -1)]
    slope = float(((slopes[0] - slopes[1]) / (2 * STEP) * head).sum())
    size = sum(float(np.abs(g * d).sum()) for g, d in zip(written, directions)) or 1.0
    errors = [
        abs(sum(float((g * d).sum()) for g, d in zip(gradients, directions)) / times - slope) / size
        for gradients, times in ((written, 1), (added, 2))
        if gradients
    ]
    yield at_most(f"{name}: gradients", max(errors), GRADIENT_LIMITS[dtype])


def _gradients(
    case: Case, values: list[np.ndarray], head: np.ndarray, dtype: str, context: Context, request: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the result and, unless the request is ``null``, the gradients; ``add`` passes backward twice."""
    inputs = [nd.array(v, ctx=context, dtype=dtype) for v in values]
    for x in inputs if request != "null" else ():
        x.attach_grad(request)
    for _ in range(2 if request == "add" else 1):
        with autograd.record():
            y = case.operator(*inputs)
        if request != "null":
            y.backward(nd.array(head, ctx=context, dtype=dtype))
    nd.waitall()
    gradients = [x.grad.asnumpy().astype(np.float64) for x in inputs] if request != "null" else []
    return y.asnumpy(), gradients


def _check_updates(context: Context) -> Iterator[Row]:
    """Yield rows for the optimizers' operators and the clip, in float32, in which they are used."""
    rng = np.random.default_rng(1)
    w, g, n = (rng.uniform(0.1, 1.0, 100).astype(np.float32) for _ in range(3))
    weight, gradient, squares, mean = (nd.array(v, ctx=context) for v in (w, g, n, n))
    nd.rmsprop_update(weight, gradient, squares, out=weight, lr=0.01, gamma1=0.9, epsilon=1e-8)
    moved = 0.9 * n.astype(np.float64) + 0.1 * g.astype(np.float64) ** 2
    wanted = w - 0.01 * g / np.sqrt(moved + 1e-8)
    yield at_most(f"rmsprop_update, float32, {context}", relative_error(weight.asnumpy(), wanted), LIMITS["float32"])
    weight, squares = (nd.array(v, ctx=context) for v in (w, n))
    nd.adam_update(weight, gradient, mean, squares, out=weight, lr=0.01, beta1=0.5, beta2=0.9, epsilon=1e-8)
    wanted = w - 0.01 * (0.5 * n + 0.5 * g) / (np.sqrt(moved) + 1e-8)
    yield at_most(f"adam_update, float32, {context}", relative_error(weight.asnumpy(), wanted), LIMITS["float32"])
    clipped = nd.clip(nd.array(w - 0.5, ctx=context), -0.25, 0.25).asnumpy()
    yield at_most(f"clip, float32, {context}", relative_error(clipped, np.clip(w - np.float32(0.5), -0.25, 0.25)), 0.0)
