"""The one exception that stands for a mistake the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Something a user can cause and mend: bad input, a missing file, an impossible flag.

    The message is one plain sentence that says what is wrong, with which value, and what
    to do. The command line prints it on stderr and exits with status 2; it never becomes
    a traceback.
    """


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line: MXNet puts a stack trace before its reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
