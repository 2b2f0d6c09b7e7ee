"""Versions, threads and command, for the comparison's report."""

from __future__ import annotations

import platform
import sys
from typing import Any

import mxnet
import numpy as np
import torch

from gluon_wgan import __version__, compat
from tools.reference.comparison.run import BASE_THREADS, CONTENDERS, OTHER_THREADS


def about(command: str) -> dict[str, Any]:
    """Return the command, the versions and the threads."""
    return {
        "command": command,
        "versions": {
            "gluon_wgan": __version__,
            "mxnet": mxnet.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": sys.version.split()[0],
        },
        "machine": platform.machine(),
        "cores": compat.usable_cores(),
        "torch_threads": {"reference": BASE_THREADS, "variant": OTHER_THREADS},
        "contenders": list(CONTENDERS),
    }
