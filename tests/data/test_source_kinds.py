"""Every kind of container, written by its own tool, is recognised and read as Pillow alone reads its images."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import find_source, recognisable_roots
from gluon_wgan.data.sources import Source, recognise, source_of
from gluon_wgan.errors import UserError
from tests.data import containers as made

Write = Callable[[Path, dict[str, bytes]], Path]

ARCHIVES: dict[str, tuple[str, Write]] = {
    "a.zip": ("zip", made.write_zip),
    "stored.zip": ("zip", lambda path, images: made.write_zip(path, images, zipfile.ZIP_STORED)),
    "unnamed-zip": ("zip", made.write_zip),
    "a.tar": ("tar", made.write_tar),
    "pax.tar": ("tar", lambda path, images: made.write_tar(path, images, "w:", tarfile.PAX_FORMAT)),
    "ustar.tar": ("tar", lambda path, images: made.write_tar(path, images, "w:", tarfile.USTAR_FORMAT)),
    "a.tar.gz": ("tar", lambda path, images: made.write_tar(path, images, "w:gz")),
    "a.tgz": ("tar", lambda path, images: made.write_tar(path, images, "w:gz", tarfile.PAX_FORMAT)),
    "a.tar.bz2": ("tar", lambda path, images: made.write_tar(path, images, "w:bz2")),
    "a.tar.xz": ("tar", lambda path, images: made.write_tar(path, images, "w:xz")),
    "nothing-in-the-name": ("tar", lambda path, images: made.write_tar(path, images, "w:gz")),
}


@pytest.fixture
def images(rng: np.random.Generator) -> dict[str, bytes]:
    names = ["z/1.jpg", "a.jpeg", "ümlaut/ö.jpg", f"{'long' * 20}/{'er' * 30}.jpg", "z/2.JPG"]
    return {name: made.jpeg(rng, 13 + place, 9) for place, name in enumerate(names)}


def check(source: Source, images: list[np.ndarray]) -> None:
    """Compare a source, and what a helper process would get of it, with images."""
    packed = pickle.dumps(source)
    assert len(packed) < 1500
    copy = pickle.loads(packed)
    assert len(copy) == len(source) == len(source.names) == len(images)
    assert copy.identity() == source.identity() and json.dumps(source.identity())
    for index, image in enumerate(images):
        np.testing.assert_array_equal(copy.read(index, 3), image)
        assert copy.open(index, 1).mode == "L" and copy.read(index, 1).shape == (*image.shape[:2], 1)


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, tmp_path: Path, images: dict[str, bytes]) -> None:
    kind, write = ARCHIVES[name]
    others = {"notes.txt": b"x", "z/": b"", ".hidden.jpg": b"x", "__MACOSX/z/._1.jpg": b"x", "z/.cache/1.jpg": b"x"}
    path = write(tmp_path / name, {**others, **images})
    assert recognise(path) == kind
    source = source_of("auto", path, tmp_path / "cache")
    assert list(source.names) == list(images)  # the archive's own order
    check(source, [made.decoded(content) for content in images.values()])


def test_a_zip64_archive_behind_a_program(tmp_path: Path, images: dict[str, bytes], monkeypatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)  # writes the fields of archives above 4 GiB
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    for name, program, mode in (("before", b"#!/bin/sh\n" * 9, "a"), ("pasted", b"", "w"), ("both", b"MZ" * 9, "a")):
        path = tmp_path / name
        path.write_bytes(program)
        with zipfile.ZipFile(path, mode) as archive:  # type: ignore[call-overload]
            for member, content in images.items():
                archive.writestr(member, content)
            archive.comment = b"PK said the comment"
        content = path.read_bytes()
        assert b"PK\6\6" in content and b"PK\6\7" in content
        if name != "before":
            path.write_bytes(b"#!/bin/sh\n" * 5 + content)  # whose places are then all too small
        source = source_of("zip", path, tmp_path / "cache")
        check(source, [made.decoded(content) for content in images.values()])


@pytest.mark.parametrize("count", [0, 1, 2, 65535])
def test_the_directory_of_a_zip_counts_and_not_its_number_of_entries(
    count: int, tmp_path: Path, images: dict[str, bytes]
) -> None:
    """MacOS's Archive Utility lets the 16-bit count wrap: 202,599 members are announced as 5,991."""
    path = made.write_zip(tmp_path / "a.zip", images)
    end = bytearray(path.read_bytes())
    struct.pack_into("<HH", end, len(end) - 14, count, count)
    path.write_bytes(end)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    source = source_of("auto", path, tmp_path / "cache")
    assert list(source.names) == names == list(images)
    check(source, [made.decoded(content) for content in images.values()])


