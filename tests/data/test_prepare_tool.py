"""tools/prepare_data.py: stores of the user's own, made in one go or not, verified, and refused."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.prepare import main
from gluon_wgan.data.store import Store, open_store
from gluon_wgan.data.store_writer import read_journal
from gluon_wgan.utils.atomic_folders import locked

WriteImages = Callable[..., Path]

# The journal is written so often, and the built-in portraits are read so slowly, that even a short preparation can be
# killed on its way.
EAGER = """
import sys, time
from gluon_wgan.data import store_writer
from gluon_wgan.data.sources import BuiltInSource
from gluon_wgan.cli.prepare import main
def slowly(source, index, encoded=BuiltInSource.encoded):
    time.sleep(0.005)
    return encoded(source, index)
BuiltInSource.encoded = slowly
store_writer.JOURNAL_SECONDS = 0.05
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def images(tmp_path: Path, write_images: WriteImages) -> Path:
    folder = write_images(tmp_path / "in", *(f"{number:02}.png" for number in range(30)))
    (folder / "05.png").write_bytes(b"no image")
    return folder


def files_of(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()}


def prepared(images: Path, out: Path, *more: str) -> Store:
    assert main([str(images), "--out", str(out), "--image-size", "16", "--jobs", "1", *more]) == 0
    return open_store(out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("prepare_data.py: ")
    return said


def test_a_store_and_what_was_skipped(images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = prepared(images, tmp_path / "deep" / "store")
    shown = capfd.readouterr()
    assert "29 images of 16x16, 3 channels" in shown.out and "30/30" in shown.err and "images/s" in shown.err
    with (store.path / "skipped.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["name", "reason"], ["05.png", "not an image in a known format"]]
    assert list(store.names) == [f"{number:02}.png" for number in range(30) if number != 5]
    expected = Image.open(images / "29.png").resize((19, 16), Image.Resampling.BILINEAR).crop((2, 0, 18, 16))
    np.testing.assert_array_equal(store.images[28], np.asarray(expected).transpose(2, 0, 1))


def test_shards_hold_the_same_images(images: Path, tmp_path: Path) -> None:
    whole = prepared(images, tmp_path / "whole")
    cut = prepared(images, tmp_path / "cut", "--shards", "4")
    pixels = sorted(cut.path.glob("pixels-*"))
    assert [path.stat().st_size // (3 * 16 * 16) for path in pixels] == [8, 8, 8, 5]
    assert b"".join(path.read_bytes() for path in pixels) == (whole.path / "pixels-00000.u8").read_bytes()
    assert cut.content_sha256 == whole.content_sha256
    np.testing.assert_array_equal(np.asarray(cut.images), whole.images)


def test_a_part_of_the_images(images: Path, tmp_path: Path) -> None:
    tenth = prepared(images, tmp_path / "tenth", "--fraction", "0.1")
    three = prepared(images, tmp_path / "three", "--limit", "3")
    other = prepared(images, tmp_path / "other", "--limit", "3", "--subset-seed", "1")
    assert list(tenth.names) == list(three.names) != list(other.names)
    assert tenth.content_sha256 == three.content_sha256


def test_verifying_names_the_damaged_file(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = prepared(images, tmp_path / "store", "--shards", "3")
    assert main(["--verify", str(store.path)]) == 0
    assert "is whole: 29 images" in capsys.readouterr().out
    for name in ("pixels-00001.u8", "names.bin", "names.i64", "skipped.csv"):
        good = (store.path / name).read_bytes()
        (store.path / name).write_bytes(good[:7] + bytes([good[7] ^ 1]) + good[8:])
        assert f"{name} does not match" in refused(capsys, "--verify", str(store.path))
        (store.path / name).write_bytes(good[:-1])
        assert f"{name} has" in refused(capsys, "--verify", str(store.path))
        (store.path / name).write_bytes(good)
    (store.path / "pixels-00002.u8").unlink()
    assert "pixels-00002.u8 is missing" in refused(capsys, "--verify", str(store.path))


def test_what_is_there_is_never_touched(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = prepared(images, tmp_path / "store")
    before = files_of(store.path)
    prepared(images, store.path)  # the same again
    for words in (
        ["--image-size", "32"],
        ["--resize", "cv2"],
        ["--nc", "1"],
        ["--crop", "0,0,16,16"],
        ["--limit", "3"],
    ):
        assert "holds another store" in refused(
            capsys, str(images), "--out", str(store.path), "--image-size", "16", *words
        )
    again = [str(images), "--out", str(store.path), "--image-size", "16"]
    assert " images, not 3 images" in refused(capsys, *again, "--limit", "3")
    assert "no image store" in refused(capsys, str(images), "--out", str(images))
    name = next(path for path in sorted(images.rglob("*")) if path.suffix in (".png", ".jpg"))
    os.utime(name, (1, 1))
    assert "before they were copied or changed" in refused(capsys, *again)
    assert files_of(store.path) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{in}"], "--out"),
        (["--out", "{new}"], "where the images are"),
        (["{in}", "--out", "{new}", "--shards", "0"], "0 shards"),
        (["{in}", "--out", "{new}", "--shards", "257"], "257 shards"),
        (["{in}", "--out", "{new}", "--image-size", "17"], "--image-size 17"),
        (["{in}", "--out", "{new}", "--resize", "pill"], "pill"),
        (["{in}", "--out", "{new}", "--limit", "0"], "--limit 0"),
        (["{in}", "--out", "{new}", "--limit", "2", "--fraction", "0.5"], "--limit and --fraction"),
        (["{in}/none", "--out", "{new}"], "none does not exist"),
        (["{in}", "--out", "{new}", "--strict"], "05.png cannot be used"),
        (["{in}", "--out", "/proc/store"], "Cannot write /proc/store"),
        (["--verify", "{new}"], "does not exist"),
        (["--verify", "{in}"], "no image store (it has no store.json)"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], complaint: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *(word.format(**{"in": images, "new": tmp_path / "new"}) for word in words))
    assert complaint in said
    assert not (tmp_path / "new").exists() and not (tmp_path / "new.partial").exists()


@pytest.mark.parametrize("word", ["--frac", "--resume=1", "--jobs=two"])
def test_an_unknown_word_is_one_sentence(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["in", "--out", "new", word])
    assert stopped.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1


def start(*words: str, repository: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, *words],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_more(partial: Path, done: int, process: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        journal = read_journal(partial)
        if journal is not None and journal["kept"] > done:
            return int(journal["kept"])
        time.sleep(0.005)
    raise AssertionError(f"nothing more was prepared: {process.communicate()}")


@pytest.mark.slow
@pytest.mark.parametrize("shards", ["1", "7"])
def test_killed_five_times_and_resumed_with_other_jobs(
    shards: str,
    tmp_path: Path,
    repository: Path,
    shared_data: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    some_bad = tmp_path / "in"
    some_bad.mkdir()
    for number, path in enumerate(sorted(shared_data("portraits").glob("*.jpg"))[:1500]):
        (some_bad / f"{number:04}.jpg").symlink_to(path)
        if number % 20 == 0:
            (some_bad / f"{number:04}-bad.jpg").write_bytes(b"no image")
    words = [str(some_bad), "--image-size", "32", "--shards", shards, "--limit", "1500"]
    assert main([*words, "--out", str(tmp_path / "whole"), "--jobs", "1"]) == 0
    killed, done = tmp_path / "killed", 0
    partial = killed.with_name("killed.partial")
    for jobs in "21221":
        process = start(*words, "--out", str(killed), "--jobs", jobs, "--resume", repository=repository)
        done = wait_for_more(partial, done, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not killed.exists()
    journal = read_journal(partial)
    assert journal is not None and journal["skipped"] > 0
    has = f"{journal['kept'] + journal['skipped']} images that an earlier process has prepared"
    assert has in refused(capsys, *words, "--out", str(killed))
    assert "begun otherwise (--resize pil-bilinear, not pil-box)" in refused(
        capsys, *words, "--out", str(killed), "--resume", "--resize", "pil-box"
    )
    assert main([*words, "--out", str(killed), "--jobs", "2", "--resume"]) == 0
    assert not partial.exists()
    assert files_of(killed) == files_of(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pixels-00000.u8", "names.bin", "names.i64", "skipped.csv", "progress.json"])
def test_what_a_killed_process_left_is_checked_before_it_is_continued(
    name: str, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--dataset", "built-in", "--image-size", "16", "--jobs", "1"]
    process = start(*words, "--out", str(tmp_path / "store"), repository=repository)
    partial = tmp_path / "store.partial"
    wait_for_more(partial, 10, process)
    process.kill()
    process.communicate()
    content = (partial / name).read_bytes()
    (partial / name).write_bytes(content[:5] + bytes([content[5] ^ 4]) + content[6:])
    assert main([*words, "--out", str(tmp_path / "store"), "--resume"]) == 0
    assert main([*words, "--out", str(tmp_path / "afresh")]) == 0
    assert files_of(tmp_path / "store") == files_of(tmp_path / "afresh")


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_resumed_when_there_is_room(tmp_path: Path, repository: Path) -> None:
    words = ["--dataset", "built-in", "--limit", "290", "--image-size", "16", "--jobs", "1", "--resume"]
    # A limit on the size of files stands for the full disk: both fail in write().
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n" + EAGER
    out = tmp_path / "store"
    full = subprocess.run(
        [sys.executable, "-c", code, *words, "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert full.returncode == 2
    assert full.stderr.splitlines()[-1].startswith(f"prepare_data.py: Cannot write {out} (File too large)")
    assert not out.exists() and read_journal(tmp_path / "store.partial") is not None
    assert main([*words, "--out", str(out)]) == 0
    assert main([*words, "--out", str(tmp_path / "afresh")]) == 0
    assert files_of(out) == files_of(tmp_path / "afresh")


def test_a_store_that_will_not_fit_is_not_begun(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need = 30 * 3 * 16 * 16
    words = [str(images), "--out", str(tmp_path / "store"), "--image-size", "16", "--jobs", "1"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=need - 1))
    assert "GB more" in refused(capsys, *words)
    assert not (tmp_path / "store").exists() and not (tmp_path / "store.partial").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=need))
    assert main(words) == 0


@pytest.mark.slow
def test_the_second_of_two_waits_and_finds_the_store(images: Path, tmp_path: Path, repository: Path) -> None:
    words = [str(images), "--out", str(tmp_path / "store"), "--image-size", "16"]
    with locked(tmp_path / "store"):
        waiting = start(*words, repository=repository)
        assert waiting.stderr is not None
        said_first = next(line for line in waiting.stderr if "Waiting" in line)
        assert waiting.poll() is None
    both = [waiting, start(*words, repository=repository)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], (said_first, said)
