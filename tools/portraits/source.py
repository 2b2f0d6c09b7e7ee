"""The portraits as a data source, read from a clone of the public repository."""

from __future__ import annotations

from typing import Any, Optional

from gluon_wgan.data.sources.base import AnyPath, EncodedSource
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError
from tools.portraits.git_blobs import GitBlobs
from tools.portraits.listing import COMMIT, LIST, REPOSITORY, PortraitList, read_list
from tools.portraits.rebuild import rebuild


class PortraitsSource(EncodedSource):
    """Portraits by the names and with the bytes that they have in their folder of JPEGs, in its order.

    No image is ever skipped: what is not exactly as listed is refused, or it would be another data set.

    Parameters
    ----------
    clone
        A clone of the repository, bare or not; its working tree is not looked at.
    portraits
        Which images; None for the 3,962 of the list.
    max_pixels
        Skip images of more pixels; None leaves Pillow's own limit.

    Raises
    ------
    UserError
        If git is not installed, the clone is none, or any of the images is not in it.
    """

    def __init__(
        self, clone: AnyPath, portraits: Optional[PortraitList] = None, *, max_pixels: Optional[int] = None
    ) -> None:
        self.list = read_list(LIST) if portraits is None else portraits
        self.blobs = GitBlobs(clone)
        wanted = [one.blob for one in self.list.portraits]
        missing = self.blobs.missing(wanted)
        if missing:
            raise UserError(
                f"{clone} lacks {len(missing)} of the {len(wanted)} images, {missing[0]} the first: give a whole "
                f"clone of {REPOSITORY} with its commit {COMMIT}."
            )
        super().__init__(pack_names(one.file for one in self.list.portraits), "portraits", max_pixels)

    def identity(self) -> dict[str, Any]:
        """Return the number of images and a digest of the list: with it, every byte is decided."""
        return {"kind": "portraits", "images": len(self), "list_sha256": self.list.sha256, **self.limits()}

    def encoded(self, index: int) -> bytes:
        """Return the JPEG of image number `index`, or raise UserError if it would not be the listed one."""
        portrait = self.list.portraits[index]
        return rebuild(self.blobs.read(portrait.blob), portrait)
