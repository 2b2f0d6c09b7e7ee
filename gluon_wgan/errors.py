"""The exception for everything that a user can cause and fix, and the words for the system's errors."""

from __future__ import annotations

import errno
import os
import shlex

from gluon_wgan.commands import localize


class UserError(Exception):
    """Something a user can cause and fix: bad input, a missing file, an impossible flag.

    The message is one plain sentence that says what is wrong, with which value, and what
    to do. The command line prints it on stderr and exits with status 2; it never becomes
    a traceback. Commands in it are named as scripts of a clone, and shown as ``gluon-wgan`` elsewhere.

    Attributes
    ----------
    exit_status : int
        What the command line exits with.
    """

    exit_status = 2

    def __init__(self, message: str) -> None:
        super().__init__(localize(message))


class DeviceError(UserError):
    """A GPU, its driver or one of its libraries fails; the command line exits with status 3."""

    exit_status = 3


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line: MXNet puts a stack trace before its reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__


# What to do about a system's error, by its number.
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on that disk"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "change its permissions, or run as its owner"),
    errno.EROFS: "that file system is read-only, so mount it for writing",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit of open files with `ulimit -n`"),
    errno.ENOMEM: "free some memory",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "make room for larger files, which `ulimit -f` or that file system limits",
    **dict.fromkeys((errno.EIO, errno.ESTALE), "check that disk"),
}


def remedy(error: OSError, otherwise: str) -> str:
    """Return what to do about a system's error, and what to do instead: "make room on that disk, or ...".

    ``otherwise`` is what helps in any case, as an imperative without a full stop.
    """
    first = _REMEDIES.get(error.errno or 0)
    return otherwise if first is None else f"{first}, or {otherwise}"


def shell_word(path: str | os.PathLike[str]) -> str:
    """Return a path as bash reads it, quoted where it must be; bytes that are no characters become escapes."""
    word = os.fspath(path)
    try:
        word.encode()
    except UnicodeEncodeError:
        printable = set(range(32, 127)) - set(b"'\\")
        return "$'" + "".join(chr(b) if b in printable else f"\\x{b:02x}" for b in os.fsencode(word)) + "'"
    return shlex.quote(word)
