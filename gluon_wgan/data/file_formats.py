"""Which image formats are read, how a file of one is recognised by name or beginning, and what other files are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Optional

from PIL import Image

# Of what the installed Pillow reads: formats with a signature are tried on every file, whatever its name; the common
# ones stand first, being tried in order.
_BY_SIGNATURE = (
    *("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "QOI", "PSD", "DDS", "ICNS"),
)
# EPS starts Ghostscript; the others hold no pixels that Pillow itself can decode.
_NEVER = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC")

Image.init()
_FORMATS = tuple(name for name in _BY_SIGNATURE if name in Image.OPEN)
# Many of these have no signature, and nearly any bytes would do for some: they are tried only where the name says so.
_BY_SUFFIX = {suffix: name for suffix, name in Image.EXTENSION.items() if name in Image.OPEN and name not in _NEVER}
IMAGE_SUFFIXES = tuple(sorted(_BY_SUFFIX))
"""Suffixes of the formats that are read, in lower case, each with its dot."""

CONVERTIBLE = (".heic", ".heif", ".jxl", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2")
"""Suffixes of photographs that are not read; of a camera's raw file, a TIFF, Pillow would read the small preview."""

HEAD_BYTES = 32
"""How many of a file's first bytes `is_meant_as_image` needs."""
_SIGNATURE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}|II[*+]\0|MM\0[*+]|P[1-6]\s+[0-9#]"
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xffO\xffQ|....ftyp(?:avi[fs]|.{4,20}avi[fs])|qoif|8BPS\x00\x01|DDS |icns",
    re.DOTALL,
)


def formats_of(name: str) -> tuple[str, ...]:
    """Return Pillow's names of the formats that a file of this name may have."""
    named = _BY_SUFFIX.get(os.path.splitext(name)[1].lower())
    return _FORMATS if named is None or named in _FORMATS else (*_FORMATS, named)


def is_meant_as_image(name: str, read_head: Callable[[], bytes]) -> bool:
    """Tell whether a file is meant to be an image, by its name or, if that says nothing, its first `HEAD_BYTES`."""
    lower = name.lower()
    if lower.endswith(IMAGE_SUFFIXES):
        return True
    return not lower.endswith(CONVERTIBLE) and _SIGNATURE.match(read_head()) is not None


FOREIGN_HEAD_BYTES = 512
"""How much of a file's beginning `describe_foreign` wants to see."""

_UNPACK = "unpack it and give the folder"
_EXPORT = "save its images as PNG files in a folder"
_FETCH = "fetch the file again"
_CONVERT = "convert it to JPEG or PNG"
_PICKLE = "a Python pickle, which is not read because it may run programs"
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself", "run git lfs pull there"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"MSCF", "a cabinet archive", _UNPACK),
    (b"\x93NUMPY", "a NumPy array", f"{_EXPORT}, or give it to tools/evaluate.py"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _EXPORT),
    (b"MATLAB 5.0", "a MATLAB file", _EXPORT),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"\x1aE\xdf\xa3", "a video", "extract its frames into a folder of PNG files"),
    (b"\xff\x0a", "a JPEG XL image", _CONVERT),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", _CONVERT),
    (b"%!PS", "a PostScript file", _EXPORT),
    *((b"\x80" + protocol, _PICKLE, _EXPORT) for protocol in (b"\2", b"\3", b"\4", b"\5")),
)
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_VIDEO_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ")
_PART_OF_ZIP = re.compile(r"\.(z\d{2,}|zip\.\d{2,}|zip\.part\d*)$", re.IGNORECASE)
_PART_OF_7Z = re.compile(r"\.(7z|rar)\.\d{2,}$", re.IGNORECASE)
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".aria2")
JOIN_PARTS = "join its parts first, with zip -s 0 ARCHIVE.zip --out WHOLE.zip, or with cat if they end in .001, .002"
_STORED_NAME = slice(30, 30 + 255)
"""Where a ZIP's first member's name stands; its length stands at 26."""


def describe_foreign(name: str, head: bytes) -> Optional[tuple[str, str]]:
    """Return what a file is and what to do with it, or None if it may be an image or a readable container.

    `head` is its first `FOREIGN_HEAD_BYTES` bytes, or all of a shorter file.
    """
    if not head:
        return "empty", _FETCH
    for start, what, remedy in _FOREIGN:
        if head.startswith(start):
            return what, remedy
    lower = name.lower()
    if _PART_OF_ZIP.search(name) or head[:4] == b"PK\7\x08":
        return "one part of a split ZIP archive", JOIN_PARTS
    if _PART_OF_7Z.search(name):
        return "one part of a split archive", "unpack all of them together and give the folder"
    if lower.endswith(_UNFINISHED):
        return "an unfinished download", "finish or repeat it"
    if ".tfrecord" in lower:
        return "a TFRecord file", _EXPORT
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return "a HEIC photograph", _CONVERT
    if head[4:8] == b"ftyp" and head[8:12] in _VIDEO_BRANDS:
        return "a video", "extract its frames into a folder of PNG files"
    return _archive_of_arrays(head) if head[:4] == b"PK\3\4" else _text(head)


def _archive_of_arrays(head: bytes) -> Optional[tuple[str, str]]:
    """Recognise ZIP files that hold no image files, by their first member."""
    first = head[_STORED_NAME][: int.from_bytes(head[26:28], "little")]
    if first.endswith(b".npy"):
        return "a NumPy .npz of arrays", f"{_EXPORT}, or give it to tools/evaluate.py"
    if first.endswith(b"/data.pkl"):
        return "a PyTorch file", _EXPORT
    if first == b"[Content_Types].xml":
        return "an office document", _EXPORT
    return None


def _text(head: bytes) -> Optional[tuple[str, str]]:
    """Recognise what servers send in place of a file."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<!--")) or b"<html" in start[:300]:
        page = "a web page, not the file itself"
        return page, f"{_FETCH} in a browser, since its server may ask for a confirmation or a login"
    if start.startswith(b"<svg") or b"<svg" in start:
        return "an SVG drawing, which has no pixels", "convert it to PNG"
    if start.startswith(b"<?xml") or start.startswith((b'{"error', b'{"message', b"<error")):
        return "a message of a server, not the file itself", f"read it and {_FETCH}"
    return None
