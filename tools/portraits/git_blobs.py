"""Read blobs of a git repository by id, without its working tree and without the network."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Optional

from gluon_wgan.data.sources.base import AnyPath, existing
from gluon_wgan.errors import UserError

# They would let git look elsewhere than in the folder that it is given, as they do within a git hook.
_ELSEWHERE = (
    *("GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY"),
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
# A clone made with --filter would fetch each missing blob by itself, or wait for a password. English, since our
# sentences quote it.
_SETTINGS = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitBlobs:
    """Reads blobs of a repository through one ``git cat-file``, started when first needed in each process.

    Parameters
    ----------
    root
        The repository, bare or not, or a folder in its working tree.

    Raises
    ------
    UserError
        If it is missing or no folder.
    """

    def __init__(self, root: AnyPath) -> None:
        folder = existing(root)
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, not a git repository: give the folder that git clone made.")
        self.root = str(folder.resolve())
        self._forget()

    def _forget(self) -> None:
        self._git: Optional[subprocess.Popen[bytes]] = None
        self._owner, self._lock = -1, threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.root = state["root"]
        self._forget()

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Return those of some ids that are no blob of the repository.

        Raises
        ------
        UserError
            If git is not installed, or finds no repository that it can read.
        """
        asked = "".join(f"{one}\n" for one in ids).encode()
        try:
            run = subprocess.run(self._command("--batch-check"), input=asked, capture_output=True, env=_environment())
        except OSError as error:
            raise _no_git(error) from error
        answers = run.stdout.decode(errors="replace").splitlines()
        if run.returncode or len(answers) != len(ids):
            raise UserError(
                f"git cannot read {self.root} ({_reason(run.stderr)}): give the folder that git clone made, whole."
            )
        return [one for one, answer in zip(ids, answers) if answer.split(" ")[:2] != [one, "blob"]]

    def read(self, one: str) -> bytes:
        """Return the content of the blob with an id.

        Raises
        ------
        UserError
            If there is none, or git cannot read it.
        """
        with self._lock:
            git = self._running()
            assert git.stdin is not None and git.stdout is not None
            try:
                git.stdin.write(f"{one}\n".encode())
                git.stdin.flush()
                found, kind, *size = git.stdout.readline().decode().split()
                if (found, kind, len(size)) != (one, "blob", 1):
                    raise ValueError(kind)
                content = git.stdout.read(int(size[0]) + 1)
                if len(content) != int(size[0]) + 1:
                    raise ValueError("cut off")
                return content[:-1]
            except (OSError, ValueError) as error:
                self._end()
                raise UserError(
                    f"git cannot read blob {one} in {self.root}: look at it with git fsck, or clone it again."
                ) from error

    def _running(self) -> subprocess.Popen[bytes]:
        # A forked process must not talk to its parent's git.
        if self._git is None or self._owner != os.getpid():
            try:
                self._git = subprocess.Popen(
                    self._command("--batch"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is for the caller
                )
            except OSError as error:
                raise _no_git(error) from error
            self._owner = os.getpid()
        return self._git

    def _command(self, mode: str) -> list[str]:
        return ["git", "-C", self.root, "cat-file", mode]

    def _end(self) -> None:
        git, self._git = self._git, None
        if git is None or self._owner != os.getpid():
            return
        git.kill()
        with suppress(OSError):  # what was still to be written to it
            git.communicate()

    def __del__(self) -> None:
        if getattr(self, "_git", None) is not None:
            self._end()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return {**kept, **_SETTINGS}


def _no_git(error: OSError) -> UserError:
    return UserError(f"Cannot run git ({error.strerror or error}): install it, and see that it is on the PATH.")


def _reason(said: bytes) -> str:
    """Return the line in which git says what ended it."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines or ["it said nothing"])[0].removeprefix("fatal: ").rstrip(".")
