"""The operators of the networks in NumPy and float64: what a device's results are compared with."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

Arrays = Callable[..., np.ndarray]

STRIDE, PAD, KERNEL = 2, 1, 4


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
