"""evaluate.py on FID statistics, on samples saved as arrays, and on two plain folders."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.evaluate import main
from gluon_wgan.errors import UserError
from gluon_wgan.metrics.face_rate import FaceFinder
from gluon_wgan.metrics.fid import holds_statistics, read_statistics
from gluon_wgan.metrics.image_sets import read_array
from gluon_wgan.metrics.random_network import random_network
from tests.data import containers as made

SIDE, COUNT = 16, 24


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Write two folders of PNGs and return their pixels: uint8 (images, height, width, channels)."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    found = {}
    for name, high in (("one", 256), ("other", 200)):
        rng = np.random.default_rng(high)
        found[name] = rng.integers(0, high, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)
        (tmp_path / name).mkdir()
        for number, pixels in enumerate(found[name]):
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
    return found


def fid_of(*words: str, capsys: pytest.CaptureFixture[str]) -> float:
    assert main([*words, "--metrics", "fid", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)["value"]


def gaussian(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numpy's own mean and covariance of the features."""
    from mxnet import nd

    network, _ = random_network()
    features = network(nd.array(pixels.transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1).asnumpy()
    return features.astype(np.float64).mean(0), np.cov(features.astype(np.float64), rowvar=False)


@pytest.mark.slow
def test_folders_arrays_and_statistics_give_one_fid(
    sets: dict[str, np.ndarray], published: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytorch_fid.fid_score import calculate_frechet_distance

    expected = calculate_frechet_distance(*gaussian(sets["one"]), *gaussian(sets["other"]))
    np.save("one.npy", sets["one"])
    np.save("planes.npy", sets["one"].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
    np.savez("one.npz", sets["one"], np.arange(COUNT))  # as the codes of diffusion models save samples and labels
    np.savez("unit.npz", samples=sets["one"] / 255)
    for source in ("one", "one/*.png", "one.npy", "planes.npy", "one.npz", "unit.npz"):
        assert fid_of(source, "--real", "other", capsys=capsys) == pytest.approx(expected, rel=1e-4), source
    for name in ("one", "other"):
        assert main([name, "--save-stats", f"{name}_stats.npz"]) == 0
    capsys.readouterr()
    for source in ("one", "one.npz", "one_stats.npz"):
        found = fid_of(source, "--real", "other_stats.npz", capsys=capsys)
        assert found == pytest.approx(expected, rel=1e-4), source


def test_the_file_is_what_pytorch_fid_writes(
    sets: dict[str, np.ndarray], published: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    from pytorch_fid.fid_score import compute_statistics_of_path

    assert main(["one", "--save-stats", "ours.npz"]) == 0
    mean, covariance = gaussian(sets["one"])
    found = compute_statistics_of_path("ours.npz", None, 50, len(mean), "cpu")
    np.testing.assert_allclose(found[0], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], covariance, rtol=1e-3, atol=1e-6)
    with np.load("ours.npz") as file:
        assert set(file.files) == {"mu", "sigma"}
    np.savez_compressed("theirs.npz", mu=mean, sigma=covariance)  # the line with which pytorch-fid saves
    capsys.readouterr()
    assert fid_of("ours.npz", "--real", "theirs.npz", capsys=capsys) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["one", "--real", "stats.npz", "--metrics", "swd,fid"], "only fid"),
        (["one", "--real", "stats.npz"], "448 features and stats.npz 3"),
        (["stats.npz"], "say with --real"),
        (["one", "--save-stats", "stats.npz"], "exists already"),
        (["one", "--save-stats", "new"], "end its name in .npz"),
        (["one", "--save-stats", "new.npz", "--real", "other"], "leave --real out"),
        (["bad.npz", "--real", "stats.npz"], "no mean and covariance"),
        (["objects.npz", "--real", "other"], "Cannot read the array"),
        (["cut.npz", "--real", "other"], "Cannot read the array"),
        (["two.npz", "--real", "other"], "holds a"),
        (["range.npy", "--real", "other"], "values from 0 to 300"),
        (["nan.npy", "--real", "other"], "values from nan"),
        (["missing.npy", "--real", "other"], "does not exist"),
        (["small", "--real", "other"], "compare images of one kind"),
        (["mixed", "--real", "other"], "has 9x9 pixels and others have 8x8"),
        (["one/*.gif", "--real", "other"], "No file matches"),
    ],
)
def test_mistakes_are_one_sentence(
    words: list[str], complaint: str, sets: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("stats.npz", mu=np.zeros(3), sigma=np.eye(3))
    np.savez("bad.npz", mu=np.zeros(3), sigma=np.eye(4))
    np.savez("objects.npz", np.array([{}, {}], object))
    Path("cut.npz").write_bytes(Path("stats.npz").read_bytes()[:100])
    np.savez("two.npz", a=np.zeros((20, 8, 8, 3)), b=np.zeros((20, 8, 8, 3)))
    np.save("range.npy", np.full((20, 8, 8, 3), 300) * (np.arange(20) > 0).reshape(-1, 1, 1, 1))
    np.save("nan.npy", np.full((20, 8, 8, 3), np.nan))
    for folder, sides in (("small", [8] * 20), ("mixed", [8] * 19 + [9])):
        Path(folder).mkdir()
        for number, side in enumerate(sides):
            Image.new("RGB", (side, side)).save(f"{folder}/{number:02}.png")
    assert main(words if "--metrics" in words else [*words, "--metrics", "fid"]) == 2
    error = capsys.readouterr().err
    assert complaint in error and "Traceback" not in error and "--dataset" not in error


def test_arrays_of_gray_images_and_whole_numbers(tmp_path: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (5, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "gray.npy", gray)
    np.save(tmp_path / "int.npy", gray.astype(np.int64)[..., np.newaxis])
    for name in ("gray.npy", "int.npy"):
        np.testing.assert_array_equal(read_array(tmp_path / name).images, gray[:, np.newaxis])


def _patched(content: bytes, kind: str) -> bytes:
    """Damage the deflated bytes, or make both headers name another compression, an encryption or a later version."""
    local, central = 0, content.index(b"PK\1\2")
    if kind == "deflated":
        start = 30 + sum(struct.unpack_from("<HH", content, 26))
        return content[:start] + b"\xff" * 12 + content[start + 12 :]
    field, value = {"method": (8, 97), "encrypted": (6, 1), "version": (4, 99)}[kind]
    found = bytearray(content)
    for header, shift in ((local, 0), (central, 2)):
        struct.pack_into("<H", found, header + field + shift, value)
    return bytes(found)


@pytest.mark.slow
def test_containers_as_reference_give_the_numbers_of_their_folder(
    sets: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {path.name: path.read_bytes() for path in sorted((tmp_path / "one").iterdir())}
    (tmp_path / "rec").mkdir()
    references = [
        tmp_path / "one",
        made.write_zip(tmp_path / "one.zip", files),
        made.write_tar(tmp_path / "one.tar", files),
        made.write_tar(tmp_path / "one.tar.gz", files, "w:gz"),
        made.write_rec(tmp_path / "rec" / "one.rec", files),
        made.write_lmdb(tmp_path / "one_lmdb", {name.encode(): content for name, content in files.items()}),
        made.write_lmdb(
            tmp_path / "one.mdb", {name.encode(): content for name, content in files.items()}, subdir=False
        ),
    ]
    printed = []
    for reference in references:
        assert main(["other", "--real", str(reference), "--metrics", "swd,fid,kid", "--num", "20", "--json"]) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        printed.append({line["metric"]: line["value"] for line in lines})
    assert {"fid", "kid"} <= set(printed[0])
    assert printed == printed[:1] * len(references)


@pytest.mark.parametrize("kind", ["deflated", "method", "encrypted", "version"])
@pytest.mark.parametrize("read", [read_statistics, read_array])
def test_a_damaged_npz_is_refused_in_a_sentence(kind: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    arrays: dict[str, np.ndarray] = (
        {"mu": np.zeros(4), "sigma": np.eye(4)} if read is read_statistics else {"x": images}
    )
    np.savez_compressed(path, **arrays)
    read(path)
    path.write_bytes(_patched(path.read_bytes(), kind))
    with pytest.raises(UserError, match=f"Cannot read .*{path.name}") as refused:
        read(path)
    assert "\n" not in str(refused.value) and str(refused.value).endswith(".")


def test_an_npz_that_would_not_fit_into_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, mu=np.zeros(4), sigma=np.eye(4), x=np.zeros((1000, 32, 32, 3), np.uint8))
    monkeypatch.setattr("os.sysconf", lambda name: 1000)  # a megabyte
    read_statistics(path)
    with pytest.raises(UserError, match=r"its arrays take 0\.0 GB, and this machine has 0\.0 GB of memory"):
        read_array(path)


@pytest.mark.parametrize("read", [read_statistics, read_array, lambda path: FaceFinder(str(path))])
def test_a_pipe_is_refused_at_once(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(UserError, match="not a regular file"):
        read(tmp_path / "pipe.npz")
    assert not holds_statistics(tmp_path / "pipe.npz")


def test_what_is_no_array_in_an_npz_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    np.savez(path, images=images)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "made by hand")
    assert np.array_equal(read_array(path).images, images.transpose(0, 3, 1, 2))
