"""PyTorch's RMSprop and Adam as MXNet optimisers: the same formulas, epsilon where PyTorch adds it.

Importing this module registers them as ``torchrmsprop`` and ``torchadam``. Weights in float32 go through one
fused operator each; float64 and the rarer forms of RMSprop are composed of in-place array operations, since
the fused operators read their constants in float32.
"""

from __future__ import annotations

import math
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet.ndarray import NDArray

from gluon_wgan.errors import UserError

# The fused operators refuse constants below float32's smallest normal number, 1.2e-38. The root of the
# smallest squared gradient that float32 can hold is 4e-23, beside which 1e-30 is nothing.
MIN_EPS, MAX_EPS = 1e-30, 1e30

State = tuple[NDArray, ...]


class _TorchOptimizer(mx.optimizer.Optimizer):
    """What both optimisers share: their checks, their state, and the gradient with its weight decay."""

    def __init__(self, eps: float, **options: Any) -> None:
        super().__init__(**options)
        self.eps = _checked("eps", eps)
        if self.lr is not None:
            _checked("learning_rate", self.lr)
        if self.clip_gradient is not None:
            raise UserError(
                f"clip_gradient {self.clip_gradient} is not known to PyTorch's optimisers: leave it out and clip "
                "the gradients before the step."
            )

    def _state(self, weight: NDArray, slots: int) -> State:
        """Return so many arrays of zeros like the weight, refusing weights that PyTorch's rule cannot serve."""
        if weight.dtype not in (np.float32, np.float64):
            raise UserError(
                f"Weights of type {np.dtype(weight.dtype).name} would lose the squares of small gradients: use "
                "float32 or float64, or multi_precision=True with float16."
            )
        return tuple(nd.zeros(weight.shape, weight.context, dtype=weight.dtype) for _ in range(slots))

    def _begin(self, index: int, grad: NDArray) -> tuple[float, float]:
        """Count the update and return learning rate and weight decay."""
        if grad.stype != "default":
            raise UserError(
                f"A gradient stored as {grad.stype} has no meaning in PyTorch's rule, which updates every weight: "
                "create the parameter without sparse gradients."
            )
        self._update_count(index)
        return self._get_lr(index), self._get_wd(index)

    def _decayed(self, weight: NDArray, grad: NDArray, wd: float) -> NDArray:
        """Return the rescaled gradient plus the weight decay; the gradient itself if it needs neither."""
        if self.rescale_grad != 1:
            grad = grad * self.rescale_grad
        if wd == 0:
            return grad
        decayed = weight * wd
        decayed += grad
        return decayed

    def _fused_adam(
        self, weight: NDArray, grad: NDArray, state: State, betas: tuple[float, float], lr: float, eps: float, wd: float
    ) -> None:
        """Update in place: state = (mean, variance), and the root of the variance plus eps divides the mean."""
        mean, var = state
        options = {"beta1": betas[0], "beta2": betas[1], "lr": lr, "epsilon": eps, "wd": wd}
        nd.adam_update(weight, grad, mean, var, out=weight, rescale_grad=self.rescale_grad, **options)


