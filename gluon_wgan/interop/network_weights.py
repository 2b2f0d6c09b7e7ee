"""One network's weights between the two worlds, the checks on the way, and its options read off their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.interop.authors_names import (
    COUNT,
    CRITIC,
    GENERATOR,
    current_name,
    paired_names,
    refuse_foreign,
    tensor_names,
)

Arrays = Mapping[str, np.ndarray]
_FLOATS = (np.dtype("float32"), np.dtype("float64"))


@dataclass(frozen=True)
class Network:
    """A generator's or a critic's weights under this package's names.

    Attributes
    ----------
    role
        ``"generator"`` or ``"critic"``.
    config
        Says what the network looks like; its other options mean nothing.
    weights
        Our name to float32 or float64 array, all of one kind.
    counts
        PyTorch's ``num_batches_tracked`` of each batch norm, first layer first; None where the file was
        written before PyTorch 0.4.1 had such counts, which then shall have none again.
    """

    role: str
    config: TrainConfig
    weights: dict[str, np.ndarray]
    counts: Optional[list[int]]


def role_of(state: Arrays) -> Optional[str]:
    """Return which network a state dict of the authors holds, or None when it is neither.

    Only generators have transposed convolutions, and an MLP that ends in one number is a critic.
    """
    names = [current_name(name) for name in state]
    last = state.get("main.6.weight")
    if last is not None:
        return None if last.ndim != 2 else CRITIC if len(last) == 1 else GENERATOR
    for ending, role in ((":convt.weight", GENERATOR), (":conv.weight", CRITIC)):
        if any(name.startswith("main.initial:") and name.endswith(ending) for name in names):
            return role
    return None


def config_of(role: str, arrays: Arrays, place: str) -> TrainConfig:
    """Read off its arrays what a network looks like; the names may be either side's.

    Raises UserError when the shapes are no network's of the authors, or one beyond this package's ranges.
    """
    # The order of a file is its own business; only which layers are first and last matters here.
    ordered = sorted(arrays, key=lambda name: ("final:" in name) - ("initial:" in name))
    options = read_options(role, {name: arrays[name].shape for name in ordered})
    if options is None:
        raise UserError(
            f"{place} has shapes that no {role} of the authors' classes has: convert one that their main.py or "
            "train_wgan.py trained."
        )
    try:
        return TrainConfig(**options)
    except UserError as error:
        raise UserError(f"{place} cannot be built here: {error}") from None


def network_from_state(role: str, state: Arrays, config: Optional[TrainConfig], place: str) -> Network:
    """Take a network out of a state dict of the authors.

    Raises UserError when a tensor is missing, left over, or of another shape or type.

    Parameters
    ----------
    state
        Their names, of the first release or the present one, to arrays.
    config
        What the network looks like; None reads it off the shapes.
    """
    state = {current_name(name): array for name, array in state.items()}
    beside = "" if config is None else " beside the generator_config.json it is read with"
    config = config_of(role, state, place) if config is None else config
    pairs = paired_names(role, config)
    counted = [name for name in tensor_names(role, config) if name.endswith(COUNT)]
    has_counts = any(name in state for name in counted)
    shapes = {name: shape for name, _, shape in pairs}
    shapes.update({name: () for name in counted if has_counts})
    _check(state, shapes, f"{place}{beside}")
    weights = {own: state[name] for name, own, _ in pairs}
    counts = [int(state[name]) for name in counted] if has_counts or not counted else None
    return Network(role, config, weights, counts)


def network_from_gluon(
    role: str, weights: Arrays, config: TrainConfig, counts: Union[int, list[int], None], place: str
) -> Network:
    """Make a network of what a ``.params`` file holds.

    ``counts`` are PyTorch's ``num_batches_tracked``: of each batch norm, one number for all, or None for none. Raises
    UserError when a tensor is missing, left over, or of another shape, or the authors' classes cannot hold it.
    """
    refuse_foreign(role, config)
    pairs = paired_names(role, config)
    _check(weights, {own: shape for _, own, shape in pairs}, place)
    norms = sum(name.endswith(COUNT) for name in tensor_names(role, config))
    counts = [counts] * norms if isinstance(counts, int) else counts
    if counts is not None and len(counts) != norms:
        raise UserError(f"{place} has {norms} batch norms, but {len(counts)} counts stand beside it: convert anew.")
    return Network(role, config, {own: weights[own] for _, own, _ in pairs}, counts)


def state_of(network: Network) -> dict[str, np.ndarray]:
    """Return a network as the authors' ``state_dict`` would: their names, their order, int64 counts."""
    named = {name: network.weights[own] for name, own, _ in paired_names(network.role, network.config)}
    counts = iter(network.counts or [])
    state = {}
    for name in tensor_names(network.role, network.config):
        if not name.endswith(COUNT):
            state[name] = named[name]
        elif network.counts is not None:
            state[name] = np.array(next(counts), np.int64)
    return state


def _check(arrays: Arrays, shapes: Mapping[str, tuple[int, ...]], place: str) -> None:
    """Refuse arrays of other names, shapes or types than a network has."""
    missing = [name for name in shapes if name not in arrays]
    extra = [name for name in arrays if name not in shapes]
    if missing or extra:
        what = f"lacks {missing[0]}" if missing else f"holds {extra[0]}, which is not of this network"
        raise UserError(f"{place} {what}: convert the files of one training.")
    kind = next(iter(arrays.values())).dtype
    for name, shape in shapes.items():
        wanted = np.dtype("int64") if name.endswith(COUNT) else kind
        array = arrays[name]
        if array.shape != shape or array.dtype != wanted or kind not in _FLOATS:
            raise UserError(
                f"{place} has {name} of shape {array.shape} and type {array.dtype} where {shape} of "
                f"{wanted if kind in _FLOATS else 'float32'} is due: convert the files of one training."
            )


Shapes = Mapping[str, tuple[int, ...]]


def read_options(role: str, shapes: Shapes) -> Optional[dict[str, Any]]:
    """Return the options of :class:`gluon_wgan.TrainConfig` that give a network these shapes.

    Parameters
    ----------
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
    shape_of_images = _image_shape_of(last[0] if role == GENERATOR else first[1])
    if shape_of_images is None:
        return None
    if role == GENERATOR:
        return {**shape_of_images, "nz": first[1], "ngf": first[0], "mlp_g": True}
    return {**shape_of_images, "ndf": first[0], "mlp_d": True}


def _image_shape_of(values: int) -> Optional[dict[str, Any]]:
    """Return size and channels of an image with so many values; 3 * 4^k and 4^k never meet."""
    for channels in (1, 3):
        size = math.isqrt(values // channels)
        if size > 0 and channels * size**2 == values and size & (size - 1) == 0:
            return {"image_size": size, "nc": channels}
    return None
