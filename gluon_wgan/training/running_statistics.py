"""Batch norm's running statistics of the devices of all workers, which differ from device to device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mxnet import cpu, nd

if TYPE_CHECKING:
    from gluon_wgan.training.wgan import WGAN


class RunningStatistics:
    """The statistics of generator and critic, as vectors and by name.

    Parameters
    ----------
    wgan
        Whose. Where there are other workers, their devices' statistics stand in ``rows`` (devices, n), as of the
        last exchange; those of this worker's devices do too.
    """

    def __init__(self, wgan: WGAN) -> None:
        self._wgan = wgan
        self._parameters = {}
        for net, graph in (("generator", wgan.generator_pass), ("critic", wgan.critic_pass)):
            names = {id(p): name for name, p in graph.net._collect_params_with_prefix().items()}
            for norm in graph._norms():
                for parameter in (norm.running_mean, norm.running_var):
                    self._parameters[f"{net}.{names[id(parameter)]}"] = parameter
        self.rows = np.repeat(self.own()[:1], wgan.exchange.devices, axis=0)

    def own(self) -> np.ndarray:
        """Return the statistics of this worker's devices, (own devices, n)."""
        nd.waitall()  # a backward pass on the CPU writes them behind the engine's back
        rows = [[p.data(c).asnumpy() for p in self._parameters.values()] for c in self._wgan.contexts]
        return np.stack([np.concatenate([*row, np.zeros(0, np.float32)]) for row in rows])

    def rewind(self) -> None:
        """Give this worker's devices the statistics of the last exchange."""
        for context, row in zip(self._wgan.contexts, self.rows[self._wgan.exchange.own]):
            for name, values in self._named(row).items():
                self._parameters[name].data(context)[:] = nd.array(values, ctx=context, dtype=values.dtype)

    def by_device(self) -> list[dict[str, nd.NDArray]]:
        """Return each device's statistics by name, over all workers."""
        if self._wgan.exchange.workers == 1:
            return [{n: p.data(c) for n, p in self._parameters.items()} for c in self._wgan.contexts]
        return [{n: nd.array(v, dtype=v.dtype) for n, v in self._named(row).items()} for row in self.rows]

    def mean(self, net: str) -> dict[str, nd.NDArray]:
        """Return the mean over all devices of one network's statistics, by the name within that network."""
        devices, prefix = self.by_device(), f"{net}."
        names = [name for name in self._parameters if name.startswith(prefix)]
        arrays = {name: [of[name].copyto(cpu()) for of in devices] for name in names}
        return {name[len(prefix) :]: of[0] if len(of) == 1 else nd.add_n(*of) / len(of) for name, of in arrays.items()}

    def restore(self, devices: list[dict[str, np.ndarray]]) -> None:
        """Give every device its statistics by name, over all workers."""
        self.rows = np.stack(
            [np.concatenate([*(of[n] for n in self._parameters), np.zeros(0, np.float32)]) for of in devices]
        )
        self.rewind()

    def non_finite(self) -> list[str]:
        """Return the names of statistics that are not all finite on another worker's device."""
        return sorted({n for row in self.rows for n, v in self._named(row).items() if not np.isfinite(v).all()})

    def _named(self, row: np.ndarray) -> dict[str, np.ndarray]:
        ends = np.cumsum([parameter.shape[0] for parameter in self._parameters.values()])[:-1].astype(int)
        parts = np.split(row, ends) if self._parameters else []
        return {n: v.copy() for n, v in zip(self._parameters, parts)}
