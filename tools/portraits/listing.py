"""The list of the portraits: file names, git ids and checksums."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gluon_wgan.errors import UserError

REPOSITORY = "https://github.com/initiative-sh/artflow-portraits"
COMMIT = "4accf11f6d777e10272cad2242245e12a417252f"
LIST = Path(__file__).with_name("list.csv.gz")
_HEADER = "source_git_blob,source_sha256,sha256"
_ROW = re.compile(r"([0-9a-f]{40}),([0-9a-f]{64}),([0-9a-f]{64})")


@dataclass(frozen=True)
class Portrait:
    """One image.

    Attributes
    ----------
    blob
        Its id in git: 40 hexadecimal digits.
    source_sha256
        SHA-256 of that blob.
    sha256
        SHA-256 of the JPEG that is made of it.
    """

    blob: str
    source_sha256: str
    sha256: str

    @property
    def file(self) -> str:
        """The JPEG's name: the first 16 digits of the blob's id."""
        return f"{self.blob[:16]}.jpg"


@dataclass(frozen=True)
class PortraitList:
    """Images in the order of their files' names."""

    portraits: tuple[Portrait, ...]

    @cached_property
    def manifest(self) -> str:
        """The list as CSV with the files' names, as it stands in the folder of JPEGs."""
        rows = [f"{one.file},{one.blob},{one.source_sha256},{one.sha256}" for one in self.portraits]
        return "\n".join([f"file,{_HEADER}", *rows, ""])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the manifest."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()


def read_list(path: Path) -> PortraitList:
    """Read a list: gzipped CSV, a row for each image with the three columns of `Portrait`.

    Parameters
    ----------
    path
        The list; `LIST` is the one of the 3,962 portraits.

    Raises
    ------
    UserError
        If it cannot be read, a row is not as it should be, or two images would get one file.
    """
    try:
        header, *rows = gzip.decompress(path.read_bytes()).decode("ascii").splitlines() or [""]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"The list {path} cannot be read ({error}): install gluon-wgan again.") from error
    found = [_ROW.fullmatch(row) for row in rows]
    bad = next((line for line, match in enumerate(found, 2) if match is None), None if header == _HEADER else 1)
    if bad is not None:
        raise UserError(f"The list {path} is damaged in line {bad}: install gluon-wgan again.")
    portraits = sorted((Portrait(*match.groups()) for match in found if match), key=lambda one: one.blob)
    if len({one.file for one in portraits}) != len(portraits) or not portraits:
        raise UserError(f"The list {path} names no image, or one twice: install gluon-wgan again.")
    return PortraitList(tuple(portraits))