@mx.optimizer.Optimizer.register
class TorchRMSProp(_TorchOptimizer):
    """``torch.optim.RMSprop``: epsilon is added to the root, not to what stands inside.

    With the gradient g (rescaled, plus ``wd`` times the weight), for every weight w of any shape:

        n = alpha * n + (1 - alpha) * g^2
        m = alpha * m + (1 - alpha) * g            (centred only)
        r = sqrt(n) + eps, centred sqrt(n - m^2) + eps
        w = w - lr * g / r, with momentum b = momentum * b + g / r and w = w - lr * b

    Parameters
    ----------
    alpha
        Decay of the squared gradient, 0 to 1 (MXNet's gamma1).
    eps
        0, or from 1e-30 to 1e30.
    momentum
        At least 0; 0 is without.
    centered
        Whether to divide by the deviation of the gradient in place of its root mean square.
    **options
        Those of ``mxnet.optimizer.Optimizer``, such as ``learning_rate`` and ``wd``, but no ``clip_gradient``.

    Raises
    ------
    UserError
        When a constant is out of range; at the first update of a weight of a type other than float32 or
        float64, or with a sparse gradient.

    Notes
    -----
    The state of a weight is (n,), then m, then b where they are needed. In float32 without momentum and
    centring, n is :func:`stretch` (alpha) times PyTorch's, and an infinite gradient is NaN after the update, as
    its weight is.
    Source: PyTorch 2.13, ``torch/optim/rmsprop.py``.
    """

    def __init__(
        self, *, alpha: float, eps: float, momentum: float = 0.0, centered: bool = False, **options: Any
    ) -> None:
        super().__init__(eps, **options)
        if not 0 <= alpha <= 1:
            raise UserError(f"alpha {alpha} is out of range: it must be from 0 to 1.")
        if not 0 <= momentum < math.inf:
            raise UserError(f"momentum {momentum} is out of range: it must be at least 0.")
        self.alpha, self.momentum, self.centered = alpha, momentum, centered

    def create_state(self, index: int, weight: NDArray) -> State:
        """Return (n,), then m if centred, then b with momentum, all 0 and of the weight's shape and type."""
        return self._state(weight, 1 + self.centered + (self.momentum > 0))

    def update(self, index: int, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update the weight and its state in place."""
        lr, wd = self._begin(index, grad)
        plain = not self.centered and self.momentum == 0
        if plain and weight.dtype == np.float32 and stretch(self.alpha) > 0:
            self._update_fused(weight, grad, state[0], lr, wd)
        else:
            self._update_composed(weight, self._decayed(weight, grad, wd), state, lr)

    def _update_fused(self, weight: NDArray, grad: NDArray, n: NDArray, lr: float, wd: float) -> None:
        # Adam with beta1 = 0 is RMSprop. What it writes to its mean is then the gradient, so the gradient
        # itself serves as the mean, unless rescaling or weight decay would change it there.
        mean = grad if self.rescale_grad == 1 and wd == 0 else nd.zeros_like(grad)
        root = math.sqrt(stretch(self.alpha))
        betas = (0.0, self.alpha)
        self._fused_adam(weight, grad, (mean, n), betas, lr * root, self.eps * root, wd)

    def _update_composed(self, weight: NDArray, grad: NDArray, state: State, lr: float) -> None:
        n = state[0]
        scratch = nd.square(grad)
        _decay(n, self.alpha, scratch)
        if self.centered:
            mean = state[1]
            grad.copyto(scratch)
            _decay(mean, self.alpha, scratch)
            nd.square(mean, out=scratch)
            nd.elemwise_sub(n, scratch, out=scratch)
            nd.sqrt(scratch, out=scratch)
        else:
            nd.sqrt(n, out=scratch)
        scratch += self.eps
        nd.elemwise_div(grad, scratch, out=scratch)
        if self.momentum > 0:
            buffer = state[-1]
            buffer *= self.momentum
            buffer += scratch
            buffer.copyto(scratch)
        scratch *= lr
        weight -= scratch


@mx.optimizer.Optimizer.register
class TorchAdam(_TorchOptimizer):
    """``torch.optim.Adam``: epsilon is added to the root after its bias is corrected.

    With the gradient g (rescaled, plus ``wd`` times the weight), for the t-th update of every weight w:

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    MXNet's own Adam adds epsilon to sqrt(v), so that early on it weighs 1 / sqrt(1 - beta2^t) times as much.

    Parameters
    ----------
    beta1, beta2
        Decay of the gradient and of its square, from 0 up to but not including 1.
    eps
        0, or from 1e-30 to 1e30.
    **options
        Those of ``mxnet.optimizer.Optimizer``, such as ``learning_rate`` and ``wd``, but no ``clip_gradient``.

    Raises
    ------
    UserError
        When a constant is out of range; at the first update of a weight of a type other than float32 or
        float64, or with a sparse gradient.

    Notes
    -----
    The state of a weight is (m, v). In float32, m is :func:`stretch` (beta1) times PyTorch's and v is
    :func:`stretch` (beta2) times PyTorch's.
    Source: PyTorch 2.13, ``torch/optim/adam.py``.
    """

    def __init__(self, *, beta1: float, beta2: float, eps: float, **options: Any) -> None:
        super().__init__(eps, **options)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise UserError(f"{name} {beta} is out of range: it must be at least 0 and less than 1.")
        self.beta1, self.beta2 = beta1, beta2

    def create_state(self, index: int, weight: NDArray) -> State:
        """Return (m, v), both 0 and of the weight's shape and type."""
        return self._state(weight, 2)

    def update(self, index: int, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update the weight and its state in place."""
        lr, wd = self._begin(index, grad)
        t = self._index_update_count[index]
        lr /= 1 - self.beta1**t
        corrected = math.sqrt(1 - self.beta2**t)
        stretch1, stretch2 = stretch(self.beta1), stretch(self.beta2)
        if weight.dtype != np.float32 or stretch1 == 0 or stretch2 == 0:
            self._update_composed(weight, self._decayed(weight, grad, wd), state, lr, corrected)
            return
        root = corrected * math.sqrt(stretch2)
        betas = (self.beta1, self.beta2)
        self._fused_adam(weight, grad, state, betas, lr * root / stretch1, self.eps * root, wd)

    def _update_composed(self, weight: NDArray, grad: NDArray, state: State, lr: float, corrected: float) -> None:
        mean, var = state
        scratch = nd.square(grad)
        _decay(var, self.beta2, scratch)
        grad.copyto(scratch)
        _decay(mean, self.beta1, scratch)
        nd.sqrt(var, out=scratch)
        scratch /= corrected
        scratch += self.eps
        nd.elemwise_div(mean, scratch, out=scratch)
        scratch *= lr
        weight -= scratch


def stretch(decay: float) -> float:
    """Return how many times too large the fused operators take ``1 - decay``.

    They form it from the decay rounded to float32: 9.5e-7 too small for 0.99, 1.3e-5 too small for 0.999. What
    they accumulate is this factor times what PyTorch does, which takes the difference before it rounds.

    Parameters
    ----------
    decay
        From 0 to 1.

    Returns
    -------
    float
        About 1, but 0 where the decay is below 1 and rounds to 1.
    """
    if decay == 1:
        return 1.0
    return float(np.float32(1) - np.float32(decay)) / (1 - decay)


def _decay(average: NDArray, decay: float, scratch: NDArray) -> None:
    """Let a running average decay and add the new values, which are in ``scratch`` and are lost."""
    scratch *= 1 - decay
    average *= decay
    average += scratch


def _checked(name: str, value: float) -> float:
    """Refuse what the operators could not read, or would read as another number."""
    if value != 0 and not MIN_EPS <= value <= MAX_EPS:
        raise UserError(f"{name} {value} is out of range: it must be 0 or from {MIN_EPS:g} to {MAX_EPS:g}.")
    return value
