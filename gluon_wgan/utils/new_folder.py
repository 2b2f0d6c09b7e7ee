"""A folder that appears whole or not at all, and never in place of anything."""

from __future__ import annotations

import fcntl
import glob
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gluon_wgan.errors import UserError, last_line, remedy
from gluon_wgan.utils.atomic_folders import flush_to_disk
from gluon_wgan.utils.folders import is_stale, rename_to_free


def refuse_taken(out: Path) -> None:
    """Refuse a path at which there is anything but an empty folder: UserError naming it."""
    try:
        taken = os.path.lexists(out) and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _unwritable(out, error) from None
    if taken:
        raise UserError(f"{out} exists already and would be overwritten: name a new folder.")


def free_name(out: Path) -> Path:
    """Return NAME, NAME-2, NAME-3 and so on: the first of these at which there is nothing."""
    return next(path for path in _numbered(out) if not os.path.lexists(path))


def _numbered(out: Path) -> Iterator[Path]:
    yield out
    yield from (out.with_name(f"{out.name}-{number}") for number in itertools.count(2))


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Lend an empty folder beside `out` that becomes `out` if all goes well, and else vanishes.

    Raises UserError when `out` is taken or cannot be written, for want of room or of permission. What appears there
    meanwhile stays; the new folder is then called ``out-2`` or the next free number.
    """
    refuse_taken(out)
    final = out.resolve()
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_folders(final.parent, glob.escape(final.name))
        temporary.mkdir()
        try:
            with _held(temporary):
                yield temporary
                for path in (*temporary.iterdir(), temporary):
                    flush_to_disk(path)
                _give_name(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        flush_to_disk(final.parent)
    except OSError as error:
        raise _unwritable(out, error) from None


def _give_name(temporary: Path, final: Path) -> None:
    """Rename a folder, and do not lose it where something has appeared under its name."""
    if final.is_dir() and not final.is_symlink():
        with suppress(OSError):
            final.rmdir()  # the empty folder that was there before; one that has got content meanwhile stays
    given = rename_to_free(temporary, _numbered(final))
    if given != final:
        raise UserError(f"{final} appeared while it was being made and is left as it is: what was made is in {given}.")


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Lend a folder for temporary files that vanishes in the end; those that killed processes left vanish first."""
    remove_stale_folders(Path(tempfile.gettempdir()), f"{glob.escape(name)}-*")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", suffix=f".{os.getpid()}.tmp") as folder, _held(Path(folder)):
        yield Path(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; where the file system has no locks, the process number in its name alone has to do."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def remove_stale_folders(parent: Path, pattern: str) -> None:
    """Delete the folders ``.NAME.PID.tmp``, their names matching a shell pattern, whose processes were killed."""
    for path in parent.glob(f".{pattern}.*.tmp"):
        if path.is_symlink() or not path.is_dir() or not is_stale(path):
            continue
        with suppress(OSError):  # another user's, or held by a process elsewhere
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _unwritable(out: Path, error: OSError) -> UserError:
    reason = error.strerror or last_line(error)
    return UserError(f"{out} cannot be written ({reason}): {remedy(error, 'name another place')}.")
