"""LSUN as it is distributed: an LMDB with an encoded image under each key."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import filterfalse, islice
from pathlib import Path
from threading import Lock
from typing import Any, Optional

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources.base import AnyPath, existing, first_bytes
from gluon_wgan.data.sources.containers import IndexedSource, file_facts
from gluon_wgan.data.sources.lmdb_pages import LmdbPages
from gluon_wgan.data.sources.member_index import IndexWriter
from gluon_wgan.errors import UserError

log = logging.getLogger("gluon_wgan.data")

DATA_FILE = "data.mdb"
_SIZED_KEY = re.compile(rb"(\d{1,5})-\d{5,}\Z")
"""Size and number of an image, in an LMDB that holds each image once for every size."""
_KEYS_WITHOUT_IMAGE = {b"length", b"__len__", b"__keys__", b"num-samples"}
USUAL = "bedroom_train_lmdb"
"""The category that the paper and the authors' code train on."""


class LsunSource(IndexedSource):
    """The images of one LSUN category, in the order of their keys.

    Only keys are listed, never values, once; a listing that was stopped goes on where it stopped.
    Of an LMDB that holds each image once for every size (keys such as ``256-00000``), the largest size is taken.
    Each process opens the LMDB when it reads its first image.

    Parameters
    ----------
    root
        The ``..._lmdb`` folder, its ``data.mdb``, an LMDB that is one file under another name, or a folder that
        holds ``bedroom_train_lmdb`` or one other.
    cache_dir, max_pixels
        As for `source_of`.

    Raises
    ------
    UserError
        If there is no LMDB, it is damaged, cut off or empty, the package lmdb is missing, or the
        cache folder cannot be written.
    """

    kind, index_kind, columns = "lsun", "lmdb", 0

    def __init__(self, root: AnyPath, cache_dir: AnyPath, *, max_pixels: Optional[int] = None) -> None:
        path = find_lmdb(existing(root))
        first_bytes(path)
        _library()
        pages = LmdbPages(path)
        label = path.resolve().parent.name if path.name == DATA_FILE else path.stem
        nothing = "no image, only keys that name none: give another LMDB"

        def fill(_: Path, writer: IndexWriter) -> None:
            _list_keys(pages, writer)

        super().__init__(path, cache_dir, fill, label, max_pixels, nothing, total=pages.entries, resumable=True)
        sized = _SIZED_KEY.match(self.index.key(0))
        if sized and self.index.count < pages.entries - 1:
            log.info("%s holds each image at several sizes: those of %d pixels are used.", path, int(sized[1]))
        self._transaction: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_transaction": None}

    def encoded(self, index: int) -> bytes:
        """See `EncodedSource`."""
        key = self.index.key(index)
        try:
            with _reading:
                if self._transaction is None:
                    self._transaction = _opened(self.path).begin()
                value = self._transaction.get(key)
        except _library().Error as error:
            raise BadImage(f"{self.path}: {error}") from error
        if value is None:
            raise BadImage(f"its key is no longer in {self.path}")
        return value


def find_lmdb(root: Path) -> Path:
    """Return the ``data.mdb`` that `root` is or holds."""
    if root.is_file():
        return root
    if (root / DATA_FILE).is_file():
        return root / DATA_FILE
    found = sorted(path.parent for path in root.glob(f"*_lmdb/{DATA_FILE}"))
    usual = [path for path in found if path.name == USUAL] or found
    if len(usual) == 1:
        return usual[0] / DATA_FILE
    if not found:
        raise UserError(f"{root} holds no LMDB: give the folder with {DATA_FILE}, such as {USUAL}.")
    names = ", ".join(path.name for path in found)
    raise UserError(f"{root} holds {names}: give one of them.")


def _library() -> Any:
    try:
        import lmdb
    except ImportError as error:
        raise UserError("Reading LSUN needs the package lmdb: pip install 'gluon-wgan[lsun]'.") from error
    return lmdb


# The library refuses to open a file twice in a process, so whoever comes later uses what is open.
_environments: dict[str, tuple[dict[str, Any], Any]] = {}
_reading = Lock()


def _opened(path: str) -> Any:
    """Open an LMDB for reading alone: without its lock file, and without reading ahead of random places."""
    lmdb, facts = _library(), file_facts(path)
    known, environment = _environments.get(path, (None, None))
    if known == facts:
        return environment
    if environment is not None:
        environment.close()
    try:
        opened = lmdb.open(path, subdir=False, readonly=True, lock=False, readahead=False, create=False)
    except (lmdb.Error, OSError) as error:
        raise UserError(f"Cannot open {path} ({error}): close what else has it open, or fetch it again.") from error
    _environments[path] = (facts, opened)
    return opened


def _list_keys(pages: LmdbPages, writer: IndexWriter) -> None:
    """Append the keys of images after those that are listed."""
    prefix = _prefix(pages)
    keys: Iterator[bytes] = filterfalse(_KEYS_WITHOUT_IMAGE.__contains__, pages.keys())
    if prefix:
        keys = (key for key in keys if key.startswith(prefix))
    for key in islice(keys, writer.count, None):
        writer.add(key)


def _prefix(pages: LmdbPages) -> bytes:
    """Return how the keys begin that are to be listed, where not all of them are."""
    first = next(pages.keys())
    if first.startswith(b"image-"):  # beside which there may be a label for each image
        return b"image-"
    if not _SIZED_KEY.match(first):
        return b""
    return b"%d-" % max(int(found[1]) for found in map(_SIZED_KEY.match, pages.keys()) if found)
