"""Where messages go: to the terminal, without tearing the progress bar, and to ``log.txt``."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from tqdm import tqdm

from gluon_wgan.utils.text import printable

log = logging.getLogger("gluon_wgan")


class _Formatter(logging.Formatter):
    """Spells out control characters, which names of files can hold."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class _Terminal(logging.Handler):
    """Prints above the progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def log_to_terminal() -> None:
    """Show the package's messages on stderr; for the scripts, not for a library's user."""
    if not any(isinstance(handler, _Terminal) for handler in log.handlers):
        handler = _Terminal()
        handler.setFormatter(_Formatter())
        log.addHandler(handler)
    log.setLevel(logging.INFO)


class _LogFile(logging.FileHandler):
    """Appends to a file; a full disk is reported by the checkpoint that does not fit, not by every message."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:
        """Lose the message."""

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def log_to_file(path: Path, *already_shown: Optional[str]) -> Iterator[None]:
    """Append the package's messages to a file meanwhile: first earlier warnings, last the error that ends them."""
    handler = _LogFile(path)
    for warning in filter(None, already_shown):
        handler.handle(log.makeRecord(log.name, logging.WARNING, "", 0, "%s", (warning,), None))
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except Exception as error:
        # To the file alone: whoever catches it shows it.
        handler.handle(log.makeRecord(log.name, logging.ERROR, "", 0, "%s", (error,), None))
        raise
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()
