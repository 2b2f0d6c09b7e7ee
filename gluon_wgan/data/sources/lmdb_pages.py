"""List the keys of an LMDB file, and check its pages before the library sees them.

The library looks at every value's first page even when it is asked for keys alone, which are three million
places in LSUN's bedrooms; the keys themselves lie on fifty thousand pages. And it trusts its file: a wrong
number in a page, or a file cut short, makes it read outside its memory map, and the process dies. Here
every page that holds keys is read and checked; of values that have pages of their own only the
place is. The layout is that of LMDB 0.9, with little-endian numbers of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from struct import Struct

import numpy as np

from gluon_wgan.data.sources.base import damaged
from gluon_wgan.errors import UserError

MAGIC, FORMAT = 0xBEEFC0DE, 1
# Of a page: number, padding, flags, where its free space begins and ends.
_PAGE = Struct("<Q4H")
# Of a tree: padding, flags, depth, branch, leaf and overflow pages, entries, root.
_TREE = Struct("<I2H5Q")
# Of a meta page: magic, format, address, size of the map; then two trees, the last page and the transaction.
_META = Struct("<IIQQ")
_META_END = Struct("<2Q")
_META_SIZE = _PAGE.size + _META.size + 2 * _TREE.size + _META_END.size
_BRANCH, _LEAF, _META_FLAG = 1, 2, 8
_NODE_BYTES, _PAGE_NUMBER_BYTES = 8, 8
_ON_OWN_PAGES, _NO_PLAIN_VALUE = 1, 6
_REVERSED_KEYS, _INTEGER_KEYS, _WITHOUT_FOLDER = 2, 8, 0x4000
_NO_PAGE = (1 << 64) - 1
_LONGEST_KEY = 511


class LmdbPages:
    """The tree of an LMDB file (``data.mdb``), and how many `entries` it has.

    UserError is raised if its first pages are not those of an LMDB file that the library can open.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._length = path, path.stat().st_size
        self._page_size = 0
        with path.open("rb", buffering=0) as file:
            first = self._meta(file, 0)
            second = self._meta(file, self._page_size)
        _, tree = max(first, second, key=lambda meta: meta[0])
        _, flags, self._depth, branches, leaves, _, self.entries, self._root = _TREE.unpack(tree)
        if flags & ~(_REVERSED_KEYS | _INTEGER_KEYS):
            raise UserError(
                f"{path} is an LMDB that can hold several values under one key (flags {flags}), as no LMDB of images "
                "does: copy it into one without that, with mdb_dump and mdb_load."
            )
        self._key_sizes = (4, 8) if flags & _INTEGER_KEYS else range(1, _LONGEST_KEY + 1)
        self._tree_pages = branches + leaves
        if not self.entries or not self._tree_pages or self._root == _NO_PAGE:
            raise UserError(f"{path} holds no image: its LMDB is empty.")
        if self._tree_pages > self._length // self._page_size:  # or a page that leads to itself could be read forever
            raise damaged(path, 0, f"it announces {self._tree_pages} pages and has {self._length // self._page_size}")

    def keys(self) -> Iterator[bytes]:
        """Check every page of the tree and where each value lies, and yield the keys in their order.

        UserError is raised at the first page that is damaged or missing.
        """
        entries = 0
        with self._path.open("rb", buffering=0) as file:
            for number in self._leaves(file).tolist():
                starts, ends, page = self._checked_page(file, number, _LEAF)
                entries += len(starts)
                for start, end in zip(starts.tolist(), ends.tolist()):
                    yield page[start:end]
        if entries != self.entries:
            raise damaged(self._path, 0, f"it announces {self.entries} entries and has {entries}")

    def _leaves(self, file: FileIO) -> np.ndarray:
        """Check the branches, and return the numbers of the leaves in the order of their keys."""
        level, seen = np.array([self._root]), 1
        for _ in range(1, self._depth):
            below = []
            for number in level.tolist():
                below.append(self._checked_page(file, number, _BRANCH)[0])
                seen += len(below[-1])
                if seen > self._tree_pages:
                    raise damaged(self._path, 0, "its tree has more pages than it announces")
            level = np.concatenate(below)
        return level

    def _meta(self, file: FileIO, at: int) -> tuple[int, bytes]:
        """Check a meta page; return the number of the transaction that wrote it, and its tree of values."""
        if at + _META_SIZE > self._length:
            raise damaged(self._path, self._length, "it ends within its first pages")
        page = self._read(file, at, _META_SIZE)
        _, _, flags, _, _ = _PAGE.unpack_from(page)
        magic, version, address, _ = _META.unpack_from(page, _PAGE.size)
        if magic != MAGIC or not flags & _META_FLAG:
            raise damaged(self._path, at, "no LMDB page begins there")
        if version != FORMAT:
            raise UserError(
                f"{self._path} is an LMDB of format {version}, and only format {FORMAT} (LMDB 0.9) can be read: "
                "convert it with mdb_dump and mdb_load."
            )
        trees = _PAGE.size + _META.size
        size, free_flags = _TREE.unpack_from(page, trees)[:2]
        if not 512 <= size <= 65536 or size & (size - 1) or self._page_size not in (0, size):
            raise damaged(self._path, at + trees, f"pages of {size} bytes")
        if address or free_flags & ~(_INTEGER_KEYS | _WITHOUT_FOLDER):
            raise damaged(self._path, at + _PAGE.size, f"it asks for a fixed address, or has flags {free_flags}")
        self._page_size = size
        _, transaction = _META_END.unpack_from(page, trees + 2 * _TREE.size)
        return transaction, page[trees + _TREE.size : trees + 2 * _TREE.size]

    def _read(self, file: FileIO, at: int, count: int) -> bytes:
        file.seek(at)
        content = file.read(count)
        if len(content) != count:
            raise damaged(self._path, at + len(content), "it has become shorter")
        return content

    def _checked_page(self, file: FileIO, number: int, flags: int) -> tuple[np.ndarray, np.ndarray, bytes]:
        """Check a page of the tree; return where its keys begin and end, and its bytes.

        For a branch, the pages that it leads to stand in place of where its keys begin.
        """
        at = number * self._page_size
        if number < 2 or at + self._page_size > self._length:
            raise damaged(self._path, min(self._length, at), f"page {number} is not there")
        page = self._read(file, at, self._page_size)
        own_number, _, own_flags, lower, upper = _PAGE.unpack_from(page)
        if own_number != number or own_flags != flags:
            raise damaged(self._path, at, "a page is not what its tree says")
        count = (lower - _PAGE.size) // 2
        if lower < _PAGE.size + 2 or lower % 2 or not lower <= upper <= self._page_size:
            raise damaged(self._path, at, "a page's free space does not fit")
        places = np.frombuffer(page, "<u2", count, _PAGE.size).astype(np.int64)
        # A whole node fits the page: then its parts can be read, and then the lengths in them be checked.
        if places.min() < upper or places.max() + _NODE_BYTES > self._page_size:
            raise damaged(self._path, at, "an entry lies outside its page")
        words = np.frombuffer(page, np.uint8)[places[:, None] + np.arange(_NODE_BYTES)].copy().view("<u2")
        low, high, more, key_size = words.astype(np.int64).T
        ends = places + _NODE_BYTES + key_size
        # A range finds an int at once, but searches for NumPy's numbers one by one.
        shortest, longest = int(key_size.min()), int(key_size.max())
        if longest > _LONGEST_KEY or ends.max() > self._page_size:
            raise damaged(self._path, at, "a key does not fit its page")
        if flags == _BRANCH:
            if count < 2:
                raise damaged(self._path, at, "a page leads to fewer than two others")
            return low | high << 16 | more << 32, ends, page
        if shortest not in self._key_sizes or longest not in self._key_sizes:
            raise damaged(self._path, at, f"an entry has a key of {shortest} to {longest} bytes")
        self._check_values(page, at, low | high << 16, more, ends)
        return places + _NODE_BYTES, ends, page

    def _check_values(self, page: bytes, at: int, sizes: np.ndarray, flags: np.ndarray, ends: np.ndarray) -> None:
        """Check that the values of a leaf lie in it, or on pages of their own within the file."""
        if np.any(flags & _NO_PLAIN_VALUE) or flags.max() > _ON_OWN_PAGES:
            raise damaged(self._path, at, "an entry is no plain value")
        elsewhere = flags == _ON_OWN_PAGES
        inside = np.where(elsewhere, _PAGE_NUMBER_BYTES, sizes)
        if np.max(ends + inside) > self._page_size:
            raise damaged(self._path, at, "a value does not fit its page")
        if not elsewhere.any():
            return
        bytes_of = ends[elsewhere][:, None] + np.arange(_PAGE_NUMBER_BYTES)
        first = np.frombuffer(page, np.uint8)[bytes_of].copy().view("<u8")[:, 0]
        last = self._length // self._page_size
        needed = (_PAGE.size - 1 + sizes[elsewhere]) // self._page_size + 1
        if first.min() < 2 or first.max() > last or np.any(first.astype(np.int64) + needed > last):
            raise damaged(self._path, self._length, f"it ends before a value that the page at byte {at} leads to")
