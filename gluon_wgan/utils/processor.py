"""What Linux says of this machine's processor."""

from __future__ import annotations

import platform
from pathlib import Path


def model_name() -> str:
    """Return the processor's name as Linux gives it, elsewhere what Python knows."""
    return _first("model name") or platform.processor()


def instruction_sets() -> frozenset[str]:
    """Return the instruction sets as Linux names them, such as ``avx2`` and ``avx512f``; elsewhere none."""
    return frozenset(_first("flags").split())


def _first(field: str) -> str:
    """Return a field of the first core, empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(field) and ":" in line), "")
