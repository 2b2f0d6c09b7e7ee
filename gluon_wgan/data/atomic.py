"""Folders that appear complete or not at all, even if the process that makes them is killed.

A folder is made under its name with ``.partial`` at the end, by whoever holds its lock, and
renamed when complete. The system releases the lock of a process that dies, so a partial
folder whose lock is free is litter.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("gluon_wgan.data")

_PARTIAL = ".partial"


@contextmanager
def locked(final: Path) -> Iterator[None]:
    """Hold the lock of the folder `final`, waiting for it if another process or thread has it."""
    with _lock_file(final).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Waiting for another process, which is preparing the same images.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(final: Path) -> Iterator[Path]:
    """Lend an empty folder that takes the place of `final` if all goes well, and else vanishes.

    The caller holds the lock of `final`, which must be on the same file system.
    """
    partial = final.with_name(final.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for path in (*partial.iterdir(), partial):
            flush_to_disk(path)
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        flush_to_disk(final.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_litter(folder: Path) -> None:
    """Remove every partial folder in `folder` that nobody is making any more."""
    for partial in folder.glob("*" + _PARTIAL):
        with _lock_file(partial.with_name(partial.name[: -len(_PARTIAL)])).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(partial, ignore_errors=True)


def flush_to_disk(path: Path) -> None:
    """Return once what a file or folder holds is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_file(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")
