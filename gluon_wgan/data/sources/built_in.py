"""The painted portraits that come with the package."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from gluon_wgan.data.sources.base import EncodedSource
from gluon_wgan.errors import UserError, last_line

ARCHIVE = Path(__file__).parents[1] / "portraits" / "portraits.zip"
ATTRIBUTION = (
    "512 synthetic portraits by **artflow.ai**, the creator and copyright holder, from "
    "<https://github.com/initiative-sh/artflow-portraits>, licensed "
    "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/). Changes made: a subset was selected, cut out "
    "and reduced to 144x144 pixels. They are paintings, not photographs."
)
"""Whose the images are, in Markdown, for whoever passes on what was made from them."""


class BuiltInSource(EncodedSource):
    """512 painted portraits of 144x144 pixels, which need no download; `ATTRIBUTION` says whose they are.

    UserError is raised if the installation is damaged.
    """

    kind = "built-in"

    def __init__(self) -> None:
        super().__init__(list(_images()[0]), "built-in portraits", None)

    def identity(self) -> dict[str, Any]:
        """Return the number of the images, whose they are, and the archive's SHA-256: the same everywhere."""
        by = "artflow.ai, CC BY 4.0, github.com/initiative-sh/artflow-portraits"
        return {"kind": self.kind, "images": len(self), "by": by, "sha256": _images()[1]}

    def encoded(self, index: int) -> bytes:
        """Return image number `index`, a JPEG file."""
        return _images()[0][self.names[index]]


@cache
def _images() -> tuple[dict[str, bytes], str]:
    """Return the files in the archive by name, in its order, and its SHA-256. It is small: each process keeps all."""
    try:
        content = ARCHIVE.read_bytes()
        with ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}, hashlib.sha256(content).hexdigest()
    except (OSError, BadZipFile) as error:
        raise UserError(f"Cannot read {ARCHIVE} ({last_line(error)}): install gluon-wgan again.") from None
