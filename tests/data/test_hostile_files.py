"""Traps and damage: nothing runs, nothing is written outside, nothing fills memory, and every file is named."""

from __future__ import annotations

import gzip
import io
import os
import re
import signal
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources import (
    CifarSource,
    FolderSource,
    IdxSource,
    ListSource,
    LsunSource,
    RecordSource,
    TarSource,
    ZipSource,
    source_of,
)
from gluon_wgan.errors import UserError
from tests.data import containers as made
from tests.stress import fuzz_sources


def refusal(make: Any, *arguments: Any) -> str:
    with pytest.raises(UserError) as caught:
        make(*arguments)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def reasons(source: Any) -> dict[str, str]:
    found = {}
    for index, name in enumerate(source.names):
        try:
            source.read(index, 3)
        except BadImage as error:
            found[name] = str(error)
    return found


OUTSIDE = ("/etc/a.jpg", "../a.jpg", "b/../../a.jpg", "C:/a.jpg", "..\\a.jpg", "\\a.jpg")


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_members_that_leave_the_archive_are_skipped_and_named(
    suffix: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    images = dict.fromkeys([*OUTSIDE, "good..jpg", "good.jpg"], made.jpeg(rng))
    path = tmp_path / "in" / f"a.{suffix}"
    path.parent.mkdir()
    if suffix == "zip":
        made.write_zip(path, images)
    else:
        made.write_tar(path, images, "w:gz" if suffix.endswith("gz") else "w:")
    bad = reasons(source_of("auto", path, tmp_path / "cache"))
    assert bad == dict.fromkeys(OUTSIDE, "its path leaves the archive")
    assert [found.name for found in tmp_path.rglob("*.jpg")] == []


def test_links_and_sparse_files_in_a_tar_are_not_followed(tmp_path: Path, rng: np.random.Generator) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(made.jpeg(rng))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        kinds = {"soft.jpg": tarfile.SYMTYPE, "hard.jpg": tarfile.LNKTYPE, "pipe.jpg": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, str(secret), 512  # of content that does not follow
            archive.addfile(info)
        sparse = tarfile.TarInfo("sparse.jpg")
        sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 512
        archive.addfile(sparse, io.BytesIO(bytes(512)))
        info = tarfile.TarInfo("good.jpg")
        info.size = secret.stat().st_size
        archive.addfile(info, io.BytesIO(secret.read_bytes()))
    source = TarSource(tmp_path / "a.tar", tmp_path / "cache")
    assert list(source.names) == ["soft.jpg", "hard.jpg", "sparse.jpg", "good.jpg"]
    link = "a link, which is not followed"
    sparse_file = "a sparse file, whose holes are not filled"
    assert reasons(source) == {"soft.jpg": link, "hard.jpg": link, "sparse.jpg": sparse_file}


def test_a_tar_header_with_a_wrong_checksum_is_named_with_its_place(tmp_path: Path, rng: np.random.Generator) -> None:
    path = made.write_tar(tmp_path / "a.tar", {name: made.jpeg(rng) for name in ("a.jpg", "b.jpg")})
    content = bytearray(path.read_bytes())
    header = content.index(b"b.jpg")
    content[header + 110] ^= 1  # the owner's number, which nobody needs
    path.write_bytes(content)
    assert f"{path} is damaged at byte {header} (a header's checksum" in refusal(TarSource, path, tmp_path / "cache")


def test_a_tar_without_its_end_mark_may_have_lost_members(tmp_path: Path, rng: np.random.Generator) -> None:
    path = made.write_tar(tmp_path / "a.tar", {name: made.jpeg(rng) for name in ("a.jpg", "b.jpg")})
    with tarfile.open(path) as archive:
        second = archive.getmember("b.jpg").offset
    path.write_bytes(path.read_bytes()[:second])
    assert f"{path} is damaged at byte {second} (it ends before" in refusal(TarSource, path, tmp_path / "cache")


def tar_header(kind: bytes, size: int, content: bytes = b"") -> bytes:
    info = tarfile.TarInfo("a.jpg")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


TAR_TRAPS = {
    "a size below nothing": tar_header(tarfile.REGTYPE, -1024),
    "a size below nothing in a pax header": tar_header(tarfile.XHDTYPE, 14, b"14 size=-1024\n") + tar_header(b"0", 0),
    "a size beyond any file": tar_header(tarfile.REGTYPE, 1 << 80),
    "an extended header of a gigabyte": tar_header(tarfile.XHDTYPE, 1 << 30, bytes(2 << 20)),
    "no end of extended headers": tar_header(tarfile.GNUTYPE_LONGNAME, 6, b"a.jpg\0") * 3000,
    "a map of holes without end": tar_header(tarfile.XHDTYPE, 44, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n")
    + tar_header(tarfile.REGTYPE, 512, b"9" * 9 + b"\n"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", TAR_TRAPS)
def test_headers_of_a_tar_that_are_traps(name: str, packed: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    path = made.write_tar(tmp_path / "good.tar", {"good.jpg": made.jpeg(rng)})
    with tarfile.open(path) as archive:
        archive.next()
        end = archive.offset
    content = path.read_bytes()[:end] + TAR_TRAPS[name] + path.read_bytes()[end:]
    path = tmp_path / "a.tar"
    path.write_bytes(gzip.compress(content) if packed else content)
    before = signal.signal(signal.SIGALRM, fuzz_sources._too_long)
    signal.alarm(20)
    try:
        assert f"{path} is damaged at byte" in refusal(TarSource, path, tmp_path / "cache")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_a_zip_members_checksum_is_heeded(tmp_path: Path, rng: np.random.Generator) -> None:
    images = {name: made.encoded(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), "BMP") for name in ("a.bmp", "b.bmp")}
    path = made.write_zip(tmp_path / "a.zip", images, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(images["b.bmp"]) + 200] ^= 1  # a pixel: the image would still decode
    path.write_bytes(content)
    assert reasons(ZipSource(path, tmp_path / "cache")) == {"b.bmp": "damaged: its CRC-32 is wrong"}


def test_a_zip_directory_that_lost_entries_is_damaged(tmp_path: Path) -> None:
    """A name's length that is too great hides the entries that follow, which zipfile does not mind."""
    path = made.write_zip(
        tmp_path / "a.zip", {f"{i}.bmp": made.encoded(np.zeros((9, 9, 3), np.uint8), "BMP") for i in range(6)}
    )
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
    entry = 46 + len("0.bmp")
    struct.pack_into("<H", content, second + 28, len("0.bmp") + 2 * entry)
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 4
    assert "4 entries that can be read, of 6" in refusal(ZipSource, path, tmp_path / "cache")


def test_links_encryption_and_methods_in_a_zip(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.jpg", made.jpeg(rng))
        archive.writestr("lzma.jpg", made.jpeg(rng), zipfile.ZIP_LZMA)
        archive.writestr("good.jpg", made.jpeg(rng), zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"secret.jpg") - 46
    content[place + 8] |= 1  # the flag of an encrypted member, in the directory
    path.write_bytes(content)
    bad = reasons(ZipSource(path, tmp_path / "cache"))
    assert bad.pop("link.jpg").startswith("a link") and bad.pop("secret.jpg") == "encrypted"
    assert bad.pop("lzma.jpg").startswith("compressed by a method") and not bad


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, rng: np.random.Generator) -> None:
    huge = bytes(64 << 20)
    images = {"bomb.bmp": huge, "liar.bmp": huge, "small.ppm": b"P6 500 500 255\n" + bytes(750_000)}
    path = made.write_zip(tmp_path / "a.zip", {**images, "good.jpg": made.jpeg(rng)})
    content = bytearray(path.read_bytes())
    place = content.rindex(b"liar.bmp") - 46
    struct.pack_into("<I", content, place + 24, 1000)  # the unpacked size, in the directory
    path.write_bytes(content)
    source = ZipSource(path, tmp_path / "cache")
    tracemalloc.start()
    bad = reasons(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    assert "hundredfold" in bad.pop("bomb.bmp") and "CRC" in bad.pop("liar.bmp") and not bad


def test_a_compressed_tar_that_expands_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gluon_wgan.data.sources.tar_archive._ALWAYS_FINE", 1 << 20)
    path = made.write_tar(tmp_path / "a.tar.gz", {"a.bmp": bytes(8 << 20)}, "w:gz")
    assert "expands more than a hundredfold" in refusal(TarSource, path, tmp_path / "cache")
    assert not list(tmp_path.rglob("data.bin"))
    path = made.write_idx(tmp_path / "a-idx3-ubyte.gz", np.zeros((1, 4096, 2048), np.uint8))
    assert "expands more than a hundredfold" in refusal(IdxSource, path, tmp_path / "cache")


def test_unpacking_stops_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made.write_tar(tmp_path / "a.tar.gz", {"a.jpg": b"x"}, "w:gz")
    usage = os.statvfs(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 5 << 20}))
    sentence = refusal(TarSource, path, tmp_path / "cache")
    assert "5 MiB free" in sentence and str(tmp_path / "cache") in sentence and usage
    assert not list(tmp_path.rglob("data.bin"))


def test_images_of_too_many_pixels_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    made.write_folder(tmp_path, {"small.jpg": made.jpeg(rng, 10, 10), "large.jpg": made.jpeg(rng, 11, 10)})
    assert reasons(FolderSource(tmp_path, max_pixels=100)) == {"large.jpg": "11x10 pixels, more than the limit of 100"}
    assert reasons(FolderSource(tmp_path)) == {}
    Image.new("1", (20_000, 9_000)).save(tmp_path / "bomb.png")  # 180 million pixels in 22 kB
    assert reasons(FolderSource(tmp_path)) == {"bomb.png": "too many pixels"}
    (tmp_path / "list.csv").write_text("large.jpg\n")
    assert len(reasons(ListSource(tmp_path / "list.csv", max_pixels=109))) == 1
    grays = made.write_idx(tmp_path / "x-idx3-ubyte", np.zeros((1, 5, 5), np.uint8))
    assert len(reasons(IdxSource(grays, tmp_path / "cache", max_pixels=24))) == 1
    assert len(reasons(IdxSource(grays, tmp_path / "cache", max_pixels=25))) == 0


def test_a_file_that_is_cut_off_is_named_with_the_place(tmp_path: Path, rng: np.random.Generator) -> None:
    images = {f"{place}.jpg": made.jpeg(rng, 60, 40) for place in range(9)}
    rows = rng.integers(0, 256, (3, 3072), dtype=np.uint8)
    idx = made.write_idx(tmp_path / "a-idx3-ubyte", rows.reshape(9, 32, 32))
    record = made.write_rec(tmp_path / "a.rec", images)
    root = made.write_lmdb(tmp_path / "a_lmdb", {name.encode(): content for name, content in images.items()})
    cases = [
        (ZipSource, made.write_zip(tmp_path / "a.zip", images), 700),
        (TarSource, made.write_tar(tmp_path / "a.tar", images), 700),
        (TarSource, made.write_tar(tmp_path / "end.tar", images), -10240),
        (IdxSource, idx, 700),
        (IdxSource, made.write_idx(tmp_path / "header-idx3-ubyte", rows.reshape(9, 32, 32)), 15),
        (RecordSource, record, -8),
        (LsunSource, root / "data.mdb", -4096),
        (LsunSource, made.write_lmdb(tmp_path / "b_lmdb", {b"k": b"v"}) / "data.mdb", 5000),
    ]
    for make, path, length in cases:
        content = path.read_bytes()[:length]
        path.write_bytes(content)
        sentence = refusal(make, path, tmp_path / "cache")
        assert str(path) in sentence and f"at byte {len(content)} " in sentence, sentence
    idx.write_bytes(made.idx_bytes(rows.reshape(9, 32, 32)) + b"more")
    assert f"{idx} is damaged at byte 9232 " in refusal(IdxSource, idx, tmp_path / "cache")
    for name, content in (("data_batch_1.bin", made.cifar_binary(rows)), ("data_batch_1", made.cifar_pickle(rows, []))):
        folder = tmp_path / f"cifar-{name}"
        folder.mkdir()
        (folder / name).write_bytes(content[:5000])
        assert f"{folder / name} is damaged at byte" in refusal(CifarSource, folder, tmp_path / "cache")
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress((tmp_path / "end.tar").read_bytes() + bytes(10240))[:-9])
    assert f"{path} is damaged at byte" in refusal(TarSource, path, tmp_path / "cache")


def test_what_is_missing_unreadable_or_no_such_thing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    for make in (ZipSource, TarSource, IdxSource, RecordSource, LsunSource, CifarSource):
        for name in ("none", "pipe", "empty"):
            assert str(tmp_path / name) in refusal(make, tmp_path / name, tmp_path / "cache")
    (tmp_path / "text").write_text("some text, of another kind" * 99)
    for make in (ZipSource, TarSource, IdxSource, RecordSource, LsunSource, CifarSource):
        assert f"{tmp_path / 'text'} is damaged at byte" in refusal(make, tmp_path / "text", tmp_path / "cache")
    for make in (ZipSource, TarSource, IdxSource, LsunSource, CifarSource):
        assert str(tmp_path) in refusal(make, tmp_path, tmp_path / "cache")


def test_a_hundred_damaged_files(tmp_path: Path) -> None:
    faults: list[str] = []
    before = signal.signal(signal.SIGALRM, fuzz_sources._too_long)
    try:
        counts = fuzz_sources.run(
            range(114), 20, tmp_path, lambda case, kind, outcome: faults.append(f"{case} {kind} {outcome}")
        )
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not faults
    total = sum(counts.values(), Counter())
    assert total["refused"] + total["partly"] + total["whole"] == 114 and len(counts) == 21
    assert total["refused"] > 30 and total["whole"] > 20 and total["partly"] > 5


ZIP64 = struct.Struct("<HHQ")
EXTRA_FIELDS = {
    "none": b"",
    "whole": struct.pack("<HH4s", 0x7075, 4, b"abcd"),
    "cut off in its head": b"\x01\x00\x18",
    "longer than it is": struct.pack("<HH4s", 0x5455, 900, b"abcd"),
    "ZIP64 without its numbers": struct.pack("<HH", 1, 0),
    "ZIP64 cut off": struct.pack("<HHI", 1, 24, 7),
    "ZIP64 that nothing asks for": ZIP64.pack(1, 8, 1 << 60),
    "noise": bytes(range(1, 60)),
}


@pytest.mark.parametrize("large", [False, True], ids=["sizes", "sizes in ZIP64"])
@pytest.mark.parametrize("extra", EXTRA_FIELDS.values(), ids=EXTRA_FIELDS)
def test_extra_fields_of_a_zip_are_read_as_pythons_zipfile_reads_them(tmp_path, rng, extra, large):
    images = {f"{place}.jpg": made.jpeg(rng) for place in range(3)}
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in images.items():
            info = zipfile.ZipInfo(name)
            info.extra = extra if name == "1.jpg" else b""
            archive.writestr(info, content)
    if large:  # both sizes of 1.jpg in the directory say that they stand in the extra field
        content = bytearray(path.read_bytes())
        entry = content.index(b"PK\1\2", content.index(b"PK\1\2") + 1)
        content[entry + 20 : entry + 28] = b"\xff" * 8
        path.write_bytes(content)
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, struct.error):
        listed = []
    if not listed or any(info.compress_size > path.stat().st_size for info in listed):
        with pytest.raises(UserError, match=re.escape(f"{path} is damaged")) as refused:
            ZipSource(path, tmp_path / "cache")
        assert "\n" not in str(refused.value)
    else:
        source = ZipSource(path, tmp_path / "cache")
        assert [source.encoded(place) for place in range(len(source))] == list(images.values())
