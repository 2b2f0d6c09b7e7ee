"""The portraits that come with the package: which they are, how they were made, and that they are faces."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.sources import BuiltInSource
from gluon_wgan.data.sources.built_in import ARCHIVE
from tools.portraits import built_in
from tools.portraits.listing import COMMIT, LIST, REPOSITORY, read_list


@pytest.fixture(scope="module")
def source() -> BuiltInSource:
    return BuiltInSource()


def test_they_are_the_first_on_the_list_of_portraits(source: BuiltInSource) -> None:
    assert list(source.names) == [one.file for one in read_list(LIST).portraits[:512]]


def test_they_are_made_as_the_tool_makes_them(
    source: BuiltInSource, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = shared_data("portraits")
    for index in range(0, len(source), 64):
        assert source.encoded(index) == built_in.reduced(folder / source.names[index])
    few = tmp_path / "few"
    few.mkdir()
    for name in source.names[:3]:
        (few / name).symlink_to(folder / name)
    for name in ("one.zip", "other.zip"):
        built_in.write(few, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as made, ZipFile(ARCHIVE) as ours:
        for one in made.infolist():
            shipped = ours.getinfo(one.filename)
            assert (one.CRC, one.date_time, one.compress_type) == (
                shipped.CRC,
                shipped.date_time,
                shipped.compress_type,
            )


def test_its_page_names_origin_licence_and_checksum(source: BuiltInSource) -> None:
    page = ARCHIVE.with_name("README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    for words in (REPOSITORY, COMMIT, "artflow.ai", "https://creativecommons.org/licenses/by/4.0/", digest):
        assert words in page
    identity = source.identity()
    assert (identity["kind"], identity["images"], identity["sha256"]) == ("built-in", 512, digest)
    assert "artflow.ai, CC BY 4.0" in identity["by"]


def test_the_archive_is_small() -> None:
    assert ARCHIVE.stat().st_size < 2_000_000


def test_pixels_are_pillows_and_a_copy_reads_the_same(source: BuiltInSource) -> None:
    copy = pickle.loads(pickle.dumps(source))
    for index in (0, 300, 511):
        with Image.open(io.BytesIO(source.encoded(index))) as image:
            assert (image.format, image.size) == ("JPEG", (144, 144))
            np.testing.assert_array_equal(copy.read(index, 3), np.asarray(image.convert("RGB")))
            assert source.read(index, 1).shape == (144, 144, 1)


def test_opencv_finds_a_face_in_nearly_each_and_no_two_are_alike(source: BuiltInSource) -> None:
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))
    some = [source.read(index, 1)[:, :, 0] for index in range(0, len(source), 16)]
    assert sum(len(cascade.detectMultiScale(image, 1.1, 3)) == 1 for image in some) > 0.9 * len(some)
    small = np.stack([cv2.resize(source.read(index, 1), (9, 9), interpolation=cv2.INTER_AREA) for index in range(512)])
    distances = np.abs(small[:, None].astype(int) - small[None]).mean(axis=(2, 3))
    assert distances[~np.eye(len(small), dtype=bool)].min() > 2
