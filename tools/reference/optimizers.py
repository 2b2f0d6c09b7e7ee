"""RMSProp and Adam by both rules for epsilon: PyTorch's own classes, and MXNet's formulas by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Union

import torch
from torch import Tensor, nn

from tools.reference.options import Options


class EpsilonInsideRMSProp:
    """n = (1 - gamma1) g^2 + gamma1 n;  w -= lr g / sqrt(n + eps)  (MXNet 1.9.1, ``optimizer_op-inl.h``)."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, gamma1: float, eps: float) -> None:
        self.parameters = list(parameters)
        self.lr, self.gamma1, self.eps = lr, gamma1, eps
        self.squares: dict[nn.Parameter, Tensor] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters from their ``grad``."""
        for w in self.parameters:
            g = w.grad
            assert g is not None
            n = self.squares.get(w, torch.zeros_like(w))
            n = self.squares[w] = (1 - self.gamma1) * g * g + self.gamma1 * n
            w -= self.lr * g / torch.sqrt(n + self.eps)

    def state_dict(self) -> dict[str, list[Tensor]]:
        """Return what a later optimiser of the same parameters needs to go on."""
        return {"squares": [self.squares[w] for w in self.parameters if w in self.squares]}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        """Go on where :meth:`state_dict` left off."""
        # An optimiser that has not taken a step has none.
        self.squares = {w: n.to(w) for w, n in zip(self.parameters, state["squares"])}


class UncorrectedEpsilonAdam:
    """Adam as at the end of Kingma and Ba 2015, section 2: epsilon stands beside the root before its correction.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
    w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], eps: float) -> None:
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps = lr, betas, eps
        self.steps = 0
        self.moments: dict[nn.Parameter, tuple[Tensor, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters from their ``grad``."""
        self.steps += 1
        one, two = self.betas
        lr = self.lr * math.sqrt(1 - two**self.steps) / (1 - one**self.steps)
        for w in self.parameters:
            g = w.grad
            assert g is not None
            m, v = self.moments.get(w, (torch.zeros_like(w), torch.zeros_like(w)))
            m, v = one * m + (1 - one) * g, two * v + (1 - two) * g * g
            self.moments[w] = m, v
            w -= lr * m / (torch.sqrt(v) + self.eps)

    def state_dict(self) -> dict[str, Any]:
        """Return what a later optimiser of the same parameters needs to go on."""
        moments = [self.moments[w] for w in self.parameters if w in self.moments]
        return {"steps": self.steps, "first": [m for m, _ in moments], "second": [v for _, v in moments]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state_dict` left off."""
        self.steps = state["steps"]
        moments = zip(self.parameters, state["first"], state["second"])
        self.moments = {w: (m.to(w), v.to(w)) for w, m, v in moments}


Optimizer = Union[torch.optim.Optimizer, EpsilonInsideRMSProp, UncorrectedEpsilonAdam]


def build_optimizer(parameters: Iterable[nn.Parameter], options: Options, lr: float, eps: float) -> Optimizer:
    """Return the optimiser that the options name; ``eps`` is RMSProp's."""
    betas = options.beta1, options.beta2
    if options.eps_rule == "torch":
        if options.optimizer == "adam":
            return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=options.eps_adam)
        return torch.optim.RMSprop(parameters, lr=lr, alpha=options.gamma1, eps=eps)
    if options.optimizer == "adam":
        return UncorrectedEpsilonAdam(parameters, lr, betas, options.eps_adam)
    return EpsilonInsideRMSProp(parameters, lr, options.gamma1, eps)
