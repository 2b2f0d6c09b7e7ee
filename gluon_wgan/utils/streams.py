"""Standard streams that outlive their reader: a closed pipe or a lost terminal ends no work."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any

# The reader has gone: a closed pipe or socket, a terminal that hung up.
READER_GONE = (errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF, errno.ECONNRESET, errno.ENOTCONN)
_STDOUT, _STDERR = 1, 2


def protect_standard_streams() -> None:
    """Let this process go on when nobody reads what it prints, and print any character in any locale.

    A standard descriptor that is closed is opened on the null device: otherwise the next file opened would get its
    number, and what a library prints would be written into that file. Characters that the encoding lacks are written
    as escapes. Streams that were replaced already, as test runners and notebooks do, are left alone.
    """
    for number in range(_STDERR + 1):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, number in (("stdout", _STDOUT), ("stderr", _STDERR)):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and not isinstance(getattr(stream, "buffer", None), _Buffer):
            protected = _protected(stream, number)
            setattr(sys, name, protected)
            setattr(sys, f"__{name}__", protected)


def say_at_once(text: str) -> None:
    """Print a line on stderr from a signal handler, which may have interrupted a write to ``sys.stderr``."""
    with contextlib.suppress(OSError):  # of a reader that has gone
        os.write(_STDERR, f"\n{text}\n".encode("utf-8", "backslashreplace"))


class _Raw(io.FileIO):
    """A standard descriptor whose writes succeed when their reader has gone."""

    def write(self, content: Any) -> int:
        """Write bytes, or drop them when nobody will read them; return how many."""
        while True:
            try:
                written = super().write(content)
            except OSError as error:
                # stdout carries results, and those that a full disk refuses are reported.
                if error.errno in READER_GONE or self.fileno() == _STDERR:
                    return memoryview(content).nbytes
                raise
            if written is not None:
                return written
            select.select([], [self.fileno()], [])  # a non-blocking pipe is full: wait for its reader


class _Buffer(io.BufferedWriter):
    """Tells a protected stream from another."""


def _protected(stream: Any, number: int) -> io.TextIOWrapper:
    if stream is not None:
        with contextlib.suppress(OSError):  # of a reader that has gone
            stream.flush()
    each_line = stream is None or stream.line_buffering or getattr(stream, "write_through", False)
    encoding = "utf-8" if stream is None else stream.encoding
    if stream is None:  # it was closed as Python started, and by now its number may be another file's
        number = os.open(os.devnull, os.O_WRONLY)
    buffer = _Buffer(_Raw(number, "wb", closefd=False))
    return io.TextIOWrapper(buffer, encoding=encoding, errors="backslashreplace", line_buffering=each_line)
