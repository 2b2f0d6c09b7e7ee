"""Commands as users start them: each in a new interpreter, or in a fork of a server that has imported the libraries."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Optional

from gluon_wgan.data import store_writer

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600.0
"""How long a command may take."""
# Between two looks at a command.
_STEP = 0.005
# A preparation of a second would otherwise end before the first journal, and never go on amid its images.
_JOURNAL_SECONDS = 0.02
_PRELOADED = (
    *("tests.stress.commands", "gluon_wgan.api", "mxnet", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *(f"gluon_wgan.cli.{name}" for name in ("train", "prepare", "export", "convert", "evaluate", "report")),
    *("gluon_wgan.generators.export_model", "gluon_wgan.interop.torch_weights", "gluon_wgan.metrics.evaluation"),
    *("gluon_wgan.metrics.evaluate_statistics", "gluon_wgan.metrics.result_lines", "gluon_wgan.metrics.swd", "torch"),
)
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(list(_PRELOADED))

Wait = Callable[[float], Optional[int]]


def run(
    words: list[str], errors: Path, *, new_interpreter: bool = False, moment: Optional[float] = None
) -> tuple[Optional[int], float]:
    """Run a command, and kill it and its helpers after some CPU time.

    Parameters
    ----------
    words
        What stands behind ``python``, from the root of the repository.
    errors
        The file for its stderr.
    new_interpreter
        Whether it imports the libraries itself.
    moment
        CPU seconds; None lets it end.

    Returns
    -------
    Its exit status, None if it was killed, and the CPU seconds that it took.

    Raises
    ------
    TimeoutError
        When it takes more than `SECONDS`.
    """
    until, used = time.monotonic() + SECONDS, 0.0
    wait, pid = (_interpreter if new_interpreter else _fork)(words, errors)
    while (status := wait(_STEP)) is None:
        with contextlib.suppress(OSError):  # it has just ended
            # Its CPU clock, as clock_getcpuclockid(3) has it: unlike the time of day the same on a busy machine.
            used = time.clock_gettime(~pid << 3 | 2)
        late = time.monotonic() > until
        if late or (moment is not None and used >= moment):
            for end in (os.killpg, os.kill):  # a fork may not lead its group yet
                with contextlib.suppress(ProcessLookupError):
                    end(pid, signal.SIGKILL)
            status = wait(SECONDS)
            if late:
                raise TimeoutError(f"{words} took more than {SECONDS:.0f} seconds")
            return (None if status == -signal.SIGKILL else status), used  # it may have ended by itself meanwhile
    return status, used


def _interpreter(words: list[str], errors: Path) -> tuple[Wait, int]:
    with errors.open("w") as file:
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdin=nothing, stdout=nothing, stderr=file, start_new_session=True
        )

    def wait(seconds: float) -> Optional[int]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
        return None

    return wait, process.pid


def _fork(words: list[str], errors: Path) -> tuple[Wait, int]:
    process = _SERVER.Process(target=_be_command, args=(words, errors))
    process.start()
    assert process.pid is not None

    def wait(seconds: float) -> Optional[int]:
        process.join(seconds)
        return process.exitcode

    return wait, process.pid


def _be_command(words: list[str], errors: Path) -> None:
    """Be the command, in a process that was forked for it."""
    os.setsid()
    if "mxnet" not in sys.modules:
        raise RuntimeError("the server has not imported the libraries")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.chdir(ROOT)
    sys.argv = words
    store_writer.JOURNAL_SECONDS = _JOURNAL_SECONDS
    runpy.run_path(words[0], run_name="__main__")
