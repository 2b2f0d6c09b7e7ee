"""Rebuild one portrait, byte for byte, from an image of the public repository."""

from __future__ import annotations

import hashlib
from io import BytesIO

import PIL
from PIL import Image, features

from gluon_wgan.errors import UserError
from tools.portraits.listing import Portrait

BOX = (16, 14, 240, 238)
"""Left, top, right and bottom of what is cut out, in pixels: 224x224."""
PILLOW = "13.0.0"
"""The list's JPEGs were made with this release, whose wheels carry the libjpeg-turbo below."""
LIBJPEG_TURBO = "3.2.0"


def rebuild(content: bytes, portrait: Portrait) -> bytes:
    """Return the JPEG of a portrait, checked from end to end.

    Parameters
    ----------
    content
        The blob's content.
    portrait
        What it and the JPEG must be.

    Raises
    ------
    UserError
        If either is something else.
    """
    _check_source(content, portrait)
    try:
        jpeg = encode(content)
    except Exception as error:  # as in decode.py: damaged images raise nearly everything
        raise UserError(
            f"Blob {portrait.blob} cannot be made a JPEG ({' '.join(str(error).split())}): install Pillow {PILLOW}."
        ) from error
    if hashlib.sha256(jpeg).hexdigest() != portrait.sha256:
        raise _other_encoder(portrait)
    return jpeg


def encode(content: bytes) -> bytes:
    """Cut `BOX` out of an encoded image and return it as JPEG; nothing is checked."""
    target = BytesIO()
    # The order matters: a comment in the image reaches the file only through these very steps.
    with Image.open(BytesIO(content)) as image:
        image.convert("RGB").crop(BOX).save(target, "JPEG", quality=90, optimize=True)
    return target.getvalue()


def git_id(content: bytes) -> str:
    """Return the id that git gives a blob of this content: SHA-1 of a header and the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _check_source(content: bytes, portrait: Portrait) -> None:
    if git_id(content) != portrait.blob:
        raise UserError(
            f"Blob {portrait.blob} has been altered (its content has the id {git_id(content)}): clone the repository "
            "again."
        )
    found = hashlib.sha256(content).hexdigest()
    if found != portrait.source_sha256:
        raise UserError(
            f"Blob {portrait.blob} has SHA-256 {found}, but the list says {portrait.source_sha256}: "
            "install gluon-wgan again."
        )


def _other_encoder(portrait: Portrait) -> UserError:
    turbo = features.version("libjpeg_turbo") if features.check("libjpeg_turbo") else None
    here = f"Pillow {PIL.__version__} ({f'libjpeg-turbo {turbo}' if turbo else 'without libjpeg-turbo'})"
    made_with = f"Pillow {PILLOW} (libjpeg-turbo {LIBJPEG_TURBO})"
    if here == made_with:
        return UserError(
            f"{here} makes another JPEG of blob {portrait.blob} than the list says, which was made with the same: "
            "install gluon-wgan again."
        )
    return UserError(
        f"{here} makes another JPEG of blob {portrait.blob} than {made_with}, with which the list was made: "
        f"install the wheel of pillow=={PILLOW}."
    )
