"""Files and folders that appear complete or not at all, even if the process that makes them is killed.

A folder is made under its name with ``.partial`` at the end, by whoever holds its lock, and
renamed when complete. The system releases the lock of a process that dies, so nobody is at
work on a partial folder whose lock is free.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger("gluon_wgan.data")

_PARTIAL = ".partial"
_STALE_SECONDS = 7 * 24 * 3600


def partial_of(final: Path) -> Path:
    """Return where the folder `final` is while it is being made."""
    return final.with_name(final.name + _PARTIAL)


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
def completing(final: Path) -> Iterator[Path]:
    """Lend the partial folder of `final`, which takes its place if all goes well, and else stays.

    What an earlier process left in it is still there. The caller holds the lock of `final`. A folder that is
    at `final` already is deleted.
    """
    partial = partial_of(final)
    partial.mkdir(exist_ok=True)
    yield partial
    for path in (*partial.iterdir(), partial):
        flush_to_disk(path)
    if final.exists():
        shutil.rmtree(final)
    partial.rename(final)
    flush_to_disk(final.parent)


def remove_litter(folder: Path) -> None:
    """Remove every partial folder in `folder` that nobody has been making for a week."""
    for partial in folder.glob("*" + _PARTIAL):
        with _lock_file(partial.with_name(partial.name[: -len(_PARTIAL)])).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            with suppress(OSError):
                if time.time() - partial.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(partial, ignore_errors=True)


def replace_file(path: Path, text: str) -> None:
    """Give a file a new content in one step, flushed to the disk."""
    new = path.with_name(f".{path.name}")
    new.write_text(text, encoding="utf-8")
    flush_to_disk(new)
    new.replace(path)


def flush_to_disk(path: Path) -> None:
    """Return once what a file or folder holds is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_file(final: Path) -> Path:
    return final.with_name(f".{final.name}.lock")
