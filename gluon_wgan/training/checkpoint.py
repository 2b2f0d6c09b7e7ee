"""Checkpoints: written whole or not at all, checked by hash, and enough to continue bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mxnet import nd

from gluon_wgan.errors import UserError
from gluon_wgan.models.generator_spec import generator_spec
from gluon_wgan.models.inference import load_weights, save_weights, to_numpy
from gluon_wgan.runs.checkpoints import (
    CRITIC,
    DESCRIPTION,
    GENERATOR,
    Progress,
    read_checkpoint,
    write_checkpoint,
)
from gluon_wgan.training.optimizers import optimizer_arrays, optimizer_counts, restore_optimizer
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import atomic_files, seeding
from gluon_wgan.utils.params_file import read_params, write_params

OPTIMIZERS = {"generator": "generator_optimizer.params", "critic": "critic_optimizer.params"}
# Of state.json.
FORMAT = 2


def save_checkpoint(parent: Path, name: str, wgan: WGAN, progress: Progress) -> Path:
    """Write a checkpoint of a WGAN: see :func:`gluon_wgan.runs.checkpoints.write_checkpoint`."""
    return write_checkpoint(parent, name, progress, FORMAT, lambda folder: _write_files(folder, wgan))


def _write_files(directory: Path, wgan: WGAN) -> dict[str, Any]:
    # MXNet's engine does not know that a backward pass on the CPU writes batch norm's running statistics.
    nd.waitall()
    save_weights(wgan.generator, directory / GENERATOR)
    save_weights(wgan.critic, directory / CRITIC)
    optimizers = {"generator": wgan.generator_optimizer, "critic": wgan.critic_optimizer}
    for net, optimizer in optimizers.items():
        write_params(directory / OPTIMIZERS[net], to_numpy(optimizer_arrays(optimizer)))
    for index, arrays in enumerate(_running_statistics(wgan)):
        write_params(directory / f"running_{index}.params", to_numpy(arrays))
    atomic_files.write_json(directory / DESCRIPTION, generator_spec(wgan.config))
    return {
        "noise": seeding.state_of(wgan.noise),
        "alphas": seeding.state_of(wgan.alphas),
        "update_counts": {net: optimizer_counts(optimizer) for net, optimizer in optimizers.items()},
    }


def _running_statistics(wgan: WGAN) -> list[dict[str, nd.NDArray]]:
    """Return each device's batch-norm statistics, when there are several devices.

    Each device normalises its own share of the batch, so these differ, and the .params files hold their
    mean alone.
    """
    if len(wgan.contexts) == 1:
        return []
    nets = {"generator": wgan.generator, "critic": wgan.critic}
    statistics = {
        f"{net}.{name}": parameter
        for net, block in nets.items()
        for name, parameter in block._collect_params_with_prefix().items()
        if parameter.grad_req == "null"
    }
    return [{name: parameter.data(context) for name, parameter in statistics.items()} for context in wgan.contexts]


def restore_checkpoint(path: Path, wgan: WGAN) -> Progress:
    """Put a WGAN into the state that a checkpoint holds.

    Raises
    ------
    UserError
        When a file is damaged or of another format.
    """
    return read_checkpoint(path, FORMAT, lambda state: _read_files(path, wgan, state))


def _read_files(path: Path, wgan: WGAN, state: dict[str, Any]) -> None:
    load_weights(wgan.generator, str(path / GENERATOR), wgan.contexts)
    load_weights(wgan.critic, str(path / CRITIC), wgan.contexts)
    counts = state.pop("update_counts")
    for net, optimizer in (("generator", wgan.generator_optimizer), ("critic", wgan.critic_optimizer)):
        restore_optimizer(optimizer, read_params(path / OPTIMIZERS[net]), counts[net])
    devices = saved_devices(path)
    if devices != len(wgan.contexts):
        raise UserError(
            f"{path} was trained on {devices} device{'s' * (devices > 1)}, each of which normalises its own share of a "
            f"batch, and this would be {len(wgan.contexts)}: name as many with --gpus, or start a new run from it with "
            f"--branch {path}."
        )
    restore_statistics(path, wgan)
    seeding.restore_state(wgan.noise, state.pop("noise"))
    seeding.restore_state(wgan.alphas, state.pop("alphas"))


def saved_devices(path: Path) -> int:
    """Return on how many devices a checkpoint was trained."""
    return len(list(path.glob("running_*.params"))) or 1


def restore_statistics(path: Path, wgan: WGAN) -> None:
    """Give each device its own batch-norm statistics, where a checkpoint has them of the same devices and networks."""
    if saved_devices(path) != len(wgan.contexts):
        return
    for index, statistics in enumerate(_running_statistics(wgan)):
        saved = read_params(path / f"running_{index}.params")
        if {name: array.shape for name, array in statistics.items()} != {n: a.shape for n, a in saved.items()}:
            raise ValueError(f"running_{index}.params holds the statistics of another network")
        for name, values in saved.items():
            statistics[name][:] = nd.array(values, ctx=statistics[name].context, dtype=values.dtype)
