"""How the progress bars behave."""

from __future__ import annotations

import sys
from typing import Any, Optional

from tqdm import tqdm


def progress_bar(what: str, total: Optional[int], *, shown: bool = True, unit: str = " images", **more: Any) -> tqdm:
    """Return a bar on stderr, or one that shows nothing; ``more`` are further options of tqdm."""
    return tqdm(desc=what, total=total, unit=unit, disable=not shown, mininterval=redraw_seconds(), **more)


def redraw_seconds() -> float:
    """Return how often to redraw a bar: a log file that it is written into should not fill up with it."""
    return 0.1 if sys.stderr.isatty() else 5.0
