"""Where messages go: to the terminal, without tearing the progress bar, and to ``log.txt``."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

log = logging.getLogger("gluon_wgan")


class _Terminal(logging.Handler):
    """Prints above the progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def log_to_terminal() -> None:
    """Show the package's messages on stderr; for the scripts, not for a library's user."""
    if not any(isinstance(handler, _Terminal) for handler in log.handlers):
        log.addHandler(_Terminal())
    log.setLevel(logging.INFO)


@contextlib.contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Append the package's messages, with the time, to a file meanwhile."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()
