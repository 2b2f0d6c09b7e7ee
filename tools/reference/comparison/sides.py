"""The two sides of the comparison behind one interface: a step returns a snapshot."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Optional, Protocol

import numpy as np
import torch
from mxnet import cpu, nd
from mxnet.gluon import Parameter
from torch import Tensor, nn

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training.wgan import WGAN
from tools.reference.comparison.difference import Snapshot
from tools.reference.options import Options
from tools.reference.wgan import ReferenceWGAN

NETWORKS = ("generator", "critic")


@dataclasses.dataclass(frozen=True)
class Noise:
    """What a step draws: latents (n, nz, 1, 1), and for the penalty its alphas (n, 1, 1, 1), float32."""

    latents: np.ndarray
    alphas: Optional[np.ndarray] = None


class Side(Protocol):
    """One implementation on its way through training."""

    def critic_step(self, real: np.ndarray, noise: Noise) -> Snapshot:
        """Take a critic step on uint8 images (n, nc, size, size)."""

    def generator_step(self, noise: Noise) -> Snapshot:
        """Take a generator step."""


class GluonSide:
    """The package's own WGAN on the CPU.

    Parameters
    ----------
    config
        What it computes; it draws its noise itself.
    template
        A reference of the same shape, whose names and shapes its tensors get.
    """

    def __init__(self, config: TrainConfig, template: ReferenceWGAN) -> None:
        self.wgan = WGAN(config, [cpu()])
        self._template = template
        self._fakes: list[np.ndarray] = []
        self._scores: list[np.ndarray] = []
        # Copied at once: the buffers of a network with static memory are used again by its next pass.
        self.wgan.generator_pass.register_forward_hook(lambda net, x, y: self._fakes.append(y.asnumpy()))
        self.wgan.critic_pass.register_forward_hook(lambda net, x, y: self._scores.append(y.asnumpy().ravel()))

    def critic_step(self, real: np.ndarray, noise: Noise) -> Snapshot:
        """Take a critic step; the noise is what the package draws for itself."""
        self._forget()
        found = self.wgan.critic_step(real).read()
        # Reals come before fakes, apart or joined.
        scores = np.concatenate(self._scores)
        parts = {"real": scores[: len(real)], "fake": scores[len(real) :]}
        losses = {"loss": found.loss_d}
        if self.wgan.config.objective == "wgan-gp":
            losses["penalty"] = found.penalty
        return self._snapshot("critic", parts, losses)

    def generator_step(self, noise: Noise) -> Snapshot:
        """Take a generator step; the noise is what the package draws for itself."""
        self._forget()
        loss = self.wgan.generator_step().read()
        return self._snapshot("generator", {"fake": np.concatenate(self._scores)}, {"loss": loss})

    def state(self) -> dict[str, list[np.ndarray]]:
        """Return each network's parameters and running statistics, in order: ``critic`` -> values."""
        nd.waitall()
        return {name: [p.data().asnumpy() for p in self._parameters(name)] for name in NETWORKS}

    def _parameters(self, net: str) -> list[Parameter]:
        return list(getattr(self.wgan, net).collect_params().values())

    def _forget(self) -> None:
        self._fakes.clear()
        self._scores.clear()

    def _snapshot(self, updated: str, scores: Mapping[str, np.ndarray], losses: Mapping[str, float]) -> Snapshot:
        # Transposed convolutions change the layout of a weight while they read it, which MXNet's engine does not
        # know: a read that does not wait for everything may find it half changed.
        nd.waitall()
        learned = [p for p in self._parameters(updated) if p.grad_req != "null"]
        running = [p for net in NETWORKS for p in self._parameters(net) if p.grad_req == "null"]
        names = _learned(self._template, updated)
        return {
            "fakes": {"fakes": self._fakes[0]},
            "scores": scores,
            "losses": {name: np.array([value]) for name, value in losses.items()},
            "gradients": _named(names, [p.grad() for p in learned]),
            "weights": _named(names, [p.data() for p in learned]),
            "statistics": _named(_running(self._template), [p.data() for p in running]),
        }


