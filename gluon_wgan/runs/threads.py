"""How many CPU threads a run computes with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.processor import instruction_sets
from gluon_wgan.utils.untrusted import object_or_empty

# Image size times width, up to which a second thread gains nothing or little (docs/faq.md). AVX-512 shortens the
# convolutions, not the time in which two threads wait for each other, so the limit is higher with it.
SMALL = 32 * 8
SMALL_WITH_AVX512 = 32 * 16


def choose_threads(config: TrainConfig, resume: Optional[Path]) -> Optional[int]:
    """Return the number of threads for a run; None leaves what MXNet takes from ``OMP_NUM_THREADS``.

    In this order: ``--threads``, what the run to resume has used, ``OMP_NUM_THREADS`` as the user set it, one or two
    for a small network. Measured speed plays no part, since another number of threads gives other bits.
    """
    if config.threads is not None:
        return config.threads
    if "mxnet" in sys.modules:
        return None  # it has read its number already
    recorded = None if resume is None else _recorded(resume)
    if recorded is not None:
        return recorded
    return None if compat.threads_were_given() else _threads_for(config.image_size * max(config.ngf, config.ndf))


def _threads_for(size_times_width: int) -> Optional[int]:
    """Return one thread for the smallest networks and at most two for small ones, None for all others."""
    if size_times_width > SMALL_WITH_AVX512:
        return None
    if size_times_width <= SMALL or "avx512f" in instruction_sets():
        return 1
    return min(2, compat.usable_cores())


def _recorded(run: Path) -> Optional[int]:
    threads = str(object_or_empty(RunDirectory(run).environment_file).get("threads"))
    return int(threads) if threads.isascii() and threads.isdigit() and 1 <= int(threads) <= 4096 else None
