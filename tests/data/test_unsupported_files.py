"""Files that are something else than their names say, each made by the tool that makes it where there is one."""

from __future__ import annotations

import io
import logging
import pickle
import shutil
import struct
import subprocess
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources import FolderSource, recognise, source_of
from gluon_wgan.data.sources.base import left_out_rows
from gluon_wgan.errors import UserError
from tests.data import containers as made

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, mu=np.zeros(4), sigma=np.eye(4))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((2, 8, 8, 3), np.uint8))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("celeba.zip", PAGE, ["web page", "browser"]),
        ("lsun.tar", PAGE, ["web page"]),
        ("list.csv", PAGE, ["web page"]),
        ("data.mdb", LFS, ["Git LFS pointer", "git lfs pull"]),
        ("train.parquet", LFS, ["Git LFS pointer"]),
        ("train.rec", LFS, ["Git LFS pointer"]),
        ("train-images-idx3-ubyte.gz", LFS, ["Git LFS pointer"]),
        ("a.zip", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', ["message of a server"]),
        ("a.zip", b'{"error": "login required"}', ["message of a server"]),
        ("samples.npz", npz(), ["NumPy", "evaluate.py"]),
        ("samples.zip", npz(), ["NumPy", "evaluate.py"]),
        ("samples.npy", npy(), ["NumPy array", "evaluate.py"]),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", ["7z archive", "unpack"]),
        ("a.zip", b"7z\xbc\xaf\x27\x1c\0\4", ["7z archive", "unpack"]),
        ("a.rar", b"Rar!\x1a\x07\1\0", ["RAR archive", "unpack"]),
        ("images.h5", b"\x89HDF\r\n\x1a\n", ["HDF5"]),
        ("train.pkl", pickle.dumps({"a": 1}), ["pickle"]),
        ("train.zip", b"", ["empty"]),
        ("a.zip.crdownload", b"PK\3\4" + bytes(99), ["unfinished download"]),
        ("a.zip.001", b"PK\3\4" + bytes(99), ["split ZIP", "join"]),
        ("a.z01", b"PK\7\x08PK\3\4" + bytes(99), ["split ZIP", "join"]),
        ("IMG_0001.HEIC", b"\0\0\0 ftypheic" + bytes(99), ["HEIC", "convert"]),
        ("a.jxl", b"\xff\x0a" + bytes(99), ["JPEG XL", "convert"]),
        ("clip.mp4", b"\0\0\0 ftypisom", ["video", "frames"]),
        ("train.tfrecord-00000-of-00002", bytes(40), ["TFRecord"]),
    ],
)
@pytest.mark.parametrize("kind", ["auto", "explicit"])
def test_what_a_file_is_and_what_to_do(name: str, content: bytes, words: list[str], kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        source_of("auto" if kind == "auto" else "zip", tmp_path / name, tmp_path / "cache")
    message = str(caught.value)
    assert all(word in message for word in [str(tmp_path / name), *words]), message
    assert "\n" not in message and message.endswith(".")


@pytest.mark.parametrize("packed", [False, True])
def test_a_cameras_raw_file_is_left_out_and_not_read_as_its_preview(
    packed: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    preview = io.BytesIO()
    Image.fromarray(rng.integers(256, size=(12, 16, 3), dtype=np.uint8)).save(preview, "TIFF")
    content = {"a.jpg": made.jpeg(rng), "b.DNG": preview.getvalue(), "c.cr2": preview.getvalue()}
    root = made.write_zip(tmp_path / "a.zip", content) if packed else made.write_folder(tmp_path / "images", content)
    source = source_of("auto", root, tmp_path / "cache")
    assert list(source.names) == ["a.jpg"]
    why = "1 file: a format that is not read: convert to JPEG or PNG"
    assert sorted(left_out_rows(source)) == [("*.cr2", why), ("*.dng", why)]


def test_a_zip_that_zip_itself_has_split(tmp_path: Path, rng: np.random.Generator) -> None:
    if shutil.which("zip") is None:
        pytest.skip("the program zip is not installed")
    made.write_folder(tmp_path / "in", {f"{number}.jpg": made.jpeg(rng, 200, 200) for number in range(8)})
    subprocess.run(["zip", "-q", "-r", "-s", "64k", "../a.zip", "."], cwd=tmp_path / "in", check=True)
    parts = sorted(tmp_path.glob("a.z*"))
    assert len(parts) > 1
    for part in parts:
        with pytest.raises(UserError, match=r"split ZIP.*zip -s 0"):
            source_of("auto", part, tmp_path / "cache")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LFS, "Git LFS pointer"),
        (PAGE, "web page"),
        (b"", "not an image but empty"),
        (b"noise" * 9, "not an image in a known format"),
    ],
)
def test_a_reason_names_what_stands_in_an_images_place(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(content)
    with pytest.raises(BadImage, match=words):
        FolderSource(tmp_path / "images").read(0, 3)
    made.write_zip(tmp_path / "a.zip", {"a.jpg": content})
    with pytest.raises(BadImage, match=words):
        source_of("auto", tmp_path / "a.zip", tmp_path / "cache").read(0, 3)


@pytest.mark.parametrize("with_idx", [True, False])
def test_the_label_records_of_insightface_are_left_out(
    with_idx: bool, tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    """Record 0 says where the records of identities begin, which stand behind the images and hold two labels."""
    from mxnet import recordio

    images = [made.jpeg(rng) for _ in range(5)]
    path = tmp_path / "train.rec"
    file = recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "w")
    file.write_idx(0, recordio.pack(recordio.IRHeader(2, [6.0, 8.0], 0, 0), b""))
    for number, content in enumerate(images, 1):
        file.write_idx(number, recordio.pack(recordio.IRHeader(0, number % 2, number, 0), content))
    for number in (6, 7):
        file.write_idx(number, recordio.pack(recordio.IRHeader(2, [1.0, 4.0], number, 0), b""))
    file.close()
    if not with_idx:
        path.with_suffix(".idx").unlink()
    with caplog.at_level(logging.INFO, "gluon_wgan.data"):
        source = source_of("auto", path, tmp_path / "cache")
    assert list(source.names) == [f"record {number}" for number in range(1, 6)]
    for number, content in enumerate(images):
        np.testing.assert_array_equal(source.read(number, 3), made.decoded(content))
    assert "Left out 3 records" in caplog.text


def test_an_lmdb_with_an_image_for_every_size(
    tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys as rosinality's prepare_data.py writes them."""
    with lmdb.open(str(tmp_path / "faces"), map_size=1 << 24) as environment:
        for size in (8, 16, 128):
            for number in range(3):
                with environment.begin(write=True) as transaction:
                    key = f"{size}-{str(number).zfill(5)}".encode()
                    transaction.put(key, made.jpeg(rng, size, size))
        with environment.begin(write=True) as transaction:
            transaction.put(b"length", b"3")
    for _ in range(2):  # the second time, the list in the cache is used
        caplog.clear()
        with caplog.at_level(logging.INFO, "gluon_wgan.data"):
            source = source_of("auto", tmp_path / "faces", tmp_path / "cache")
        assert list(source.names) == ["128-00000", "128-00001", "128-00002"]
        assert source.read(0, 3).shape == (128, 128, 3)
        assert "those of 128 pixels are used" in caplog.text


def test_an_lmdb_with_labels_beside_its_images(tmp_path: Path, rng: np.random.Generator) -> None:
    images = {f"image-{number:09d}".encode(): made.jpeg(rng) for number in (1, 2)}
    others = {b"label-000000001": b"cat", b"label-000000002": b"dog", b"num-samples": b"2"}
    made.write_lmdb(tmp_path / "words", {**images, **others})
    source = source_of("auto", tmp_path / "words", tmp_path / "cache")
    assert list(source.names) == [key.decode() for key in images]


def test_recognition_is_not_misled_by_real_files(tmp_path: Path, rng: np.random.Generator) -> None:
    made.write_zip(tmp_path / "a.zip", {"a.jpg": made.jpeg(rng)})
    (tmp_path / "page.jpg").write_bytes(made.jpeg(rng))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, 1, 2, 2) + bytes(4))
    assert [recognise(tmp_path / name) for name in ("a.zip", "page.jpg", "train-images-idx3-ubyte")] == [
        "zip",
        "image",
        "mnist",
    ]