class TorchSide:
    """The reference in PyTorch.

    Parameters
    ----------
    options
        What it computes.
    state
        What :meth:`GluonSide.state` returned, before any step.
    dtype
        ``float32`` or ``float64``.
    threads
        With how many threads it computes.
    channels_last
        Whether tensors lie in memory with their channels last, which changes the order of sums.
    onednn
        Whether oneDNN's convolutions are used, or PyTorch's own, which sum in another order throughout.
    """

    def __init__(
        self,
        options: Options,
        state: Mapping[str, list[np.ndarray]],
        dtype: str,
        *,
        threads: int,
        channels_last: bool = False,
        onednn: bool = True,
    ) -> None:
        self.wgan = ReferenceWGAN(options).to(getattr(torch, dtype))
        for name in NETWORKS:
            _load(getattr(self.wgan, name), state[name])
        if channels_last:
            self.wgan.to(memory_format=torch.channels_last)
        self.threads, self.onednn = threads, onednn

    def critic_step(self, real: np.ndarray, noise: Noise) -> Snapshot:
        """Take a critic step on uint8 images and given noise."""
        alphas = None if noise.alphas is None else torch.from_numpy(noise.alphas)
        with self._settings():
            step = self.wgan.critic_step(torch.from_numpy(real), torch.from_numpy(noise.latents), alphas)
        scores = {"real": step.real_scores, "fake": step.fake_scores}
        losses = {"loss": step.loss_d}
        if self.wgan.options.objective == "wgan-gp":
            losses["penalty"] = step.penalty
        return self._snapshot("critic", step.fakes, scores, losses)

    def generator_step(self, noise: Noise) -> Snapshot:
        """Take a generator step on given noise."""
        with self._settings():
            step = self.wgan.generator_step(torch.from_numpy(noise.latents))
        return self._snapshot("generator", step.fakes, {"fake": step.fake_scores}, {"loss": step.loss})

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """Compute as this side does: these settings belong to the process, and the sides take turns."""
        torch.set_num_threads(self.threads)
        torch.backends.mkldnn.enabled = self.onednn
        try:
            yield
        finally:
            torch.backends.mkldnn.enabled = True

    def _snapshot(
        self, updated: str, fakes: Tensor, scores: Mapping[str, Tensor], losses: Mapping[str, Tensor]
    ) -> Snapshot:
        learned = _learned(self.wgan, updated)
        return {
            "fakes": {"fakes": _copied(fakes)},
            "scores": {name: _copied(values) for name, values in scores.items()},
            "losses": {name: _copied(value.reshape(1)) for name, value in losses.items()},
            "gradients": {name: _copied(p.grad) for name, p in learned.items()},
            "weights": {name: _copied(p) for name, p in learned.items()},
            "statistics": {name: _copied(values) for name, values in _running(self.wgan).items()},
        }


def _learned(wgan: ReferenceWGAN, net: str) -> dict[str, Tensor]:
    return {f"{net}.{name}": p for name, p in getattr(wgan, net).named_parameters()}


def _running(wgan: ReferenceWGAN) -> dict[str, Tensor]:
    buffers = {f"{net}.{name}": values for net in NETWORKS for name, values in getattr(wgan, net).named_buffers()}
    return {name: values for name, values in buffers.items() if "running" in name}


def _named(names: Mapping[str, Tensor], arrays: list[nd.NDArray]) -> dict[str, np.ndarray]:
    """Give the package's tensors the names and shapes of the reference's.

    Both have their layers in the order in which data passes them, and within a layer weight or gamma, bias or
    beta, running mean, running variance.
    """
    if len(names) != len(arrays):
        raise ValueError(f"{len(arrays)} tensors for {list(names)}")
    return {name: array.asnumpy().reshape(to.shape) for (name, to), array in zip(names.items(), arrays)}


def _load(net: nn.Module, values: list[np.ndarray]) -> None:
    """Give a torch network the values of the package's, in the order that :func:`_named` explains."""
    tensors = [tensor for name, tensor in net.state_dict(keep_vars=True).items() if "num_batches" not in name]
    if len(tensors) != len(values):
        raise ValueError(f"{len(values)} tensors for {len(tensors)}")
    with torch.no_grad():
        for tensor, array in zip(tensors, values):
            tensor.copy_(torch.from_numpy(array).reshape(tensor.shape))


def _copied(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()