@pytest.mark.parametrize("with_idx", [True, False])
def test_recordio(with_idx: bool, tmp_path: Path, images: dict[str, bytes]) -> None:
    # An image that holds RecordIO's magic number, at a multiple of four, is split at it into several records.
    magic, bmp = (0xCED7230A).to_bytes(4, "little"), made.encoded(np.zeros((2, 2, 3), np.uint8), "BMP")
    content = bmp + bytes(-len(bmp) % 4) + magic * 2 + b"some" + magic + b"end"
    path = made.write_rec(tmp_path / "a.rec", {**images, "split": content})
    last = path.read_bytes()[int(path.with_suffix(".idx").read_text().split()[-1]) :]
    assert last[7] >> 5 == 1  # the first part of several
    if not with_idx:
        path.with_suffix(".idx").unlink()
    assert recognise(path) == "rec"
    source = source_of("auto", path, tmp_path / "cache")
    check(source, [*(made.decoded(value) for value in images.values()), np.zeros((2, 2, 3), np.uint8)])
    assert source.encoded(len(images)) == content  # type: ignore[attr-defined]
    assert source.names[2] == "record 2"
    if with_idx:
        check(source_of("auto", path.with_suffix(".idx"), tmp_path / "cache"), [source.read(i, 3) for i in range(6)])


