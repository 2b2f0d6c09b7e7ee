"""Runs one contender: for each line on stdin, one cycle; its times go to stdout as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Callable

SHIPPED = "OMP_NUM_THREADS" not in os.environ

import gluon_wgan  # noqa: E402, F401  (makes MXNet importable, and sets the threads)
from benchmarks.contenders.sizes import BATCH, N_CRITIC, PROBLEMS, Problem, layer_gflop  # noqa: E402


def main(name: str, problem: Problem) -> None:
    """Serve cycles of the contender until stdin ends."""
    if SHIPPED:
        del os.environ["OMP_NUM_THREADS"]
    serve = convolution_cycle(problem) if name == "convolution" else training_cycle(name, problem)
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        print(json.dumps({**serve(), "peak_mib": peak_mib()}), flush=True)


def training_cycle(name: str, problem: Problem) -> Callable[[], dict[str, float]]:
    """Return a function that takes N_CRITIC critic steps and a generator step, and times them."""
    module, _, function = name.partition(":")
    contender = importlib.import_module(f"benchmarks.contenders.{module}")
    critic_step, generator_step = getattr(contender, function or "build")(problem)

    def cycle() -> dict[str, float]:
        started = time.perf_counter()
        for _ in range(N_CRITIC):
            critic_step()
        between = time.perf_counter()
        generator_step()
        ended = time.perf_counter()
        return {
            "cycle": ended - started,
            "critic": (between - started) / N_CRITIC,
            "generator": ended - between,
        }

    return cycle


def convolution_cycle(problem: Problem) -> Callable[[], dict[str, float]]:
    """Return a function that measures the best GFLOP/s of the critic's large convolutions."""
    from mxnet import nd

    layers = []
    for inputs, outputs, size in problem.critic_layers()[1:-1]:
        image = nd.random.uniform(shape=(BATCH, inputs, 2 * size, 2 * size))
        weight = nd.random.uniform(shape=(outputs, inputs, 4, 4))
        options = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": outputs, "no_bias": True}
        layers.append((image, weight, options, layer_gflop(inputs, outputs, size)))

    def cycle() -> dict[str, float]:
        best = 0.0
        for image, weight, options, gflop in layers:
            for _ in range(5):
                nd.waitall()
                started = time.perf_counter()
                nd.Convolution(image, weight, **options)
                nd.waitall()
                best = max(best, gflop / (time.perf_counter() - started))
        return {"gflops": best}

    return cycle


def peak_mib() -> float:
    """Return this process's highest resident memory so far, in MiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], PROBLEMS[sys.argv[2]])
