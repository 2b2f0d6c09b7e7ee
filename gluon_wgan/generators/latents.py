"""Latents to draw images from: seeded, truncated, and on the way from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.utils import seeding

BATCH = TrainConfig.batch_size
"""Latents are drawn, and pass through the generator, in groups of so many, whatever number is asked for.

So the first images of a seed are the same however many follow, and batch norm's batch statistics are those
of a batch as in training. With the run's own seed the first group is the one that the run's samples show.
"""
MIN_TRUNCATION = 0.05
"""Below it nearly every number would be drawn again dozens of times."""


def draw_groups(seed: int, nz: int, kind: str, truncate: Optional[float] = None) -> Iterator[np.ndarray]:
    """Draw groups of `BATCH` latents, forever.

    Parameters
    ----------
    seed
        At least 0.
    nz
        Length of a latent.
    kind
        ``"normal"`` for N(0, 1), ``"uniform"`` for [-1, 1].
    truncate
        Numbers beyond +-truncate are drawn again until none is left; None takes them as they come.

    Yields
    ------
    numpy.ndarray
        float32 (BATCH, nz, 1, 1).

    Raises
    ------
    UserError
        When truncate is below 0.05, or is no number.
    """
    if truncate is not None and not MIN_TRUNCATION <= truncate < np.inf:
        raise UserError(f"--truncate {truncate:g} is out of range: give a number from {MIN_TRUNCATION:g} up.")
    rng = seeding.make_rng(seed, seeding.SAMPLING)
    while True:
        latents = seeding.draw_latents(rng, BATCH, nz, kind)
        while truncate is not None and (outside := np.abs(latents) > truncate).any():
            latents[outside] = seeding.draw_latents(rng, int(outside.sum()), 1, kind)[:, 0, 0, 0]
        yield latents


def slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Go along the great circle from one vector to another.

    The middle of a straight line between two latents of a high-dimensional normal distribution is shorter
    than nearly everything the generator saw in training; on the circle the length stays.

    Parameters
    ----------
    start, end
        Vectors of one shape, neither of them zero.
    share
        0 gives the start and 1 the end, exactly.

    Returns
    -------
    numpy.ndarray
        float64, of the same shape. Parallel and opposite vectors, between which there is no one circle, are
        joined by a straight line.

    Notes
    -----
    Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985; for latents White, Sampling generative
    networks, 2016 (arXiv:1609.04468).
    """
    start, end = start.astype(np.float64), end.astype(np.float64)
    cosine = np.sum(start * end) / np.sqrt(np.sum(start**2) * np.sum(end**2))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return (1.0 - share) * start + share * end
    return np.sin((1.0 - share) * angle) / np.sin(angle) * start + np.sin(share * angle) / np.sin(angle) * end


def closed_walk(keyframes: np.ndarray, steps: int, kind: str) -> np.ndarray:
    """Go from each latent to the next and from the last to the first, in equal steps.

    Parameters
    ----------
    keyframes
        (n, nz, 1, 1).
    steps
        Steps from one keyframe to the next.
    kind
        Of the latents: ``"normal"`` ones go along great circles, ``"uniform"`` ones straight, which never
        leaves [-1, 1].

    Returns
    -------
    numpy.ndarray
        float32 (n * steps, nz, 1, 1); entry i * steps is keyframe i.
    """
    walk = []
    for number, start in enumerate(keyframes):
        end = keyframes[(number + 1) % len(keyframes)]
        for step in range(steps):
            share = step / steps
            walk.append(slerp(start, end, share) if kind == "normal" else (1 - share) * start + share * end)
    return np.array(walk, np.float32)
