"""A folder that appears whole or not at all, and never in place of anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gluon_wgan.data.atomic import flush_to_disk
from gluon_wgan.errors import UserError, last_line


def refuse_taken(out: Path) -> None:
    """Refuse a path at which there is anything but an empty folder.

    Raises
    ------
    UserError
        Naming it.
    """
    try:
        taken = os.path.lexists(out) and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _unwritable(out, error) from None
    if taken:
        raise UserError(f"{out} exists already and would be overwritten: name a new folder.")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Lend an empty folder beside `out` that becomes `out` if all goes well, and else vanishes.

    Raises
    ------
    UserError
        When `out` is taken or cannot be written, for want of room or of permission.
    """
    refuse_taken(out)
    final = out.resolve()
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            yield temporary
            for path in (*temporary.iterdir(), temporary):
                flush_to_disk(path)
            # The system refuses this for a folder that has got content meanwhile.
            os.rename(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        flush_to_disk(final.parent)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> UserError:
    reason = error.strerror or last_line(error)
    return UserError(f"{out} cannot be written ({reason}): make room, or name another place.")
