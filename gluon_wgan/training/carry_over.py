"""From a checkpoint of one run into the networks and optimizers of another, as far as they fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mxnet import nd
from mxnet.gluon import HybridBlock, Parameter, Trainer

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError
from gluon_wgan.models import build_critic, build_generator
from gluon_wgan.models.inference import load_weights
from gluon_wgan.runs.checkpoints import Progress, read_checkpoint
from gluon_wgan.training.branching import CarriedOver
from gluon_wgan.training.checkpoint import FORMAT, OPTIMIZERS, restore_average, restore_statistics
from gluon_wgan.training.optimizers import restore_optimizer, state_shapes
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import seeding
from gluon_wgan.utils.params_file import read_params

# Parameters that only go together: batch norm's scale means nothing without its statistics.
_NORM = ("gamma", "beta", "running_mean", "running_var")


def carry_over(path: Path, wgan: WGAN, parent: TrainConfig) -> tuple[Progress, CarriedOver]:
    """Start a WGAN from a checkpoint of a run whose options may differ.

    A network's weights are carried over when the shapes of its convolutions and dense layers, in their order, are the
    checkpoint's; its norm layers too where those are the same. An optimizer's state goes with the weights that it
    belongs to, if the optimizer is the same kind. Random numbers go on where they stood unless the seed is another.

    Raises UserError when the checkpoint is damaged, or nothing in it fits.

    Parameters
    ----------
    parent
        The options of the run that wrote the checkpoint.
    """
    kept: list[str] = []
    new: list[str] = []

    def read(state: dict[str, Any]) -> None:
        counts = state.pop("update_counts")
        for name, net, trainer, build in (
            ("generator", wgan.generator, wgan.generator_optimizer, build_generator),
            ("critic", wgan.critic, wgan.critic_optimizer, build_critic),
        ):
            old = build(parent)
            pairs, all_of_it = _carry_weights(old, net, path / f"{name}.params", wgan)
            if name == "generator":
                restore_average(path if all_of_it else path / "none", wgan)
            words = f"{name}'s weights" + ("" if all_of_it or not pairs else " without its norm layers")
            (kept if pairs else new).append(words)
            same = parent.optimizer == wgan.config.optimizer and bool(pairs)
            if same:
                saved = read_params(path / OPTIMIZERS[name])
                _carry_optimizer(trainer, _numbers(old, pairs), saved, counts[name])
            (kept if same else new).append(f"{name}'s optimizer state")
        if not any("weights" in words for words in kept):
            raise UserError(f"No weights of {path} fit the networks of these options: leave their sizes as they were.")
        restore_statistics(path, wgan)
        noise, alphas = state.pop("noise"), state.pop("alphas")
        if wgan.config.seed == parent.seed:
            seeding.restore_state(wgan.noise, noise)
            seeding.restore_state(wgan.alphas, alphas)
        (kept if wgan.config.seed == parent.seed else new).append("random numbers")

    progress = read_checkpoint(path, FORMAT, read)
    return progress, CarriedOver(tuple(kept), tuple(new))


def _carry_weights(old: HybridBlock, net: HybridBlock, file: Path, wgan: WGAN) -> tuple[dict[str, Parameter], bool]:
    """Put saved weights into a network.

    Returns
    -------
    dict
        From names in the old network to parameters of the new one, empty when the weights do not fit.
    bool
        Whether those are all of both networks'.
    """
    saved, fresh = read_params(file), net._collect_params_with_prefix()
    if {name: values.shape for name, values in saved.items()} == {name: p.shape for name, p in fresh.items()}:
        load_weights(net, str(file), wgan.contexts)
        return fresh, True
    before, after = _by_kind(list(old._collect_params_with_prefix())), _by_kind(list(fresh))

    def fits(kind: str) -> bool:
        shapes = [saved[name].shape for name in before.get(kind, ())]
        return shapes == [fresh[name].shape for name in after.get(kind, ())]

    if not fits("weight"):
        return {}, False
    norms = all(map(fits, _NORM))
    kinds = [kind for kind in after if (norms if kind in _NORM else fits(kind))]
    pairs = {one: fresh[two] for kind in kinds for one, two in zip(before[kind], after[kind])}
    for name, parameter in pairs.items():
        for data in parameter.list_data():
            data[:] = nd.array(saved[name], ctx=data.context, dtype=data.dtype)
    return pairs, len(pairs) == len(fresh) == len(saved)


def _by_kind(names: list[str]) -> dict[str, list[str]]:
    """Return parameters' names by their last part: ``weight``, ``bias``, ``gamma``..."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rsplit(".", 1)[-1], []).append(name)
    return found


def _numbers(old: HybridBlock, pairs: dict[str, Parameter]) -> dict[int, Parameter]:
    """Return the new network's parameters by the numbers that the old network's had in its optimizer."""
    # gluon.Trainer numbers parameters in the order of their names.
    order = [id(parameter) for _, parameter in sorted(old.collect_params().items())]
    named = old._collect_params_with_prefix()
    return {order.index(id(named[name])): parameter for name, parameter in pairs.items()}


def _carry_optimizer(
    trainer: Trainer, pairs: dict[int, Parameter], saved: dict[str, np.ndarray], counts: dict[str, Any]
) -> None:
    numbers = {id(parameter): number for number, parameter in enumerate(trainer._params)}
    shapes = state_shapes(trainer)
    arrays: dict[str, np.ndarray] = {}
    taken: dict[str, int] = {}
    for old, parameter in pairs.items():
        new = numbers[id(parameter)]
        if new not in shapes or f"{old}.0" not in saved:
            continue
        for slot, (_, dtype) in enumerate(shapes[new]):
            arrays[f"{new}.{slot}"] = saved[f"{old}.{slot}"].astype(dtype)
        # Every device counts alike.
        of: dict[str, int] = next(iter(counts.values()), {})
        taken[str(new)] = of.get(str(old), 0)
    if arrays:
        # What has no state to take begins with zeros, as in a new run.
        for number, slots in shapes.items():
            for slot, (shape, dtype) in enumerate(slots):
                arrays.setdefault(f"{number}.{slot}", np.zeros(shape, dtype))
        restore_optimizer(trainer, arrays, {str(device): taken for device in range(len(trainer._contexts))})
