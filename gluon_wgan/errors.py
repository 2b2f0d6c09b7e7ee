"""The one exception that stands for a mistake the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Something a user can cause and mend: bad input, a missing file, an impossible flag.

    The message is one plain sentence that says what is wrong, with which value, and what
    to do. The command line prints it on stderr and exits with status 2; it never becomes
    a traceback.
    """
