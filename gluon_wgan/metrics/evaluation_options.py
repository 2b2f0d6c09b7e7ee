"""The options of an evaluation and their defaults, without loading MXNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

MAX_SEED = 2**32 - 1
"""KID's subsets are drawn as the published packages draw them, with a seed of 32 bits."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How images are evaluated.

    Attributes
    ----------
    metrics
        Some of swd, fid, kid, prdc, is and faces, with commas between; None for all that the features allow.
    num
        Images of each kind, at most.
    seed
        Of latents, choices, patches and directions.
    batch_norm
        ``"batch"``: the statistics of each batch; ``"running"``: those gathered in training.
    ema
        Whether to evaluate the averaged generator of a run that was trained with ``ema``.
    features
        ``"random"``, ``"inception"``, or the name of a classifier of gluoncv's zoo.
    weights, download
        The weights of inception or the classifier, or whether to fetch inception's.
    resize_rule
        How images are resized to the feature network's size: ``"clean"``, ``"legacy"`` or ``"pytorch"``.
    cascade
        An OpenCV cascade; None for opencv-python's frontal faces.
    exclude, bit_depth
        As the options of training of the same names, for images that are decoded.
    """

    metrics: Optional[str] = None
    num: int = 10_000
    seed: int = 0
    batch_norm: str = "batch"
    ema: bool = False
    features: str = "random"
    weights: Optional[str] = None
    download: bool = False
    resize_rule: str = "clean"
    cascade: Optional[str] = None
    exclude: tuple[str, ...] = ()
    bit_depth: Optional[int] = None
    progress: bool = False
