"""A sound container of every kind, with what is known of its bytes."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.data import containers as made
from tests.data.test_published_forms import write_parquet, write_tar_zst

Span = tuple[int, int]


@dataclass(frozen=True)
class ValidFile:
    """A sound container.

    `file` is the file to damage; `root` is what is given to the kind's source; image number i is made of the
    bytes in spans[i] alone, and all other bytes belong to several. `checked` tells that a checksum covers all.
    """

    kind: str
    root: Path
    file: Path
    images: list[np.ndarray]
    spans: list[Span]
    checked: bool = False


def valid_files(folder: Path, count: int = 12) -> Iterator[tuple[str, ValidFile]]:
    """Yield a name and a valid file of every kind."""
    rng = np.random.default_rng(7)
    encoded = {f"some/p{index:03d}.jpg": made.jpeg(rng, 40 + index, 30) for index in range(count)}
    images = [made.decoded(content) for content in encoded.values()]

    def at(path: Path) -> list[Span]:
        whole = path.read_bytes()
        return [(whole.index(content), whole.index(content) + len(content)) for content in encoded.values()]

    first = next(iter(encoded))
    root = made.write_folder(folder / "folder", encoded)
    yield "folder", ValidFile("folder", root, root / first, images, [(0, 1 << 40)] + [(0, 0)] * (count - 1))
    listed = made.write_csv(folder / "csv", encoded)
    yield "csv", ValidFile("csv", listed, listed, images, _line_spans(listed))
    large = {b"\xff%03d" % index: content for index, content in enumerate(encoded.values())}
    root = made.write_lmdb(folder / "large_lmdb", large)
    yield "lmdb", ValidFile("lsun", root, root / "data.mdb", images, at(root / "data.mdb"))
    yield from _small_lmdb(folder, rng)
    path = made.write_zip(folder / "stored.zip", encoded, zipfile.ZIP_STORED)
    yield "zip", ValidFile("zip", path, path, images, _zip_spans(path))
    path = made.write_zip(folder / "deflated.zip", encoded)
    yield "zip-deflated", ValidFile("zip", path, path, images, _zip_spans(path))
    for name, kind in (("tar", tarfile.GNU_FORMAT), ("tar-pax", tarfile.PAX_FORMAT)):
        named = {"é" * (kind == tarfile.PAX_FORMAT) + key: value for key, value in encoded.items()}
        path = made.write_tar(folder / f"{name}.tar", named, "w:", kind)
        with tarfile.open(path) as archive:
            spans = [(info.offset, info.offset_data + info.size) for info in archive]
        yield name, ValidFile("tar", path, path, images, spans)
    for suffix in ("gz", "bz2", "xz"):
        path = made.write_tar(folder / f"packed.tar.{suffix}", encoded, f"w:{suffix}")
        yield f"tar.{suffix}", ValidFile("tar", path, path, images, [], checked=True)
    path = write_tar_zst(folder / "packed.tar.zst", encoded)
    yield "tar.zst", ValidFile("tar", path, path, images, [], checked=True)
    path = write_parquet(folder / "rows.parquet", encoded, compression="none", row_group_size=4)
    yield "parquet", ValidFile("parquet", path, path, images, at(path))
    (folder / "rec").mkdir()
    path = made.write_rec(folder / "rec" / "r.rec", encoded)
    idx = path.with_suffix(".idx")
    starts = [int(line.split()[1]) for line in idx.read_text().splitlines()]
    yield "rec", ValidFile("rec", path, path, images, list(zip(starts, starts[1:] + [path.stat().st_size])))
    yield "rec-idx", ValidFile("rec", path, idx, images, _line_spans(idx))
    (folder / "alone").mkdir()
    path = Path(shutil.copy(path, folder / "alone" / "r.rec"))
    yield "rec-alone", ValidFile("rec", path, path, images, list(zip(starts, starts[1:] + [path.stat().st_size])))
    yield from _raw(folder, rng, count)


def _small_lmdb(folder: Path, rng: np.random.Generator) -> Iterator[tuple[str, ValidFile]]:
    """Yield an LMDB of several levels whose values lie beside their keys."""
    grays = [rng.integers(0, 256, (3, 3, 3), dtype=np.uint8) for _ in range(300)]
    values = [made.encoded(gray, "PPM") for gray in grays]
    root = made.write_lmdb(folder / "small_lmdb", {b"%020d" % place: value for place, value in enumerate(values)})
    whole = (root / "data.mdb").read_bytes()
    spans = [(whole.index(value), whole.index(value) + len(value)) for value in values]
    yield "lmdb-small", ValidFile("lsun", root, root / "data.mdb", grays, spans)


def _raw(folder: Path, rng: np.random.Generator, count: int) -> Iterator[tuple[str, ValidFile]]:
    """Yield the kinds that hold bare pixels."""
    grays = rng.integers(0, 256, (count, 20, 17), dtype=np.uint8)
    images = [np.repeat(gray[:, :, None], 3, axis=2) for gray in grays]
    path = made.write_idx(folder / "idx" / "train-images-idx3-ubyte", grays)
    spans = [(16 + 340 * place, 16 + 340 * place + 340) for place in range(count)]
    yield "idx", ValidFile("mnist", path, path, images, spans)
    path = made.write_idx(folder / "idxgz" / "train-images-idx3-ubyte.gz", grays)
    yield "idx.gz", ValidFile("mnist", path, path, images, [], checked=True)
    rows = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    images = [row.reshape(3, 32, 32).transpose(1, 2, 0) for row in rows]
    binary = {"data_batch_1.bin": made.cifar_binary(rows)}
    root = made.write_cifar(folder / "cifar-bin", binary, "cifar-10-batches-bin")
    spans = [(3073 * place, 3073 * place + 3073) for place in range(count)]
    yield "cifar-bin", ValidFile("cifar10", root, root / "data_batch_1.bin", images, spans)
    pickled = made.cifar_pickle(rows, [b"image_%d.png" % place for place in range(count)])
    root = made.write_cifar(folder / "cifar-py", {"data_batch_1": pickled}, "cifar-10-batches-py")
    begin = pickled.index(rows[0].tobytes())
    spans = [(begin + 3072 * place, begin + 3072 * place + 3072) for place in range(count)]
    yield "cifar-py", ValidFile("cifar10", root, root / "data_batch_1", images, spans)
    path = made.write_cifar(folder / "cifar-10-python.tar.gz", {"data_batch_1": pickled}, "cifar-10-batches-py")
    yield "cifar-py.tar.gz", ValidFile("cifar10", path, path, images, [], checked=True)


def _zip_spans(path: Path) -> list[Span]:
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        return [(i.header_offset, i.header_offset + 30 + len(i.filename) + i.compress_size) for i in found]


def _line_spans(path: Path) -> list[Span]:
    """Return the lines of a list, each with the end of the line before it, whose loss would join the two."""
    ends = np.cumsum([len(line) for line in path.read_bytes().splitlines(keepends=True)]).tolist()
    return list(zip([0, *(end - 1 for end in ends[:-1])], ends))
