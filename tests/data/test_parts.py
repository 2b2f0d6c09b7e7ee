"""prepare_data.py --part and --join: the joined store is that of one preparation, file by file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from gluon_wgan.cli.prepare import main
from gluon_wgan.data.sources.composed import Part
from gluon_wgan.data.store import open_store
from gluon_wgan.errors import UserError
from tests.data.synthetic import SyntheticSource

PARTS = 5


def hashes(store: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(store.iterdir())}


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()[-1:]
    return said


def prepare(*words: str) -> None:
    assert main([*words, "--image-size", "32", "--jobs", "1"]) == 0


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of random images, of which some in the first part and all in the second are broken."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(11)
    for number in range(50):
        path = folder / f"{number:02}.png"
        if number in (3, 7) or 10 <= number < 20:
            path.write_bytes(b"no, image\n" * number)
        elif number in (25, 45):  # 12 bits in 16, which are warned of
            cv2.imwrite(str(path), rng.integers(0, 4096, (40, 50, 3), dtype=np.uint16))
        else:
            cv2.imwrite(str(path), rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    (folder / "notes.txt").write_text("beside the images")
    return folder


@pytest.fixture(scope="module")
def parts(images: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the prepared parts, with a backend of which is warned on these images."""
    folder = tmp_path_factory.mktemp("parts")
    for number in range(1, PARTS + 1):
        prepare(str(images), "--out", f"{folder}/{number}", "--part", f"{number}/{PARTS}", "--resize", "cv2-nearest")
    return [f"{folder}/{number}" for number in range(1, PARTS + 1)]


@pytest.mark.parametrize("shards", [(), ("--shards", "3")])
def test_joined_parts_are_the_store_of_one_preparation(
    images: Path, parts: list[str], shards: tuple[str, ...], tmp_path: Path
) -> None:
    prepare(str(images), "--out", f"{tmp_path}/one", "--resize", "cv2-nearest", *shards)
    assert main(["--join", *reversed(parts), "--out", f"{tmp_path}/joined", *shards]) == 0
    assert hashes(tmp_path / "joined") == hashes(tmp_path / "one")
    meta = json.loads((tmp_path / "one" / "store.json").read_text())
    assert meta["shape"][0] == 38 and meta["dark_images"]["images"] == 2 and meta["left_out"]
    assert "cv2-nearest aliases" in meta["resize_warning"]
    assert len(open_store(tmp_path / "joined").skipped) == 12
    assert main(["--verify", f"{tmp_path}/joined"]) == main(["--verify", parts[1]]) == 0


def test_portraits_in_parts(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    words = [str(shared_data("portraits")), "--limit", "400"]
    prepare(*words, "--out", f"{tmp_path}/one")
    for number in (1, 2, 3):
        prepare(*words, "--out", f"{tmp_path}/part-{number}", "--part", f"{number}/3")
    assert main(["--join", *(f"{tmp_path}/part-{n}" for n in (1, 2, 3)), "--out", f"{tmp_path}/joined"]) == 0
    assert hashes(tmp_path / "joined") == hashes(tmp_path / "one")


def test_parts_that_make_no_store_are_refused(
    images: Path, parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", f"{tmp_path}/joined"]
    third = [*parts[:2], f"{tmp_path}/3", *parts[3:]]
    words = [str(images), "--part", f"3/{PARTS}", "--image-size", "32"]
    assert f"2 of {PARTS} parts are missing, the first with --part 2/{PARTS}" in refused(
        capsys, "--join", parts[0], *parts[2:4], *out
    )
    assert f"are both part 1/{PARTS}" in refused(capsys, "--join", *parts, parts[0], *out)
    prepare(*words, "--out", third[2])
    assert "(--resize pil-bilinear, not cv2-nearest)" in refused(capsys, "--join", *third, *out)
    for name, entry, said in (
        ("libraries", {"opencv-python-headless": "4.0"}, "(libraries opencv-python-headless 4.0, not"),
        ("source", {"images": 49}, "(made from 49 images, not 50 images)"),
        ("part", "3/4", "is one of 4 parts"),
        ("part", "3 of 5", "names no part"),
    ):
        meta = json.loads(Path(parts[2], "store.json").read_text())
        meta["made_from"][name] = entry
        for file in Path(parts[2]).iterdir():
            Path(third[2], file.name).write_bytes(file.read_bytes())
        Path(third[2], "store.json").write_text(json.dumps(meta))
        assert said in refused(capsys, "--join", *third, *out)
    damaged = Path(third[2], "pixels-00000.u8").read_bytes()
    Path(third[2], "store.json").write_bytes(Path(parts[2], "store.json").read_bytes())
    Path(third[2], "pixels-00000.u8").write_bytes(damaged[:-1] + bytes([damaged[-1] ^ 1]))
    assert "pixels-00000.u8 does not match" in refused(capsys, "--join", *third, *out)
    assert [path.name for path in tmp_path.iterdir() if "joined" in path.name] == []


def test_what_is_no_part_or_not_to_be_joined_is_refused(
    images: Path, parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", f"{tmp_path}/store"]
    for word in ("0/3", "4/3", "1/0", "3", "1/3x", "-1/3"):
        assert f"--part {word} names no part" in refused(capsys, str(images), *out, f"--part={word}")
    assert "there are 50 images" in refused(capsys, str(images), *out, "--part", "1/51")
    assert "cannot be combined with --image-size" in refused(capsys, "--join", *parts, *out, "--image-size", "32")
    assert "give --out" in refused(capsys, "--join", *parts)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"no image")
    prepare(str(broken), "--out", f"{tmp_path}/part", "--part", "1/1")
    assert "No image can be used, a.png because" in refused(capsys, "--join", f"{tmp_path}/part", *out)
    assert not (tmp_path / "store").exists()
    prepare(str(images), *out)
    before = hashes(tmp_path / "store")
    assert "exists already" in refused(capsys, "--join", *parts, *out)
    assert "is a whole store" in refused(capsys, "--join", f"{tmp_path}/store", "--out", f"{tmp_path}/new")
    assert f"--part 1/{PARTS}, not 2/{PARTS}" in refused(
        capsys, str(images), "--out", parts[0], "--image-size", "32", "--resize", "cv2-nearest", "--part", f"2/{PARTS}"
    )
    with pytest.raises(UserError, match=f"is part 1/{PARTS} of a store"):
        open_store(parts[0])  # as training does with --data
    assert hashes(tmp_path / "store") == before


@pytest.mark.parametrize(("count", "of"), [(7, 7), (50, 8), (1000, 3)])
def test_parts_are_all_images_in_order(count: int, of: int) -> None:
    source = SyntheticSource(count)
    taken = [list(Part(number, of).take(source).names) for number in range(1, of + 1)]
    assert [name for names in taken for name in names] == list(source.names)
    assert {len(names) for names in taken} <= {count // of, -(-count // of)}
