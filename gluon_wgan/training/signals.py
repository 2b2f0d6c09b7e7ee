"""Ctrl-C, SIGTERM and a closed terminal as a question that the training loop asks between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Optional

from gluon_wgan.utils.streams import say_at_once

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Training was asked to stop and has saved itself.

    Attributes
    ----------
    signum
        The signal; a shell's exit status for it is 128 + signum.
    """

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class InterruptWatch:
    """Remembers the first Ctrl-C, SIGTERM or SIGHUP; later ones wait for the save that it asks for, and say so.

    A signal that is ignored when the watch begins stays ignored, as ``nohup`` wants it. Outside the main thread,
    where Python allows no handlers, nothing is watched.
    """

    def __init__(self) -> None:
        self.signum: Optional[int] = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> InterruptWatch:
        if threading.current_thread() is threading.main_thread():
            for signum in SIGNALS:
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._previous[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def _remember(self, signum: int, frame: Optional[FrameType]) -> None:
        if self.signum is None:
            self.signum = signum
            say_at_once("Stopping after this step, and saving.")
        else:
            say_at_once("Still saving; please wait. (Ctrl-\\ ends the run at once and loses what is not saved.)")
