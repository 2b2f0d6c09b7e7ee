"""Work on hostile input in a process of its own, which may crash or hang without harm to this one."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any, Optional

from gluon_wgan.compat import child_environment


class Died(Exception):
    """The process crashed or was ended for taking too long; the message says which in a few words."""


class ExpendableProcess:
    """A process that answers calls one by one and is replaced when one of them ends it.

    Parameters
    ----------
    make
        Importable; called once in the process with ``given``, it returns the function that answers.
    given
        Its arguments, which can be pickled.
    seconds
        How long an answer may take.
    """

    def __init__(self, make: Callable[..., Callable[..., Any]], *given: Any, seconds: float) -> None:
        self._make, self._given, self._seconds = make, given, seconds
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._pipe: Optional[Connection] = None

    def call(self, *arguments: Any) -> Any:
        """Return what the function answers.

        Raises Died when the process died of it, or took too long, or what the function raised.
        """
        try:
            pipe = self._started()
            pipe.send(arguments)
            if not pipe.poll(self._seconds):
                self.close()
                raise Died(f"took more than {self._seconds:g} seconds")
            answer = pipe.recv()
        except (EOFError, OSError):
            raise Died(self._how_it_died()) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _started(self) -> Connection:
        if self._pipe is None:
            # Not multiprocessing's spawn, which would first run the caller's script in the new process.
            self._pipe, theirs = Pipe()
            code = f"from {__name__} import serve; serve({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=child_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Libraries complain there of every file, and a crash would print MXNet's stack trace.
                stderr=subprocess.DEVNULL,
            )
            theirs.close()
            self._pipe.send((self._make, self._given))
            try:
                made = self._pipe.recv()
            except EOFError:
                raise RuntimeError(f"A helper process could not be started: it {self._how_it_died()}.") from None
            if isinstance(made, Exception):
                self.close()
                raise made
        return self._pipe

    def _how_it_died(self) -> str:
        process = self._process
        code = None
        if process is not None:
            code = process.wait()
        self.close()
        if code is not None and code < 0:
            return f"crashed ({signal.Signals(-code).name})"
        return f"ended with status {code}"


def serve(descriptor: int) -> None:
    """Answer the calls that come through a pipe, in the process that may die."""
    pipe = Connection(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, which then ends this process
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    make, given = pipe.recv()
    try:
        answer = make(*given)
    except Exception as error:
        pipe.send(error)
        return
    pipe.send(None)
    while True:
        try:
            arguments = pipe.recv()
        except EOFError:
            return
        try:
            result = answer(*arguments)
        except Exception as error:
            result = error
        try:
            pipe.send(result)
        except BrokenPipeError:
            return
        except Exception:  # an error that cannot be pickled
            pipe.send(RuntimeError(str(result)))
