"""LSUN's LMDB: keys alone are listed, a stopped listing goes on, each process opens it when it reads."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest

from gluon_wgan.data.sources import LsunSource, member_index, recognise
from gluon_wgan.data.sources import lsun as module
from gluon_wgan.data.sources.lmdb_pages import LmdbPages
from gluon_wgan.errors import UserError
from tests.data import containers as made


@pytest.fixture
def images(rng: np.random.Generator) -> dict[bytes, bytes]:
    """Return images under keys as LSUN has them, and under binary ones."""
    keys = [rng.bytes(20).hex().encode() for _ in range(20)] + [b"\xff\0" + rng.bytes(3) for _ in range(20)]
    return {key: made.jpeg(rng, 20 + place % 3, 20) for place, key in enumerate(keys)}


def listing(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int = -1) -> LsunSource:
    """Open a source, pressing Ctrl-C when so many keys have been written."""
    monkeypatch.setattr(member_index, "_FLUSH_EVERY", 7)
    add = member_index.IndexWriter.add

    def stopping(self: Any, name: bytes, *numbers: int) -> None:
        if self.count == stop_at:
            raise KeyboardInterrupt
        add(self, name, *numbers)

    monkeypatch.setattr(member_index.IndexWriter, "add", stopping)
    try:
        return LsunSource(root, cache)
    finally:
        monkeypatch.undo()


@pytest.mark.parametrize("layout", ["itself", "file", "parent", "among others", "only one"])
def test_every_usual_root(layout: str, tmp_path: Path, images: dict[bytes, bytes]) -> None:
    name = "church_outdoor_train_lmdb" if layout == "only one" else "bedroom_train_lmdb"
    folder = made.write_lmdb(tmp_path / name, images)
    if layout == "among others":
        made.write_lmdb(tmp_path / "bedroom_val_lmdb", {b"k": b"v"})
    root = {"itself": folder, "file": folder / "data.mdb"}.get(layout, tmp_path)
    assert recognise(root) == "lsun"
    source = LsunSource(root, tmp_path / "cache")
    assert source.label == name and len(source) == 40
    for index, key in enumerate(sorted(images)):
        np.testing.assert_array_equal(source.read(index, 3), made.decoded(images[key]))
        assert source.names[index] == (key.decode() if key.isascii() else key.hex())


def with_flags(path: Path, flags: int) -> None:
    """Declare an LMDB's keys to be integers (8) or compared from their ends (2), which its Python library cannot."""
    content = bytearray(path.read_bytes())
    for page in (0, os.sysconf("SC_PAGE_SIZE")):
        struct.pack_into("<H", content, page + 92, flags)  # of the second tree on a meta page
    path.write_bytes(content)


@pytest.mark.parametrize("subdir", [True, False])
@pytest.mark.parametrize("flags", [0, 2, 8])
def test_single_files_and_integer_keys(subdir: bool, flags: int, tmp_path: Path) -> None:
    # All orders are the same one for little-endian integers below 256.
    contents = {
        struct.pack("<Q", number): made.encoded(np.full((3, 2, 3), number, np.uint8), "BMP") for number in range(256)
    }
    path = made.write_lmdb(tmp_path / ("faces_lmdb" if subdir else "faces.lmdb"), contents, subdir=subdir)
    with_flags(path / "data.mdb" if subdir else path, flags)
    assert recognise(path) == "lsun"
    source = LsunSource(path, tmp_path / "cache")
    assert source.label == path.stem and len(source) == 256
    assert [int(source.read(index, 1)[0, 0, 0]) for index in range(256)] == list(range(256))


def test_integer_keys_of_another_length_are_refused(tmp_path: Path) -> None:
    path = made.write_lmdb(tmp_path / "a.lmdb", {b"a key of 11": b"v"}, subdir=False)
    with_flags(path, 8)  # the library compares 4 or 8 bytes, whatever is there
    with pytest.raises(UserError, match="a key of 11 to 11 bytes"):
        LsunSource(path, tmp_path / "cache")


def test_roots_that_say_too_little(tmp_path: Path) -> None:
    for name in ("bedroom_val_lmdb", "church_outdoor_train_lmdb"):
        made.write_lmdb(tmp_path / name, {b"k": b"v"})
    with pytest.raises(UserError, match="bedroom_val_lmdb, church_outdoor_train_lmdb: give one"):
        LsunSource(tmp_path, tmp_path / "cache")
    with pytest.raises(UserError, match="holds no LMDB"):
        LsunSource(made.write_folder(tmp_path / "other", {"a": b""}), tmp_path / "cache")


