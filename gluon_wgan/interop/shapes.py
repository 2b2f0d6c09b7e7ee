"""Reading a network's options off the shapes of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Optional

from gluon_wgan.interop.authors_names import GENERATOR

Shapes = Mapping[str, tuple[int, ...]]


def read_options(role: str, shapes: Shapes) -> Optional[dict[str, Any]]:
    """Return the options of :class:`gluon_wgan.TrainConfig` that give a network these shapes.

    Parameters
    ----------
    role
        ``"generator"`` or ``"critic"``.
    shapes
        Name to shape of the network's tensors, first layer first; the names may be either side's.

    Returns
    -------
    dict or None
        None when the shapes are no network's of the authors. A dict still has to be checked against the
        whole list: it comes from a part of the shapes.
    """
    weights = [shape for name, shape in shapes.items() if name.endswith("weight") and len(shape) > 1]
    if len(weights) < 3:
        return None
    if all(len(shape) == 2 for shape in weights):
        return _mlp_options(role, weights)
    if any(len(shape) != 4 for shape in weights):
        return None
    extra = sum(shape[2] == 3 for shape in weights)
    pyramid = len(weights) - extra - 2
    # No size above 1,024 is ever built; without the bound a long foreign file would ask for a huge number.
    if not 0 < pyramid < 16:
        return None
    common = {"image_size": 8 * 2**pyramid, "n_extra_layers": extra}
    # Only normalisations have one-dimensional tensors: no convolution has a bias.
    plain = not any(len(shape) == 1 for shape in shapes.values())
    first, last = weights[0], weights[-1]
    if role == GENERATOR:
        return {**common, "nz": first[0], "ngf": first[1] >> pyramid, "nc": last[1], "no_bn": plain, "mlp_g": False}
    return {**common, "nc": first[1], "ndf": first[0], "no_bn_d": plain, "mlp_d": False}


def _mlp_options(role: str, weights: list[tuple[int, ...]]) -> Optional[dict[str, Any]]:
    first, last = weights[0], weights[-1]
    picture = _picture_of(last[0] if role == GENERATOR else first[1])
    if picture is None:
        return None
    if role == GENERATOR:
        return {**picture, "nz": first[1], "ngf": first[0], "mlp_g": True}
    return {**picture, "ndf": first[0], "mlp_d": True}


def _picture_of(values: int) -> Optional[dict[str, Any]]:
    """Return size and channels of an image with so many values; 3 * 4^k and 4^k never meet."""
    for channels in (1, 3):
        size = math.isqrt(values // channels)
        if size > 0 and channels * size**2 == values and size & (size - 1) == 0:
            return {"image_size": size, "nc": channels}
    return None
