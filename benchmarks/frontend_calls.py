"""Count the calls into MXNet that a training step makes, and hash the weights that the steps leave.

    python benchmarks/frontend_calls.py [--preset gluon reference ...] [--contexts 2] [--image-size 32 --width 16]

A frontend call runs an operator, a compiled graph, a backward pass, or a copy between NumPy and a device. Each
costs 25 to 42 us of Python, and on a GPU, outside bulk execution, each operator's call also ends with a
stream synchronisation (``imperative_utils.h``, lines 446 and 493). The hash covers weights, running statistics, the
optimisers' states and every score read, so a change that only saves calls must leave it as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Bits are compared, and they depend on the number of threads; a test that counts calls keeps its own number.
if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"

import gluon_wgan  # noqa: E402, F401  (makes MXNet importable)

# isort: split
import numpy as np  # noqa: E402
from mxnet import base, cpu, nd  # noqa: E402

from gluon_wgan.config.train_config import TrainConfig, preset_config  # noqa: E402
from gluon_wgan.training.optimizers import optimizer_arrays  # noqa: E402
from gluon_wgan.training.wgan import WGAN  # noqa: E402

FRONTEND = (
    *("MXImperativeInvokeEx", "MXInvokeCachedOpEx", "MXAutogradBackwardEx"),
    *("MXNDArraySyncCopyFromCPU", "MXNDArraySyncCopyToCPU"),
)
PRESETS = ("gluon", "reference", "paper", "port2018", "lite", "wgan-gp", "dcgan")
WARM_UP = 2


class CallCounter:
    """Counts the calls of the C functions in ``FRONTEND`` while it is entered."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __enter__(self) -> CallCounter:
        self._originals = {name: getattr(base._LIB, name) for name in FRONTEND}
        for name, function in self._originals.items():
            setattr(base._LIB, name, self._counted(name, function))
        return self

    def __exit__(self, *error: object) -> None:
        for name, function in self._originals.items():
            setattr(base._LIB, name, function)

    def _counted(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            self.calls[name] += 1
            return function(*arguments)

        return call


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="+", default=PRESETS, help="which (default: all that differ)")
    parser.add_argument("--contexts", type=int, default=1, help="CPU contexts that share a batch (default: 1)")
    parser.add_argument("--image-size", type=int, default=32, help="default: 32")
    parser.add_argument("--width", type=int, default=16, help="ngf and ndf (default: 16)")
    parser.add_argument("--nc", type=int, default=3, help="color channels (default: 3)")
    parser.add_argument("--steps", type=int, default=6, help="critic steps, with a generator step after every third")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    print(f"{'preset':10} {'critic step':>12} {'generator step':>15} {'critic ms':>10}  SHA-256")
    for preset in arguments.preset:
        config = preset_config(
            preset,
            image_size=arguments.image_size,
            ngf=arguments.width,
            ndf=arguments.width,
            nc=arguments.nc,
            batch_size=16,
            dtype=arguments.dtype,
        )
        critic, generator, milliseconds, digest = measure(config, arguments.contexts, arguments.steps)
        print(f"{preset:10} {critic:12d} {generator:15d} {milliseconds:10.2f}  {digest[:16]}")


def measure(config: TrainConfig, contexts: int, steps: int) -> tuple[int, int, float, str]:
    """Return calls of a critic step and of a generator step, a critic step's median time, and the hash."""
    wgan = WGAN(config, [cpu(index) for index in range(contexts)])
    rng = np.random.default_rng(0)
    shape = (config.batch_size, config.nc, config.image_size, config.image_size)
    batches = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(steps)]
    batches[1] = batches[1][:-3]  # an epoch's short last batch
    critic, generator, times, digest = 0, 0, [], hashlib.sha256()
    for index, real in enumerate(batches):
        nd.waitall()
        started = time.perf_counter()
        with CallCounter() as counter:
            scores = wgan.critic_step(real).read()
        nd.waitall()
        times.append(time.perf_counter() - started)
        critic = sum(counter.calls.values())
        digest.update(repr(scores).encode())
        if index % 3 == 2:
            with CallCounter() as counter:
                loss = wgan.generator_step().read()
            generator = sum(counter.calls.values())
            digest.update(repr(loss).encode())
    digest.update(state_of(wgan))
    return critic, generator, statistics.median(times[WARM_UP:]) * 1000, digest.hexdigest()


def state_of(wgan: WGAN) -> bytes:
    """Return all that training has changed, on every device, as bytes."""
    nd.waitall()
    parts = [
        data.asnumpy().tobytes()
        for net in (wgan.generator, wgan.critic)
        for parameter in net._collect_params_with_prefix().values()
        for data in parameter.list_data()
    ]
    for optimizer in (wgan.generator_optimizer, wgan.critic_optimizer):
        parts += [array.asnumpy().tobytes() for _, array in sorted(optimizer_arrays(optimizer).items())]
    return b"".join(parts)


if __name__ == "__main__":
    main()
