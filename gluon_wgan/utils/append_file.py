"""A file that only grows and always knows the hash of what it holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Optional

_BLOCK = 1 << 20


class GrowingFile:
    """A file that is only appended to, and the SHA-256 of what it holds.

    Raises ValueError if the file does not begin as `size` and `sha256` say.

    Parameters
    ----------
    path
        The file; made if missing.
    size, sha256
        What is known of its beginning, which is kept; what follows is cut off.
    also
        Another hash to feed with the beginning.

    Attributes
    ----------
    digest
        SHA-256 of the content.
    """

    def __init__(self, path: Path, size: int = 0, sha256: Optional[str] = None, also: Any = None) -> None:
        self.path, self.size, self.digest = path, size, hashlib.sha256()
        self._file = path.open("r+b" if sha256 is not None else "wb")
        left = size
        while left and (block := self._file.read(min(left, _BLOCK))):
            self.digest.update(block)
            if also is not None:
                also.update(block)
            left -= len(block)
        if sha256 is not None and self.digest.hexdigest() != sha256:
            self._file.close()
            raise ValueError(f"{path.name} is not as it was")
        self._file.truncate(size)

    def append(self, content: Any) -> None:
        """Append bytes, or a contiguous array of uint8."""
        view = memoryview(content).cast("B")
        self._file.write(view)
        self.digest.update(view)
        self.size += len(view)

    def facts(self) -> dict[str, Any]:
        """Return size and SHA-256, once all of it is with the system and would survive a kill."""
        self._file.flush()
        return {"size": self.size, "sha256": self.digest.hexdigest()}

    def close(self) -> None:
        """Close the file."""
        self._file.close()
