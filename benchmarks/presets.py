"""Time a critic step and a generator step of each preset beside those of the default.

    python benchmarks/presets.py [--rounds 7] [--preset gluon reference wgan-gp ...]

Full size on the CPU, all in one process; the presets take turns, one step at a time, so that a machine whose
speed drifts slows all of them alike, and the ratios are taken round by round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan.compat import usable_cores  # noqa: E402

os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))

import numpy as np  # noqa: E402

from gluon_wgan.config.presets import PRESETS  # noqa: E402
from gluon_wgan.config.train_config import preset_config  # noqa: E402

WARM_UP = 2
BASE = "gluon"
Times = dict[str, list[float]]


def main() -> None:
    """Time the presets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    full_size = [name for name in PRESETS if name != "demo"]
    parser.add_argument("--preset", nargs="+", choices=full_size, default=full_size, help="which (default: all)")
    arguments = parser.parse_args()
    critic, generator = measure([BASE, *(n for n in arguments.preset if n != BASE)], arguments.rounds)
    print(f"{os.environ['OMP_NUM_THREADS']} threads, {arguments.rounds} rounds; median (lowest-highest)\n")
    print(f"{'preset':10} {'critic step, ms':>24} {'times gluon':>20} {'generator step, ms':>24} {'times gluon':>20}")
    for name in critic:
        print(f"{name:10} {_columns(critic, name)} {_columns(generator, name)}")


def measure(presets: list[str], rounds: int) -> tuple[Times, Times]:
    """Return the seconds of the critic steps and of the generator steps of each preset, by round."""
    from mxnet import cpu

    from gluon_wgan.training.wgan import WGAN

    gans = {name: WGAN(preset_config(name), [cpu()]) for name in presets}
    real = np.random.default_rng(0).integers(0, 256, (64, 3, 64, 64), dtype=np.uint8)
    critic: Times = {name: [] for name in presets}
    generator: Times = {name: [] for name in presets}
    for index in range(WARM_UP + rounds):
        for name, gan in gans.items():
            seconds = _seconds(partial(gan.critic_step, real)), _seconds(gan.generator_step)
            if index >= WARM_UP:
                critic[name].append(seconds[0])
                generator[name].append(seconds[1])
    return critic, generator


def _seconds(step: Callable[[], object]) -> float:
    from mxnet import nd

    nd.waitall()
    started = time.perf_counter()
    step()
    nd.waitall()
    return time.perf_counter() - started


def _columns(times: Times, name: str) -> str:
    milliseconds = [1000 * t for t in times[name]]
    ratios = [t / base for t, base in zip(times[name], times[BASE])]
    return f"{_spread(milliseconds, '.0f'):>24} {_spread(ratios, '.2f'):>20}"


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


if __name__ == "__main__":
    main()
