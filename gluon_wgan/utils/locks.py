"""Locks between processes, which the system releases when their holder dies."""

from __future__ import annotations

import fcntl
import logging
from typing import IO, Any, Optional

log = logging.getLogger("gluon_wgan")

_warned: set[Optional[int]] = set()


def take_lock(file: IO[Any], *, wait: bool = False) -> bool:
    """Take the exclusive lock of an open file until it is closed, and return whether that could be done.

    It cannot where the file system has no such locks, as Lustre and some NFS mounts; that is warned of once for each
    error number. Raises BlockingIOError when another process, or another open file of this one, holds it and `wait` is
    not set.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _warned:
            _warned.add(error.errno)
            log.warning(
                "The file system of %s has no locks (%s): continuing without; do not let two processes write into the "
                "same folder.",
                file.name,
                error.strerror,
            )
        return False
    return True
