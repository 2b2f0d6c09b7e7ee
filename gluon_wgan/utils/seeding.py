"""The random streams of a run: numpy generators, one for each purpose, all keyed by the run's seed.

MXNet's own random state cannot be saved; these can, which is what makes a resumed run exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Second half of each stream's seed. The data order has number 4 (gluon_wgan.data.batches).
INITIALISATION, NOISE, SAMPLING, ALPHAS = 1, 2, 3, 5


def make_rng(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of one stream of a run, at its start."""
    return np.random.default_rng([seed, stream])


def draw_latents(rng: np.random.Generator, count: int, nz: int, kind: str = "normal") -> np.ndarray:
    """Draw latents from N(0, 1), or ``"uniform"`` in [-1, 1]: float32, shape (count, nz, 1, 1)."""
    if kind == "uniform":
        return rng.uniform(-1.0, 1.0, (count, nz, 1, 1)).astype(np.float32)
    return rng.standard_normal((count, nz, 1, 1), dtype=np.float32)


def draw_alphas(rng: np.random.Generator, count: int, kind: str) -> np.ndarray:
    """Draw the shares of the reals in the points of the gradient penalty: float32, shape (count, 1, 1, 1).

    Parameters
    ----------
    kind
        ``"per-sample"``: uniform in [0, 1), as in Algorithm 1 of Gulrajani et al. 2017; ``"per-batch"``: one
        such number for all; ``"normal"``: from N(0, 1).
    """
    shape = (count, 1, 1, 1)
    if kind == "normal":
        return rng.standard_normal(shape, dtype=np.float32)
    if kind == "per-batch":
        return np.full(shape, rng.random(dtype=np.float32))
    return rng.random(shape, dtype=np.float32)


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return a generator's state as a JSON-able dict."""
    return dict(rng.bit_generator.state)


def restore_state(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Put a generator back into a state that :func:`state_of` returned."""
    rng.bit_generator.state = state
