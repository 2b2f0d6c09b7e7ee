"""What every command-line tool does around its work: a sentence for each error, and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from typing import Any, Callable, NoReturn, Optional, TextIO

from gluon_wgan.commands import localize
from gluon_wgan.errors import UserError, last_line, remedy
from gluon_wgan.utils.streams import protect_standard_streams
from gluon_wgan.utils.text import printable

BAD_INPUT, CTRL_C = 2, 130


class SentenceParser(argparse.ArgumentParser):
    """A parser that says one sentence instead of the whole usage, and keeps the lines of what it is given."""

    def __init__(self, *, prog: str, description: str, epilog: Optional[str] = None, **more: object) -> None:
        super().__init__(
            prog=prog,
            description=localize(description),
            epilog=localize(epilog or ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **more,  # type: ignore[arg-type]
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the command line; a help text that nobody reads to its end is no error."""
        protect_standard_streams()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with status 2."""
        print(f"{self.prog}: {message[0].upper()}{message[1:]}; --help lists the options.", file=sys.stderr)
        sys.exit(BAD_INPUT)


def no_room(error: OSError) -> str:
    """Return the sentence for what could not be read or written."""
    return f"{last_line(error)}: {remedy(error, 'name another place')}."


class _PrintableOutput:
    """Standard output with control characters spelled out, which names of files can hold."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write a text."""
        return self._file.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def run_tool(
    program: str,
    work: Callable[[], Optional[int]],
    *,
    stopped: str = "Stopped.",
    unwritable: Callable[[OSError], str] = no_room,
) -> int:
    """Do a tool's work and return the exit status.

    It is the work's own, 0 for None, 2 for bad input, 3 for a GPU that fails, 130 for Ctrl-C, and does not depend on
    whether anybody reads what is printed.

    Parameters
    ----------
    work
        Raises UserError for bad input.
    stopped
        The sentence for Ctrl-C.
    unwritable
        From the system's error to the sentence for it.
    """
    protect_standard_streams()
    with _ctrl_c_raises():
        try:
            with contextlib.redirect_stdout(_PrintableOutput(sys.stdout)):
                status = work() or 0
            sys.stdout.flush()  # or a full disk would show only as Python ends, beyond this function
            return status
        except UserError as error:
            sentence, status = str(error), error.exit_status
        except ImportError as error:
            sentence, status = missing_library(error), BAD_INPUT
        except UnicodeEncodeError as error:
            sentence, status = _unknown_character(error), BAD_INPUT
        except OSError as error:
            sentence, status = unwritable(error), BAD_INPUT
            _forget_unwritten_output()
        except MemoryError as error:
            sentence, status = _no_memory(error), BAD_INPUT
        except KeyboardInterrupt:
            sentence, status = stopped, CTRL_C
        print(printable(f"{program}: {sentence}"), file=sys.stderr)
        return status


@contextlib.contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C meanwhile, where a script has it end Python without a traceback."""
    ends_python = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    if ends_python:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ends_python:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _forget_unwritten_output() -> None:
    """Drop what stdout still holds if it cannot be written, which Python would report once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def missing_library(error: ImportError) -> str:
    """Return the sentence for a module that cannot be imported, which names what to install for a system library."""
    missing = re.match(r"(lib[\w.+-]+\.so[\d.]*): cannot open shared object file", str(error))
    if missing is None:
        return str(error)
    return (
        f"The system library {missing[1]} is missing: install it (on Debian and Ubuntu, OpenCV needs "
        "`apt-get install libgl1 libglib2.0-0`), then run the same again."
    )


def _no_memory(error: MemoryError) -> str:
    reason = f" ({last_line(error)})" if str(error) else ""
    return f"There is not enough memory{reason}: free some, raise the limit (`ulimit -v`), or ask for less at once."


def _unknown_character(error: UnicodeEncodeError) -> str:
    character = ascii(error.object[error.start])
    return f"This locale's encoding ({error.encoding}) has no {character}: set PYTHONUTF8=1, or rename what holds it."
