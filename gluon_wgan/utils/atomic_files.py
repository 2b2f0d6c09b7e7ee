"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from gluon_wgan.utils.atomic_folders import flush_to_disk
from gluon_wgan.utils.untrusted import open_regular


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step: a kill at any instant leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_to_disk(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, in one step."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits; ValueError for what is no regular file."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
