"""``environment.json``: everything around a run that can touch a pixel or a weight."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from gluon_wgan.utils import processor

LIBRARIES = (
    "gluon-wgan",
    "mxnet",
    "mxnet-cu112",
    "gluoncv",
    "numpy",
    "opencv-python",
    "pillow",
    "simplejpeg",
    "scipy",
    "matplotlib",
)


def describe_environment(devices: Sequence[str]) -> dict[str, Any]:
    """Return versions, machine, devices, threads and the checkout's commit, JSON-able."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": processor.model_name(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "devices": list(devices),
        "libraries": installed_versions(),
        "git_commit": _git_commit(),
    }


def installed_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change a pixel or a weight, as far as they are installed."""
    found = {}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _git_commit() -> Optional[str]:
    """Return the commit of the checkout that this package is imported from, None outside of one."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
