"""How the progress bars behave."""

from __future__ import annotations

import sys


def redraw_seconds() -> float:
    """Return how often to redraw a bar: a log file that it is written into should not fill up with it."""
    return 0.1 if sys.stderr.isatty() else 5.0