@pytest.mark.slow
def test_what_im2rec_packs(tmp_path: Path, images: dict[str, bytes]) -> None:
    import mxnet

    script = Path(mxnet.__file__).parent / "tools" / "im2rec.py"
    if not script.exists():
        pytest.skip("this MXNet comes without im2rec")
    folder = made.write_folder(tmp_path / "in", {name: value for name, value in images.items() if name.isascii()})
    prefix = tmp_path / "packed"
    names = list(folder.rglob("*.*"))
    lines = [f"{place}\t0\t{name.relative_to(folder)}\n" for place, name in enumerate(names)]
    prefix.with_suffix(".lst").write_text("".join(lines))
    code = "import numpy; numpy.bool = bool; import runpy, sys; sys.argv[0] = sys.argv[1]; del sys.argv[1]\n"
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-W", "ignore", "-c", code, str(script), "--pass-through", str(prefix), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    source = source_of("auto", prefix.with_suffix(".rec"), tmp_path / "cache")
    check(source, [made.decoded(name.read_bytes()) for name in names])


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte.gz", "my-idx3-ubyte.gz"])
def test_idx(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    grays = rng.integers(0, 256, (6, 11, 7), dtype=np.uint8)
    path = made.write_idx(tmp_path / "MNIST" / "raw" / name, grays)
    (path.parent / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\1\0\0\0\1\0")
    roots = [path] if name.startswith("my") else [path, path.parent, tmp_path, tmp_path / "MNIST"]
    for root in roots:
        assert recognise(root) == "mnist"
        source = source_of("auto", root, tmp_path / "cache")
        check(source, [np.repeat(gray[:, :, None], 3, axis=2) for gray in grays])
        np.testing.assert_array_equal(source.read(5, 1)[:, :, 0], grays[5])


@pytest.mark.parametrize("version", ["python", "python3", "binary"])
@pytest.mark.parametrize("packed", [True, False])
def test_cifar(version: str, packed: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.integers(0, 256, (9, 3072), dtype=np.uint8)
    names = [b"truck_s_%06d.png" % place for place in range(9)]
    if version == "binary":
        batches = {"data_batch_1.bin": made.cifar_binary(rows[:4]), "data_batch_2.bin": made.cifar_binary(rows[4:])}
        folder, wanted = "cifar-10-batches-bin", "data_batch_2.bin/00001"
    else:
        # Python 3 writes bytes for protocol 2 otherwise than Python 2 did; both are read.
        dump = made.cifar_pickle if version == "python" else dump_with_numpy
        batches = {"data_batch_2": dump(rows[4:], names[4:]), "data_batch_1": dump(rows[:4], names[:4])}
        batches["test_batch"] = dump(rows[:1], names[:1])
        loaded = pickle.loads(batches["data_batch_1"], encoding="bytes")
        np.testing.assert_array_equal(loaded[b"data"], rows[:4])  # as its makers say to read it
        folder, wanted = "cifar-10-batches-py", "data_batch_2/truck_s_000005.png"
    file = f"cifar-10-{version[:6]}.tar.gz"
    path = made.write_cifar(tmp_path / (file if packed else "unpacked"), batches, folder)
    order = [4, 5, 6, 7, 8, 0, 1, 2, 3] if packed and version != "binary" else range(9)  # as they lie in the archive
    for root in (path, path.parent):
        assert recognise(root) == "cifar10"
        source = source_of("auto", root, tmp_path / "cache")
        check(source, [rows[place].reshape(3, 32, 32).transpose(1, 2, 0) for place in order])
        assert wanted in list(source.names)


def dump_with_numpy(rows: np.ndarray, names: list[bytes]) -> bytes:
    return pickle.dumps({b"data": rows, b"labels": [0] * len(rows), b"filenames": names}, 2)


@pytest.mark.parametrize("layout", ["folder", "parent", "kaggle", "zip", "zip-parent"])
def test_celeba(layout: str, tmp_path: Path, rng: np.random.Generator) -> None:
    images = {f"{place:06d}.jpg": made.jpeg(rng, 178, 218) for place in (1, 2)}
    inside = {f"img_align_celeba/{name}": content for name, content in images.items()}
    if layout.startswith("zip"):
        root = made.write_zip(tmp_path / "img_align_celeba.zip", {"img_align_celeba/": b"", **inside})
        root = tmp_path if layout == "zip-parent" else root
    else:
        twice = layout == "kaggle"
        made.write_folder(tmp_path / "img_align_celeba" if twice else tmp_path, inside)
        root = tmp_path / "img_align_celeba" if layout == "folder" else tmp_path
        (tmp_path / "other.jpg").write_bytes(b"x")
    source = source_of("celeba", root, tmp_path / "cache")
    check(source, [made.decoded(content) for content in images.values()])
    assert recognise(root) == {"folder": "folder", "zip": "zip"}.get(layout, "celeba")


@pytest.mark.parametrize("packed", [True, False])
def test_lfw(packed: bool, tmp_path: Path, rng: np.random.Generator) -> None:
    images = {f"lfw/{name}/{name}_0001.jpg": made.jpeg(rng) for name in ("Ada", "Bob")}
    (made.write_tar(tmp_path / "lfw.tgz", images, "w:gz") if packed else made.write_folder(tmp_path, images))
    source = source_of("lfw", tmp_path, tmp_path / "cache")
    check(source, [made.decoded(content) for content in images.values()])
    assert source.label == "lfw"


def test_identity_follows_the_file_and_not_its_place(tmp_path: Path, images: dict[str, bytes]) -> None:
    path = made.write_zip(tmp_path / "a.zip", images)
    seen = [source_of("zip", path, tmp_path / "cache").identity()]
    moved = path.rename(tmp_path / "b.zip")
    assert source_of("zip", moved, tmp_path / "other").identity() == seen[0]
    seen.append(source_of("zip", moved, tmp_path / "cache", max_pixels=10_000).identity())
    os.utime(moved, ns=(1, 1))
    seen.append(source_of("zip", moved, tmp_path / "cache").identity())
    made.write_zip(moved, {**images, "more.jpg": b"x"})
    os.utime(moved, ns=(1, 1))
    seen.append(source_of("zip", moved, tmp_path / "cache").identity())
    assert len({json.dumps(one) for one in seen}) == 4
    assert len(source_of("zip", moved, tmp_path / "cache")) == len(images) + 1


def test_data_root_alone_is_enough(tmp_path: Path, images: dict[str, bytes]) -> None:
    path = made.write_tar(tmp_path / "a.tar", images)
    config = TrainConfig(data_root=str(path), cache_dir=str(tmp_path / "cache"))
    assert len(find_source(config)) == len(images) and recognisable_roots(config) == (str(path),)
    folder = str(made.write_folder(tmp_path / "f", images))
    assert recognisable_roots(TrainConfig(data_root=folder)) == (folder,)
    assert find_source(TrainConfig(limit=5)).label == "built-in portraits"


def test_what_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"nothing known")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "pipe", "none"):
        with pytest.raises(UserError, match=name) as caught:
            recognise(tmp_path / name)
        assert str(caught.value).endswith(".")
