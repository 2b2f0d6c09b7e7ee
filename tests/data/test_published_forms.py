"""Files of images in the forms in which data sets are published: Parquet, zstd, folders and patterns of shards."""

from __future__ import annotations

import io
import logging
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.prepared_data import find_source
from gluon_wgan.data.sources import ParquetSource, Source, named_source, recognise, source_of
from gluon_wgan.errors import UserError
from tests.data import containers as made


@pytest.fixture
def encoded(rng: np.random.Generator) -> dict[str, bytes]:
    return {f"{number:04d}.jpg": made.jpeg(rng) for number in range(6)}


def check(source: Source, images: list[bytes]) -> None:
    """Compare with what Pillow alone decodes."""
    assert len(source) == len(images)
    for number, content in enumerate(images):
        np.testing.assert_array_equal(source.read(number, 3), made.decoded(content))


def write_parquet(path: Path, encoded: dict[str, bytes], **options: Any) -> Path:
    """Write the schema and metadata that the datasets library gives a data set with an Image feature."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    images = [{"bytes": content, "path": name} for name, content in encoded.items()]
    columns = {"image": pyarrow.array(images, kind), "label": pyarrow.array([0] * len(images), pyarrow.int64())}
    features = b'{"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel"}}}}'
    parquet.write_table(pyarrow.table(columns, metadata={b"huggingface": features}), path, **options)
    return path


def write_tar_zst(path: Path, encoded: dict[str, bytes]) -> Path:
    plain = made.write_tar(path.with_suffix(""), encoded)
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(plain.read_bytes()))
    plain.unlink()
    return path


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_parquet_as_the_datasets_library_writes_it(compression: str, tmp_path: Path, encoded: dict[str, bytes]) -> None:
    path = write_parquet(tmp_path / "a.parquet", encoded, compression=compression, row_group_size=4)
    assert recognise(path) == "parquet"
    source = source_of("auto", path, tmp_path / "cache")
    check(source, list(encoded.values()))
    assert source.names[1] == "row 1 0001.jpg"


def test_a_damaged_name_of_a_column_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"image": [b"1", b"2"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"image", b"im\xe2ge"))
    with pytest.raises(UserError, match="no Parquet file or is damaged"):
        named_source("auto", [str(path)], tmp_path / "cache")


def test_other_columns_of_parquet(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    images = list(encoded.values())
    masks = images[::-1]
    path = tmp_path / "a.parquet"
    for columns in (
        {"id": range(6), "content": images},
        {"thumbnail": masks, "jpg": images},
        {"mask": masks, "image": images},
        {"picture": pyarrow.array(images, pyarrow.large_binary())},
    ):
        parquet.write_table(pyarrow.table({name: values for name, values in columns.items()}), path)
        check(ParquetSource(path, tmp_path / "cache"), images)
    parquet.write_table(pyarrow.table({"first": images, "second": masks}), path)
    with pytest.raises(UserError, match="first, second"):
        ParquetSource(path, tmp_path / "cache")
    parquet.write_table(pyarrow.table({"label": [1], "text": ["x"]}), path)
    with pytest.raises(UserError, match="only label, text"):
        ParquetSource(path, tmp_path / "cache")


def test_rows_of_parquet_without_bytes(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    path = write_parquet(tmp_path / "a.parquet", {**encoded, "outside.jpg": None})  # type: ignore[dict-item]
    source = ParquetSource(path, tmp_path / "cache")
    with pytest.raises(BadImage, match="without its bytes"):
        source.read(6, 3)
    assert source.names[6] == "row 6 outside.jpg"


def test_damaged_parquet(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    path = write_parquet(tmp_path / "a.parquet", encoded)
    whole = path.read_bytes()
    for content in (whole[:-5], whole[: len(whole) // 2], b"PAR1", whole[:4] + b"\xff" * 200 + whole[204:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.parquet"):
            source = ParquetSource(path, tmp_path / "cache")
            [source.read(number, 3) for number in range(len(source))]
            raise UserError("a.parquet: the damage is in no page that is checked.")


def test_a_table_of_thousands_of_columns_is_refused_in_a_short_sentence(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({f"c{number}": [1] for number in range(2000)}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="c11 and 1988 more: give another") as caught:
        source_of("auto", tmp_path / "a.parquet", tmp_path / "cache")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_tar_zst(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    path = write_tar_zst(tmp_path / "a.tar.zst", encoded)
    assert recognise(path) == "tar"
    check(source_of("auto", path, tmp_path / "cache"), list(encoded.values()))
    unnamed = path.rename(tmp_path / "unnamed")
    assert recognise(unnamed) == "tar"
    for cut in (unnamed.stat().st_size // 2, unnamed.stat().st_size - 9):
        (tmp_path / "b.tar.zst").write_bytes(unnamed.read_bytes()[:cut])
        with pytest.raises(UserError, match="damaged"):
            source_of("auto", tmp_path / "b.tar.zst", tmp_path / "cache")


def test_tar_zst_with_skippable_frames_as_pzstd_writes_it(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    plain = made.write_tar(tmp_path / "plain.tar", encoded).read_bytes()
    frames = [zstandard.ZstdCompressor().compress(plain[start : start + 5000]) for start in range(0, len(plain), 5000)]
    path = tmp_path / "unnamed"
    path.write_bytes(b"".join(struct.pack("<3I", 0x184D2A50, 4, len(frame)) + frame for frame in frames))
    assert recognise(path) == "tar"
    check(source_of("auto", path, tmp_path / "cache"), list(encoded.values()))


def test_a_zstd_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gluon_wgan.data.sources.tar_archive._ALWAYS_FINE", 1 << 20)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo("a.bmp")
        info.size = 8 << 20
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    (tmp_path / "a.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(content.getvalue()))
    with pytest.raises(UserError, match="hundredfold"):
        source_of("auto", tmp_path / "a.tar.zst", tmp_path / "cache")


WRITERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    ".tar": made.write_tar,
    ".tar.zst": write_tar_zst,
    ".parquet": write_parquet,
    ".zip": made.write_zip,
    ".rec": made.write_rec,
}


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("named", ["folder", "pattern", "repository"])
def test_shards(ending: str, named: str, tmp_path: Path, encoded: dict[str, bytes]) -> None:
    folder = tmp_path / "published" / "data" if named == "repository" else tmp_path / "published"
    folder.mkdir(parents=True)
    halves = [dict(list(encoded.items())[:4]), dict(list(encoded.items())[4:])]
    for number, half in enumerate(halves):
        WRITERS[ending](folder / f"train-{number:05d}{ending}", half)
    (folder / "README.md").write_text("# Photographs\n")
    root = str(folder / f"train-*{ending}") if named == "pattern" else str(tmp_path / "published")
    config = TrainConfig(data_root=root, cache_dir=str(tmp_path / "cache"))
    source = find_source(config)
    check(source, list(encoded.values()))
    assert source.names[4].startswith(f"train-00001{ending}/")


def test_a_pattern_may_name_folders_of_shards(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    for number, name in enumerate(encoded):
        folder = tmp_path / f"part-{number // 4}"
        folder.mkdir(exist_ok=True)
        made.write_tar(folder / f"{number}.tar", {name: encoded[name]})
    check(named_source("auto", [str(tmp_path / "part-*")], tmp_path / "cache"), list(encoded.values()))


def test_shards_for_testing_are_left_out_and_reported(
    tmp_path: Path, encoded: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    write_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", encoded)
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", encoded)
    with caplog.at_level(logging.INFO, "gluon_wgan.data"):
        check(named_source("auto", [str(tmp_path)], tmp_path / "cache"), list(encoded.values()))
    assert "Of the 2 shards" in caplog.text


def test_a_folder_of_images_beside_their_archive_is_a_folder(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    made.write_folder(tmp_path / "images", encoded)
    made.write_zip(tmp_path / "images.zip", encoded)
    assert recognise(tmp_path) == "folder"


def test_what_patterns_and_shards_refuse(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    with pytest.raises(UserError, match="No file matches"):
        named_source("auto", [str(tmp_path / "train-*.tar")], tmp_path / "cache")
    made.write_zip(tmp_path / "a.zip", encoded)
    made.write_tar(tmp_path / "a.tar", encoded)
    with pytest.raises(UserError, match="name one kind"):
        named_source("auto", [str(tmp_path)], tmp_path / "cache")
    check(named_source("tar", [str(tmp_path)], tmp_path / "cache"), list(encoded.values()))
    with pytest.raises(UserError, match="holds no rec file"):
        named_source("rec", [str(tmp_path)], tmp_path / "cache")


def test_single_images_and_patterns_of_images(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    made.write_folder(tmp_path, encoded)
    (tmp_path / "without_suffix").write_bytes(encoded["0003.jpg"])
    names = [str(tmp_path / name) for name in ("0002.jpg", "without_suffix", "0002.jpg")]
    check(named_source("auto", names, tmp_path / "cache"), [encoded["0002.jpg"], encoded["0003.jpg"]])
    source = named_source("auto", [str(tmp_path / "*.jpg")], tmp_path / "cache")
    check(source, list(encoded.values()))
    assert list(source.names) == list(encoded)
    before = source.identity()
    os.utime(tmp_path / "0001.jpg", (1, 1))
    assert source.identity() != before


def test_many_shards_do_not_run_out_of_descriptors(tmp_path: Path, encoded: dict[str, bytes]) -> None:
    import resource

    name, content = next(iter(encoded.items()))
    for number in range(200):
        made.write_tar(tmp_path / f"{number:04d}.tar", {name: content})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    source = named_source("auto", [str(tmp_path)], tmp_path / "cache")
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, limits[1]))
    try:
        check(source, [content] * 200)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
