"""What stood beside the images of a source and was left out, so that nothing vanishes unseen."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from gluon_wgan.data.file_formats import CONVERTIBLE

# Thumbnails, waste baskets and snapshots of Synology, QNAP, Windows, macOS; whatever begins with a dot is hidden.
_SYSTEM_FOLDERS = {
    *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "$recycle.bin", "__macosx"),
    *("system volume information", "@tmp", "@__thumb"),
}
_NO_SUFFIX, _HIDDEN = "(no suffix)", "(hidden)"
_HIDDEN_WHY = "hidden or the system's own"


class LeftOut:
    """Counts of what was left out of one source.

    Attributes
    ----------
    files
        How many files of each suffix are not images; of an archive, also how many are in folders that are left out.
    folders
        How many hidden folders, and folders that only the system writes, have each name.
    excluded
        How many files and folders each pattern of ``--exclude`` matched; what is in such a folder is not counted.
    unreadable
        Each folder that cannot be read, and why.
    """

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.folders: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()
        self.unreadable: list[tuple[str, str]] = []
        self.runs: list[str] = []

    def count_file(self, name: str) -> None:
        """Count a file that is not an image."""
        hidden = os.path.basename(name).startswith(".")
        self.files[_HIDDEN if hidden else os.path.splitext(name)[1].lower() or _NO_SUFFIX] += 1

    def rows(self) -> list[tuple[str, str]]:
        """Return what was left out, and why, as ``skipped.csv`` lists it."""
        kinds = sorted(self.files.items(), key=lambda item: (-item[1], item[0]))
        return [
            *((f"{name}/", f"folder that cannot be read: {reason}") for name, reason in self.unreadable),
            *((f"{name}/", "run directory, whose images are samples") for name in self.runs),
            *((_pattern(kind), _counted(n, "file", _why(kind))) for kind, n in kinds),
            *((f"{name}/", _counted(n, "folder", _HIDDEN_WHY)) for name, n in self.folders.items()),
            *((pattern, _counted(n, "file or folder", "excluded")) for pattern, n in self.excluded.items()),
        ]


def _pattern(kind: str) -> str:
    return f"*{kind}" if kind[0] == "." and "/" not in kind else kind


def _why(kind: str) -> str:
    if "/" in kind:
        return _HIDDEN_WHY
    return "a format that is not read: convert to JPEG or PNG" if kind in CONVERTIBLE else "not an image"


def _counted(count: int, what: str, why: str) -> str:
    words = " or ".join(f"{word}s" for word in what.split(" or ")) if count > 1 else what
    return f"{count:,} {words}: {why}"


def is_system_folder(name: str) -> bool:
    """Tell whether a folder is hidden, or one that a system writes for itself."""
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def matching(name: str, patterns: Sequence[str]) -> str:
    """Return the first of some shell patterns that matches a path or a folder on the way to it, or nothing.

    A pattern is compared with each name on the way, and with the path up to there.
    """
    parts = name.split("/")
    for pattern in patterns:
        bare = pattern.rstrip("/")
        for end, part in enumerate(parts, 1):
            if fnmatchcase(part, bare) or fnmatchcase("/".join(parts[:end]), bare):
                return pattern
    return ""
