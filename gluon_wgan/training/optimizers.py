"""The optimisers of a run, and their state as plain arrays.

``gluon.Trainer.save_states`` pickles the whole optimiser, learning rate included, and loading it would
override the configuration; here the state is only what the update rule accumulates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet.gluon import ParameterDict, Trainer

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training import torch_optimizers  # noqa: F401  (registers torchrmsprop and torchadam)
from gluon_wgan.training.exchange import Exchange

# Operators that the engine takes at a time.
BULK = 64


@mx.optimizer.Optimizer.register
class TypedRMSProp(mx.optimizer.RMSProp):
    """MXNet's RMSProp with a state of the weight's type; its own is float32 always, which float64 refuses."""

    def create_state(self, index: int, weight: nd.NDArray) -> tuple[nd.NDArray, ...]:
        """Return the accumulated squares, all 0."""
        return tuple(array.astype(weight.dtype) for array in super().create_state(index, weight))


def build_optimizer(parameters: ParameterDict, config: TrainConfig, lr: float, eps: float) -> Trainer:
    """Return a trainer for one network.

    ``eps_rule`` says whose formulas: MXNet's RMSProp keeps epsilon inside the root, w -= lr * g / sqrt(n + eps)
    (``optimizer_op-inl.h``); PyTorch's are in :mod:`gluon_wgan.training.torch_optimizers`.
    There is no kvstore, so that parameters can be clipped in place without resetting the optimiser's
    state (``set_data`` under ``update_on_kvstore`` does reset it).

    Parameters
    ----------
    lr, eps
        Learning rate and RMSProp epsilon of this network.

    Raises
    ------
    UserError
        When one of PyTorch's optimisers refuses its constants.
    """
    options: dict[str, float]
    if config.eps_rule == "torch" and config.optimizer == "adam":
        name, options = "torchadam", {"beta1": config.beta1, "beta2": config.beta2, "eps": config.eps_adam}
    elif config.eps_rule == "torch":
        name, options = "torchrmsprop", {"alpha": config.gamma1, "eps": eps}
    elif config.optimizer == "adam":
        name, options = "adam", {"beta1": config.beta1, "beta2": config.beta2, "epsilon": config.eps_adam}
    else:
        name, options = "typedrmsprop", {"gamma1": config.gamma1, "epsilon": eps}
    return Trainer(parameters, name, {"learning_rate": lr, **options}, kvstore=None)


def step(optimizer: Trainer, exchange: Exchange, name: str, report: Callable[[], np.ndarray]) -> Optional[np.ndarray]:
    """Update the parameters from their gradients, summed over the devices of all workers in their order.

    The sum is taken here: a kvstore would draw numbers for the parameters that two trainers share
    (apache/mxnet#13054), and on one device there is nothing to sum.

    Parameters
    ----------
    report
        Returns what travels with the gradients, float32 (own devices, n).

    Returns
    -------
    numpy.ndarray, optional
        The reports of all devices, (devices, n); None where all are in this process.
    """
    learned = [parameter.list_grad() for parameter in optimizer._params if parameter.grad_req != "null"]
    own = [list(gradients) for gradients in zip(*learned)]  # by device
    rows, shared = exchange.collect(name, own, report)
    # In bulk, since on a GPU each operator outside of it ends with a stream synchronisation.
    with mx.engine.bulk(BULK):
        for index, first in enumerate(own[0]):
            if rows is own and len(own) == 1:
                break
            if rows is not own:
                rows[0][index].copyto(first)
            for row in rows[1:]:
                first += row[index].as_in_context(first.context)
            for row in own[1:]:
                first.copyto(row[index])
        if exchange.devices > 1:
            # A device that a short batch left no share has made no backward pass, but gets the sum all the same.
            for parameter in optimizer._params:
                for weight in parameter.list_data() if parameter.grad_req != "null" else ():
                    weight._fresh_grad = True
        optimizer.update(1)
    return shared


def optimizer_arrays(trainer: Trainer) -> dict[str, nd.NDArray]:
    """Return what the optimiser has accumulated: ``"<parameter>.<slot>"`` -> array.

    Every device holds the same values, since each applies the same summed gradient; the first is read.
    """
    return {
        f"{index}.{slot}": array
        for index, state in trainer._updaters[0].states.items()
        for slot, array in enumerate(state)
    }


def optimizer_counts(trainer: Trainer) -> dict[str, Any]:
    """Return how often each parameter was updated, which Adam's bias correction needs."""
    counts = trainer._optimizer._all_index_update_counts
    return {str(device): {str(index): n for index, n in of.items()} for device, of in counts.items()}


def restore_optimizer(trainer: Trainer, arrays: Mapping[str, np.ndarray], counts: dict[str, Any]) -> None:
    """Put a fresh trainer into the state that the two functions above described.

    Raises ValueError when the arrays or counts are not those of this trainer's parameters.
    """
    shapes = state_shapes(trainer)
    _refuse_other_state(shapes, arrays, counts)
    learned = sorted({int(name.split(".")[0]) for name in arrays})
    for updater, context in zip(trainer._updaters, trainer._contexts):
        for index in learned:
            slots = (arrays[f"{index}.{slot}"] for slot in range(len(shapes[index])))
            updater.states[index] = tuple(nd.array(values, ctx=context, dtype=values.dtype) for values in slots)
            updater.states_synced[index] = True
    optimizer = trainer._optimizer
    for device, of in counts.items():
        restored = {int(index): n for index, n in of.items()}
        optimizer._all_index_update_counts[int(device)] = restored
        optimizer.num_update = max([optimizer.num_update, *restored.values()])


def state_shapes(trainer: Trainer) -> dict[int, list[tuple[tuple[int, ...], str]]]:
    """Return shape and type of each slot of each parameter that learns, by the parameter's number."""
    found = {}
    for index, parameter in enumerate(trainer._params):
        if parameter.grad_req != "null":
            slots = trainer._optimizer.create_state(index, parameter.list_data()[0])
            found[index] = [(slot.shape, np.dtype(slot.dtype).name) for slot in slots]
    return found


def _refuse_other_state(
    shapes: dict[int, list[tuple[tuple[int, ...], str]]], arrays: Mapping[str, np.ndarray], counts: dict[str, Any]
) -> None:
    """Refuse arrays or counts that the update rule would fail on, or overwrite memory with."""
    wanted = {f"{index}.{slot}": facts for index, slots in shapes.items() for slot, facts in enumerate(slots)}
    for name, values in arrays.items():
        if wanted.get(name) != (values.shape, values.dtype.name):
            raise ValueError(f"the optimizer's state {name} is not this network's")
    # Before the first step there is none of a network.
    if arrays and len(arrays) != len(wanted):
        raise ValueError("the optimizer's state is incomplete")
    numbers = {str(index) for index in shapes}
    for device, of in counts.items():
        if not device.isdigit() or not set(of) <= numbers:
            raise ValueError(f"the optimizer's counts of device {device} are not this network's")
        if not all(type(count) is int and 0 <= count < 2**53 for count in of.values()):
            raise ValueError(f"the optimizer's counts of device {device} are no numbers of steps")
