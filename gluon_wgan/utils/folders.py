"""Renaming without replacing, and removing only what this project wrote."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Optional

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
# What renameat2 says where the kernel or the file system cannot do it.
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def rename_new(source: Path, target: Path) -> None:
    """Rename a file or folder, and never replace anything, not even an empty folder.

    Raises FileExistsError when there is something at ``target``, a dangling link included, and OSError when it cannot
    be renamed; ``source`` is then untouched.
    """
    renameat2 = _renameat2()
    if renameat2 is not None:
        old, new = os.fsencode(source), os.fsencode(target)
        if renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
    if not source.is_dir():
        os.link(source, target)  # fails where there is something
        source.unlink()
        return
    target.mkdir()  # fails where there is something
    # A folder replaces an empty one only, so what appears in it meanwhile makes this fail.
    os.rename(source, target)


def rename_to_free(source: Path, targets: Iterable[Path]) -> Path:
    """Rename to the first of these, without end, at which there is nothing, and return that."""
    for target in targets:
        with suppress(FileExistsError):
            rename_new(source, target)
            return target
    raise AssertionError


def set_aside(path: Path) -> Path:
    """Rename what is damaged to ``NAME.damaged-1`` or the next free number, and return that."""
    return rename_to_free(path, (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1)))


def strangers(folder: Path, is_ours: Callable[[str], bool]) -> list[Path]:
    """Return what lies in a folder and is not a regular file with one of our names, sorted."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not (is_ours(entry.name) and entry.is_file(follow_symlinks=False))]
    return sorted(Path(entry.path) for entry in found)


def remove_ours(folder: Path, is_ours: Callable[[str], bool]) -> bool:
    """Delete a folder's regular files with our names, and the folder if nothing else is in it: then return True."""
    if folder.is_symlink() or not folder.is_dir():
        return not os.path.lexists(folder)
    foreign = set(strangers(folder, is_ours))
    for path in folder.iterdir():
        if path not in foreign:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
    return not os.path.lexists(folder)


def named_as(*patterns: str) -> Callable[[str], bool]:
    """Return a function that says whether a whole name matches one of these regular expressions."""
    expression = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return lambda name: expression.fullmatch(name) is not None


def is_stale(path: Path) -> bool:
    """Say whether the process whose number stands in ``.NAME.PID.tmp`` has ended.

    Ask before this process makes such a file there: its own number is then that of an earlier process, as is usual
    in containers.
    """
    match = re.fullmatch(r"\..+\.(\d+)\.tmp", path.name, re.DOTALL)
    if match is None:
        return False
    if int(match[1]) == os.getpid():
        return True
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def remove_stale_files(folder: Path, names: Optional[Iterable[str]] = None) -> None:
    """Delete the temporary files ``.NAME.PID.tmp`` that killed processes left in a folder.

    Parameters
    ----------
    folder
        May be missing.
    names
        Of what files; None for those of any name.
    """
    wanted = None if names is None else set(names)
    with suppress(OSError):
        for path in folder.glob(".*.tmp"):
            name = path.name[1:].rsplit(".", 2)[0]
            if (wanted is None or name in wanted) and path.is_file() and not path.is_symlink() and is_stale(path):
                path.unlink(missing_ok=True)


@cache
def _renameat2() -> Optional[Callable[..., int]]:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function
