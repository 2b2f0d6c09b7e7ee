"""Checkpoints: written whole or not at all, checked by hash, and enough to continue bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mxnet import nd

from gluon_wgan.errors import UserError
from gluon_wgan.models.generator_spec import generator_spec
from gluon_wgan.models.inference import load_weights, save_weights, to_numpy
from gluon_wgan.runs.checkpoints import (
    AVERAGE,
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
    if not wgan.exchange.lost:  # the gradients were complete before they were sent
        nd.waitall()
    save_weights(wgan.generator, directory / GENERATOR, wgan.running.mean("generator"))
    save_weights(wgan.critic, directory / CRITIC, wgan.running.mean("critic"))
    if wgan.average is not None:
        save_weights(wgan.average.network, directory / AVERAGE, wgan.running.mean("generator"))
    optimizers = {"generator": wgan.generator_optimizer, "critic": wgan.critic_optimizer}
    for net, optimizer in optimizers.items():
        write_params(directory / OPTIMIZERS[net], to_numpy(optimizer_arrays(optimizer)))
    # Each device normalises its own share of the batch, so these differ, and the .params files hold their mean.
    for index, arrays in enumerate(wgan.running.by_device() if wgan.exchange.devices > 1 else []):
        write_params(directory / f"running_{index}.params", to_numpy(arrays))
    atomic_files.write_json(directory / DESCRIPTION, generator_spec(wgan.config))
    return {
        "noise": seeding.state_of(wgan.noise),
        "alphas": seeding.state_of(wgan.alphas),
        "update_counts": {net: _counts(wgan, optimizer_counts(optimizer)) for net, optimizer in optimizers.items()},
    }


def _counts(wgan: WGAN, counts: dict[str, Any]) -> dict[str, Any]:
    """Return the counts of updates as one process with the devices of all workers has them; all devices' are equal."""
    if wgan.exchange.workers == 1:
        return counts
    return dict.fromkeys(map(str, range(wgan.exchange.devices)), next(iter(counts.values())))


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
    restore_average(path, wgan)
    counts = state.pop("update_counts")
    for net, optimizer in (("generator", wgan.generator_optimizer), ("critic", wgan.critic_optimizer)):
        of = counts[net]
        if wgan.exchange.workers > 1:
            of = dict.fromkeys((str(context.device_id) for context in wgan.contexts), next(iter(of.values())))
        restore_optimizer(optimizer, read_params(path / OPTIMIZERS[net]), of)
    devices = saved_devices(path)
    if devices != wgan.exchange.devices:
        raise UserError(
            f"{path} was trained on {devices} device{'s' * (devices > 1)}, each of which normalises its own share of a "
            f"batch, and this would be {wgan.exchange.devices}: name as many with --gpus, or start a new run from it "
            f"with --branch {path}."
        )
    restore_statistics(path, wgan)
    seeding.restore_state(wgan.noise, state.pop("noise"))
    seeding.restore_state(wgan.alphas, state.pop("alphas"))


def restore_average(path: Path, wgan: WGAN) -> None:
    """Go on averaging where a checkpoint has an averaged generator, or begin with the present weights."""
    if wgan.average is None:
        return
    if (path / AVERAGE).is_file():
        load_weights(wgan.average.network, str(path / AVERAGE), wgan.contexts[:1])
    else:
        wgan.average.start_again()


def saved_devices(path: Path) -> int:
    """Return on how many devices a checkpoint was trained."""
    return len(list(path.glob("running_*.params"))) or 1


def restore_statistics(path: Path, wgan: WGAN) -> None:
    """Give each device its own batch-norm statistics, where a checkpoint has them of the same devices and networks."""
    devices = wgan.exchange.devices
    if saved_devices(path) != devices or devices == 1:
        return
    saved = [read_params(path / f"running_{index}.params") for index in range(devices)]
    wanted = {name: array.shape for name, array in wgan.running.by_device()[0].items()}
    for index, arrays in enumerate(saved):
        if {name: array.shape for name, array in arrays.items()} != wanted:
            raise ValueError(f"running_{index}.params holds the statistics of another network")
    wgan.running.restore(saved)
