"""The random streams of a run: numpy generators, one for each purpose, all keyed by the run's seed.

MXNet's own random state cannot be saved; these can, which is what makes a resumed run exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Second half of each stream's seed. The data order has its own (gluon_wgan.data.batches).
INITIALISATION, NOISE, SAMPLING = 1, 2, 3


def generator_for(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of one stream of a run, at its start."""
    return np.random.default_rng([seed, stream])


def draw_latents(rng: np.random.Generator, count: int, nz: int) -> np.ndarray:
    """Draw latents from N(0, 1): float32, shape (count, nz, 1, 1)."""
    return rng.standard_normal((count, nz, 1, 1), dtype=np.float32)


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return a generator's state as a JSON-able dict."""
    return dict(rng.bit_generator.state)


def restore_state(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Put a generator back into a state that :func:`state_of` returned."""
    rng.bit_generator.state = state
