"""Time one update of the full-size critic's weights by each optimiser.

    python benchmarks/optimizers.py [--rounds 30]

All live in one process and take turns, so that a machine whose speed drifts slows all of them alike; the
ratios are taken round by round, each to MXNet's own optimiser of its kind. Float32, on the CPU, with the
learning rate so small that the weights stay where they are.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import gluon_wgan  # noqa: E402, F401  (makes MXNet importable, and sets the threads)

# isort: split
import mxnet as mx  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mxnet import nd  # noqa: E402
from tqdm import tqdm  # noqa: E402

from gluon_wgan.compat import usable_cores  # noqa: E402
from gluon_wgan.config.train_config import TrainConfig  # noqa: E402
from gluon_wgan.models import build_critic  # noqa: E402
from gluon_wgan.models.initializers import WeightInitializer  # noqa: E402
from gluon_wgan.training.exchange import Exchange  # noqa: E402
from gluon_wgan.training.optimizers import build_optimizer, optimizer_arrays, step  # noqa: E402

LR, STEPS_A_ROUND, WARM_UP_ROUNDS = 1e-12, 5, 3
GRADIENT_SIZE = 1e-3
REFERENCE = {"rmsprop": "MXNet rmsprop", "adam": "MXNet adam"}
Contender = tuple[str, Callable[[], object], Callable[[], float]]


def main() -> None:
    """Time the contenders and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="timed rounds (default: 30)")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error(f"--rounds {rounds} is out of range: it must be at least 1.")
    torch.set_num_threads(usable_cores())
    contenders = build_contenders()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in tqdm(range(WARM_UP_ROUNDS + rounds), unit="round"):
        for name, (_, update, _) in contenders.items():
            taken = milliseconds(update)
            if number >= WARM_UP_ROUNDS:
                times[name].append(taken)
    report(contenders, times)


def build_contenders() -> dict[str, Contender]:
    """Return name -> (kind, update, MiB of state)."""
    contenders: dict[str, Contender] = {}
    for kind in REFERENCE:
        for rule, name in (("mxnet", REFERENCE[kind]), ("torch", f"torch{kind}")):
            contenders[name] = (kind, *ours(TrainConfig(optimizer=kind, eps_rule=rule)))
    for foreach in (False, True):
        suffix = "foreach" if foreach else "single"
        contenders[f"PyTorch RMSprop {suffix}"] = ("rmsprop", *theirs(torch.optim.RMSprop, foreach))
        contenders[f"PyTorch Adam {suffix}"] = ("adam", *theirs(torch.optim.Adam, foreach))
    return contenders


def ours(config: TrainConfig) -> tuple[Callable[[], object], Callable[[], float]]:
    """Return an update of the critic by a Gluon trainer, and the MiB of its state."""
    net = build_critic(config)
    rng = np.random.default_rng(0)
    net.initialize(WeightInitializer(rng), ctx=[mx.cpu()])
    learned = [parameter for parameter in net.collect_params().values() if parameter.grad_req != "null"]
    for parameter in learned:
        parameter.grad()[:] = nd.array(rng.normal(0, GRADIENT_SIZE, parameter.shape))
    trainer = build_optimizer(net.collect_params(), config, LR, config.eps_d)

    def update() -> None:
        # Gluon takes no gradient twice unless it is told that it is new.
        for parameter in learned:
            parameter.data()._fresh_grad = True
        step(trainer, Exchange(), "", lambda: np.zeros((1, 0)))

    def state_mib() -> float:
        return sum(array.size for array in optimizer_arrays(trainer).values()) * 4 / 2**20

    return update, state_mib


def theirs(optimizer: Any, foreach: bool) -> tuple[Callable[[], object], Callable[[], float]]:
    """Return the same update by PyTorch."""
    net = build_critic(TrainConfig())
    net.initialize(WeightInitializer(np.random.default_rng(0)), ctx=[mx.cpu()])
    parameters = []
    for parameter in net.collect_params().values():
        if parameter.grad_req != "null":
            twin = torch.nn.Parameter(torch.from_numpy(parameter.data().asnumpy()))
            twin.grad = torch.randn(twin.shape) * GRADIENT_SIZE
            parameters.append(twin)
    built = optimizer(parameters, lr=LR, foreach=foreach)

    def state_mib() -> float:
        states = [value for state in built.state.values() for value in state.values()]
        return sum(value.numel() for value in states if value.dim()) * 4 / 2**20

    return built.step, state_mib


def milliseconds(update: Callable[[], object]) -> float:
    """Return the time of one update, the mean of a few in a row."""
    started = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        update()
        nd.waitall()
    return (time.perf_counter() - started) / STEPS_A_ROUND * 1000


def report(contenders: dict[str, Contender], times: dict[str, list[float]]) -> None:
    """Print milliseconds, ratios with their spread, and memory."""
    rounds = len(times[REFERENCE["adam"]])
    print(f"{usable_cores()} threads, {rounds} rounds of {STEPS_A_ROUND} updates; median (lowest-highest)\n")
    print(f"{'':26}{'ms an update':>22}{'times MXNet own':>22}{'state MiB':>11}")
    for name, (kind, _, state_mib) in contenders.items():
        ratios = [taken / own for taken, own in zip(times[name], times[REFERENCE[kind]])]
        print(f"{name:26}{spread(times[name]):>22}{spread(ratios):>22}{state_mib():>11.1f}")


def spread(values: list[float]) -> str:
    """Return ``median (lowest-highest)``."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
