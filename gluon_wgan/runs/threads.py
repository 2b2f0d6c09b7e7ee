"""How many CPU threads a run computes with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.untrusted import object_or_empty

# Image size times width, up to which a second thread gains nothing (docs/faq.md).
SMALL = 32 * 16


def choose_threads(config: TrainConfig, resume: Optional[Path]) -> Optional[int]:
    """Return the number of threads for a run; None leaves what MXNet takes from ``OMP_NUM_THREADS``.

    In this order: ``--threads``, what the run to resume has used, ``OMP_NUM_THREADS`` as the user set it, one for a
    small network. The speed of the machine has no say, since sums over another number of threads end in other bits.
    """
    if config.threads is not None:
        return config.threads
    if "mxnet" in sys.modules:
        return None  # it has read its number already
    recorded = None if resume is None else _recorded(resume)
    if recorded is not None:
        return recorded
    small = config.image_size * max(config.ngf, config.ndf) <= SMALL
    return 1 if small and not compat.threads_were_given() else None


def _recorded(run: Path) -> Optional[int]:
    threads = str(object_or_empty(RunDirectory(run).environment_file).get("threads"))
    return int(threads) if threads.isascii() and threads.isdigit() and 1 <= int(threads) <= 4096 else None