def test_values_are_not_read_and_nothing_is_written_beside_them(
    tmp_path: Path, images: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made.write_lmdb(tmp_path / "a_lmdb", images)
    (root / "lock.mdb").unlink()
    calls: list[dict[str, Any]] = []
    library_open = lmdb.open

    def recorded(path: str, **options: Any) -> Any:
        calls.append(options)
        return library_open(path, **options)

    monkeypatch.setattr(lmdb, "open", recorded)
    monkeypatch.setattr(module, "_environments", {})
    source = LsunSource(root, tmp_path / "cache")
    assert not calls  # until an image is read
    source.read(0, 3)
    (options,) = calls
    assert options == {"subdir": False, "readonly": True, "lock": False, "readahead": False, "create": False}
    assert [path.name for path in root.iterdir()] == ["data.mdb"]
    # With a value's pages overwritten the same list comes out.
    large = made.write_lmdb(tmp_path / "b_lmdb", {b"key": bytes(range(256)) * 40})
    content = bytearray((large / "data.mdb").read_bytes())
    place = content.index(bytes(range(256)) * 40)
    content[place - 16 : place + 10240] = b"\xff" * 10256
    (large / "data.mdb").write_bytes(content)
    assert list(LsunSource(large, tmp_path / "cache").names) == ["key"]


def test_the_second_start_lists_nothing(
    tmp_path: Path, images: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made.write_lmdb(tmp_path / "a_lmdb", images)
    first = LsunSource(root, tmp_path / "cache")
    assert list(LsunSource(root, tmp_path / "cache").names) == list(first.names)
    image = first.read(7, 3)
    for part in ("_list_keys", "_opened"):  # neither may be called
        monkeypatch.setattr(module, part, None)
    again = LsunSource(root, tmp_path / "cache")
    assert again.identity() == first.identity()
    copy = pickle.loads(pickle.dumps(first))
    assert len(copy) == 40
    monkeypatch.undo()
    np.testing.assert_array_equal(copy.read(7, 3), image)


@pytest.mark.parametrize("damage", ["none", "half a row", "a name too many"])
def test_a_stopped_listing_goes_on(
    damage: str, tmp_path: Path, images: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made.write_lmdb(tmp_path / "a_lmdb", images)
    whole = LsunSource(root, tmp_path / "whole").identity()
    for stop_at in (0, 1, 17, 18, 39):
        with pytest.raises(KeyboardInterrupt):
            listing(root, tmp_path / "cache", monkeypatch, stop_at)
        (rows,) = (tmp_path / "cache").rglob("rows.i64")
        assert rows.stat().st_size == 8 * stop_at
        with (rows if damage == "half a row" else rows.with_name("names.bin")).open("ab") as file:
            file.write(b"" if damage == "none" else b"half")
    seen: list[bytes] = []
    add = member_index.IndexWriter.add

    def recorded(self: Any, name: bytes) -> None:
        seen.append(name)
        add(self, name)

    monkeypatch.setattr(member_index.IndexWriter, "add", recorded)
    source = LsunSource(root, tmp_path / "cache")
    assert len(seen) == 1  # 39 were listed before
    assert source.identity() == whole and json.dumps(whole)


def test_a_changed_file_is_listed_anew(
    tmp_path: Path, images: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made.write_lmdb(tmp_path / "a_lmdb", dict(list(images.items())[:30]))
    before = LsunSource(root, tmp_path / "cache")
    before.read(0, 3)
    with pytest.raises(KeyboardInterrupt):
        listing(root, tmp_path / "other", monkeypatch, 20)
    (made.write_lmdb(tmp_path / "new_lmdb", images) / "data.mdb").replace(root / "data.mdb")
    for cache in ("cache", "other"):
        after = LsunSource(root, tmp_path / cache)
        assert len(after) == 40 and after.identity() != before.identity()
        assert {after.read(index, 3).tobytes() for index in range(40)} == {
            made.decoded(content).tobytes() for content in images.values()
        }


def test_without_the_package_there_is_a_sentence(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    root = made.write_lmdb(tmp_path / "a_lmdb", {b"k": b"v"})
    done = run_python(
        "import sys; sys.modules['lmdb'] = None\nfrom gluon_wgan.data.sources import LsunSource\n"
        f"LsunSource({str(root)!r}, {str(tmp_path / 'cache')!r})"
    )
    last = done.stderr.splitlines()[-1]
    assert "needs the package lmdb: pip install -e " in last and last.endswith("[lsun]'.")


def test_the_checked_tree_is_the_librarys(tmp_path: Path, rng: np.random.Generator) -> None:
    content = {b"%08d" % place: rng.bytes(int(rng.choice([3, 900, 3000, 9000]))) for place in range(2000)}
    root = made.write_lmdb(tmp_path / "a_lmdb", content)
    for key in list(content)[::3]:  # leaves pages of the tree unused
        with lmdb.open(str(root), map_size=1 << 28) as environment, environment.begin(write=True) as transaction:
            transaction.delete(key)
    pages = LmdbPages(root / "data.mdb")
    with lmdb.open(str(root), readonly=True) as environment, environment.begin() as transaction:
        stat = environment.stat()
        assert list(pages.keys()) == list(transaction.cursor().iternext(values=False))
    assert stat["depth"] > 1 and pages.entries == stat["entries"] == 2000 - 667


def test_a_page_beyond_four_thousand_million_is_not_taken_for_another(tmp_path: Path) -> None:
    path = made.write_lmdb(tmp_path / "a_lmdb", {b"%08d" % place: bytes(900) for place in range(50)}) / "data.mdb"
    content = bytearray(path.read_bytes())
    size = os.sysconf("SC_PAGE_SIZE")
    (branch,) = [at for at in range(2 * size, len(content), size) if content[at + 10 : at + 12] == b"\1\0"]
    (first_node,) = struct.unpack_from("<H", content, branch + 16)
    content[branch + first_node + 4] = 1  # the upper 16 bits of the 48 that a page's number has
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"page 4294967[0-9]+ is not there"):
        LsunSource(path, tmp_path / "cache")


@pytest.mark.parametrize(
    ("announced", "words"), [(1 << 40, r"announces 10995116277\d+ pages"), (1, "more pages than it")]
)
def test_a_page_that_leads_to_itself_is_not_followed_forever(announced: int, words: str, tmp_path: Path) -> None:
    path = made.write_lmdb(tmp_path / "a_lmdb", {b"%08d" % place: bytes(900) for place in range(50)}) / "data.mdb"
    content, size = bytearray(path.read_bytes()), os.sysconf("SC_PAGE_SIZE")
    (branch,) = [at for at in range(2 * size, len(content), size) if content[at + 10 : at + 12] == b"\1\0"]
    (end,) = struct.unpack_from("<H", content, branch + 12)
    for (node,) in struct.iter_unpack("<H", content[branch + 16 : branch + end]):
        struct.pack_into("<IH", content, branch + node, branch // size, 0)
    for meta in (0, size):
        tree = meta + 16 + 24 + 48  # behind the page's head, the meta's and the tree of free pages
        struct.pack_into("<HQ", content, tree + 6, 40, announced)  # the depth, and the number of branches
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        LsunSource(path, tmp_path / "cache")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, 99, "not what its tree says"),  # the page's own number
        (10, 1, "not what its tree says"),  # a leaf that calls itself a branch
        (12, 0, "free space"),
        (14, 0, "free space"),
        (16, 0xFFFF, "outside its page"),
        (-2, 0xFFFF, "key does not fit"),
        (-2, 0, "a key of 0 to 0 bytes"),
        (-4, 2, "no plain value"),
        (-8, 0xFFFF, "value does not fit"),
    ],
)
def test_each_number_on_a_page_is_checked(place: int, value: int, words: str, tmp_path: Path) -> None:
    path = made.write_lmdb(tmp_path / "a_lmdb", {b"key": bytes(100)}) / "data.mdb"
    content = bytearray(path.read_bytes())
    (leaf,) = [at for at in range(0, len(content), os.sysconf("SC_PAGE_SIZE")) if content[at + 10 : at + 12] == b"\2\0"]
    # Negative places count back from the key, before which stand the value's size, its flags and the key's size.
    struct.pack_into("<H", content, leaf + place if place >= 0 else content.index(b"key", leaf) + place, value)
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        LsunSource(path, tmp_path / "cache")
    assert f"{path} is damaged at byte {leaf} " in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: made.write_lmdb(root, {}), "is empty"),
        (lambda root: database_of_databases(root), "no plain value"),
        (lambda root: of_format(root, 2), "format 2"),
    ],
)
def test_other_lmdbs_are_refused(make: Callable[[Path], Any], words: str, tmp_path: Path) -> None:
    make(tmp_path / "a_lmdb")
    with pytest.raises(UserError, match=words) as caught:
        LsunSource(tmp_path / "a_lmdb", tmp_path / "cache")
    assert str(tmp_path / "a_lmdb") in str(caught.value)


def database_of_databases(root: Path) -> None:
    with lmdb.open(str(root), max_dbs=2) as environment:
        inner = environment.open_db(b"inner")
        with environment.begin(write=True) as transaction:
            transaction.put(b"key", b"value", db=inner)


def of_format(root: Path, version: int) -> None:
    path = made.write_lmdb(root, {b"k": b"v"}) / "data.mdb"
    content = bytearray(path.read_bytes())
    for page in (0, os.sysconf("SC_PAGE_SIZE")):
        struct.pack_into("<I", content, page + 20, version)
    path.write_bytes(content)
