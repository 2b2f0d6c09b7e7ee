"""Files and folders that appear complete or not at all, even if the process that makes them is killed.

A folder is made under its name with ``.partial`` at the end, by whoever holds its lock, and
renamed when complete. The system releases the lock of a process that dies, so nobody is at
work on a partial folder whose lock is free.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gluon_wgan.errors import UserError
from gluon_wgan.utils.folders import remove_ours, rename_new, strangers
from gluon_wgan.utils.locks import take_lock

log = logging.getLogger("gluon_wgan.data")

_PARTIAL = ".partial"
_STALE_SECONDS = 7 * 24 * 3600


def partial_of(final: Path) -> Path:
    """Return where the folder `final` is while it is being made."""
    return final.with_name(final.name + _PARTIAL)


@contextmanager
def locked(final: Path) -> Iterator[None]:
    """Hold the lock of the folder `final`, waiting for it if another process or thread has it."""
    with _lock_file(final).open("a") as file:
        try:
            take_lock(file)
        except BlockingIOError:
            log.info("Waiting for another process, which is preparing the same images.")
            take_lock(file, wait=True)
        yield


@contextmanager
def completing(final: Path) -> Iterator[Path]:
    """Lend the partial folder of `final`, which takes its place if all goes well, and else stays.

    What an earlier process left in it is still there. The caller holds the lock of `final`.

    Raises UserError when something has appeared at `final` meanwhile, which is never replaced, or the partial folder is
    a link.
    """
    partial = partial_of(final)
    partial.mkdir(exist_ok=True)
    if partial.is_symlink():
        raise UserError(f"{partial} is a link, into which nothing is written: move it away.")
    yield partial
    for path in (*partial.iterdir(), partial):
        flush_to_disk(path)
    try:
        rename_new(partial, final)
    except FileExistsError:
        raise UserError(
            f"{final} appeared while it was being made and is left as it is: move it away and run the same again "
            f"with --resume; what was made is in {partial}."
        ) from None
    flush_to_disk(final.parent)


def refuse_strangers(partial: Path, is_ours: Callable[[str], bool]) -> None:
    """Refuse a partial folder that holds anything which this project would not have written: UserError naming it."""
    if not os.path.lexists(partial):
        return
    if partial.is_symlink() or not partial.is_dir():
        raise UserError(f"{partial} is in the way: move it away.")
    for path in strangers(partial, is_ours):
        raise UserError(f"{path} is no part of an unfinished folder: move it out of {partial}, or move that away.")


def remove_stale_partials(folder: Path, is_final: Callable[[str], bool], is_ours: Callable[[str], bool]) -> None:
    """Remove the partial folders that nobody has been making for a week; anything else in them stays.

    Parameters
    ----------
    is_final
        Whether a folder of this name, without ``.partial``, is one that is made here.
    is_ours
        Whether a file of this name is written into it.
    """
    for partial in folder.glob("*" + _PARTIAL):
        final = partial.with_name(partial.name[: -len(_PARTIAL)])
        if not is_final(final.name) or partial.is_symlink() or not partial.is_dir():
            continue
        with _lock_file(final).open("a") as file:
            try:
                if not take_lock(file):
                    continue  # without locks nobody knows whether it is still being made
            except BlockingIOError:
                continue
            with suppress(OSError):
                if time.time() - partial.stat().st_mtime > _STALE_SECONDS:
                    remove_ours(partial, is_ours)


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
