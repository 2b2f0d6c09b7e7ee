"""Preparing: the right pixels under the right key, whole or not at all, however many processes work."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image

from gluon_wgan.data import preparation as prepare_module
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.preparation import Preparation
from gluon_wgan.data.preprocessing_spec import spec_key, store_spec
from gluon_wgan.data.sources import FolderSource, ListSource
from gluon_wgan.data.store import Store
from gluon_wgan.data.store_writer import read_journal
from gluon_wgan.errors import UserError
from gluon_wgan.utils.atomic_folders import completing, locked
from tests.data.synthetic import SyntheticSource

Prepare = Callable[..., Store]
WriteImages = Callable[..., Path]

# Slow enough to be interrupted; 300 images are enough for a helper process.
SCRIPT = """
import sys
from gluon_wgan.data import store_writer
from gluon_wgan.data.preparation import Preparation, prepare
from tests.data.synthetic import SyntheticSource
store_writer.JOURNAL_SECONDS = 0.02
how = Preparation(size=16, resize="pil", crop=None, nc=1, strict=False, jobs=2, progress=False)
store = prepare(SyntheticSource(400, seconds=0.01), how, sys.argv[1])
print(store.content_sha256)
"""


def start_script(cache: Path, repository: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(cache)],
        env={**os.environ, "PYTHONPATH": str(repository)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_begun(cache: Path, more_than: int = 0) -> int:
    """Wait until the journal knows of more than so many images, and return of how many."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for partial in cache.glob("*.partial"):
            journal = read_journal(partial)
            if journal is not None and journal["kept"] > more_than:
                return journal["kept"]
        time.sleep(0.002)
    raise AssertionError("nothing was prepared")


def helpers_of(process: int) -> list[int]:
    listing = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], capture_output=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == process and not row[2].startswith("Z")]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_pixels_are_pillows_in_order(tmp_path: Path, write_images: WriteImages, prepare_small: Prepare) -> None:
    names = [f"{index:02}.png" for index in range(20)]
    folder = write_images(tmp_path / "in", *names, width=30, height=20)
    store = prepare_small(FolderSource(folder), size=10)
    assert list(store.names) == names
    for name, image in zip(names, np.asarray(store.images)):
        expected = Image.open(folder / name).resize((15, 10), Image.Resampling.BILINEAR).crop((2, 0, 12, 10))
        np.testing.assert_array_equal(image, np.asarray(expected).transpose(2, 0, 1))


def test_grey_and_crop(tmp_path: Path, write_images: WriteImages, prepare_small: Prepare) -> None:
    folder = write_images(tmp_path / "in", "a.png")
    store = prepare_small(FolderSource(folder), nc=1, crop=(1, 2, 13, 14), resize="cv2-area")
    expected = np.asarray(Image.open(folder / "a.png").convert("L").crop((1, 2, 13, 14)))
    np.testing.assert_array_equal(store.images[0, 0], cv2.resize(expected, (8, 8), interpolation=cv2.INTER_AREA))


@pytest.mark.slow
def test_portraits_are_the_same_with_one_and_two_processes(
    shared_data: Callable[[str], Path], prepare_small: Prepare, tmp_path: Path
) -> None:
    folder = shared_data("portraits")
    chosen = sorted(folder.glob("*.jpg"))[:640]
    (tmp_path / "in").mkdir()
    for path in chosen:
        (tmp_path / "in" / path.name).symlink_to(path)
    (tmp_path / "in" / "0001.jpg").write_bytes(b"broken")
    stores = [
        prepare_small(FolderSource(tmp_path / "in"), size=64, jobs=jobs, cache_dir=tmp_path / str(jobs))
        for jobs in (1, 2, 3)
    ]
    contents = [{path.name: path.read_bytes() for path in sorted(store.path.iterdir())} for store in stores]
    assert contents[0] == contents[1] == contents[2]
    assert len(stores[0]) == 640 and len(stores[0].skipped) == 1
    image = Image.open(chosen[300]).convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(stores[1].images[300], np.asarray(image).transpose(2, 0, 1))


def test_photos_in_subfolders(shared_data: Callable[[str], Path], prepare_small: Prepare) -> None:
    store = prepare_small(FolderSource(shared_data("photos")), size=64, resize="cv2-area")
    assert store.images.shape == (65, 3, 64, 64)
    assert not store.skipped
    assert store.names[0].startswith("cid22/") and store.names[-1].startswith("kodak/")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cv2-bicubic", "mxnet-bicubic"])
def test_helpers_can_use_every_library(backend: str, prepare_small: Prepare, tmp_path: Path) -> None:
    source = SyntheticSource(208, 5)
    alone, helped = (
        prepare_small(source, resize=backend, jobs=jobs, cache_dir=tmp_path / str(jobs)) for jobs in (1, 2)
    )
    assert alone.content_sha256 == helped.content_sha256


def test_a_store_is_reused(
    tmp_path: Path, write_images: WriteImages, prepare_small: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_images(tmp_path / "in", "a.png", "b.png")
    first = prepare_small(FolderSource(folder))
    monkeypatch.setattr(prepare_module, "prepare_images", None)  # decoding again would fail
    again = prepare_small(FolderSource(folder), resize="pil", jobs=5)
    assert again.path == first.path
    cache = tmp_path / "cache"
    assert [path.name for path in cache.iterdir() if not path.name.startswith(".")] == [first.path.name]
    assert first.path.name.startswith("in-8px-pil-bilinear-")
    cache.chmod(0o555)
    try:
        assert len(prepare_small(FolderSource(folder))) == 2
    finally:
        cache.chmod(0o755)


def test_the_key_changes_with_everything_that_matters(tmp_path: Path, write_images: WriteImages) -> None:
    source = FolderSource(write_images(tmp_path, "a.png"))
    how = Preparation(64, "pil-bilinear", crop=None, nc=3, strict=False, jobs=1, progress=False)
    base = store_spec(source, how)
    assert spec_key(base) == spec_key(store_spec(source, replace(how, resize="pil")))
    keys = [spec_key(base)]
    for change in (
        *({"size": 63}, {"resize": "pil-box"}, {"resize": "cv2"}),
        *({"crop": (0, 0, 9, 9)}, {"nc": 1}, {"center_crop": "floor"}),
    ):
        keys.append(spec_key(store_spec(source, replace(how, **change))))
    for field, value in base.items():
        changed: Any = {**value, "more": 1} if isinstance(value, dict) else f"{value}!"
        keys.append(spec_key({**base, field: changed}))
    for group in ("source", "libraries"):
        for field, value in base[group].items():
            keys.append(spec_key({**base, group: {**base[group], field: f"{value}!"}}))
    os.utime(tmp_path / "a.png", ns=(7, 7))
    keys.append(spec_key(store_spec(source, how)))
    assert len(set(keys)) == len(keys)
    assert set(base) == {
        "format_version", "source", "resize", "filter", "libraries", "size", "crop", "nc", "colour"
    }  # fmt: skip
    json.dumps(base)
    assert base["libraries"] == {"pillow": PIL.__version__}
    assert store_spec(source, replace(how, resize="cv2"))["libraries"]["cv2"] == cv2.__version__


def test_stores_of_different_options_live_side_by_side(prepare_small: Prepare) -> None:
    stores = {
        prepare_small(SyntheticSource(2), **change).content_sha256
        for change in ({}, {"size": 9}, {"resize": "cv2"}, {"crop": (20, 20, 150, 150)}, {"nc": 1})
    }
    assert len(stores) == 5


def broken_folder(tmp_path: Path, write_images: WriteImages, bad: int) -> Path:
    folder = write_images(tmp_path / "in", *(f"good{index}.png" for index in range(5)))
    for index in range(bad):
        (folder / f"bad{index}.png").write_bytes(b"")
    return folder


def test_broken_images_are_named_counted_and_left_out(
    tmp_path: Path, write_images: WriteImages, prepare_small: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    folder = broken_folder(tmp_path, write_images, 8)
    with caplog.at_level(logging.WARNING, logger="gluon_wgan.data"):
        store = prepare_small(FolderSource(folder))
    assert list(store.names) == [f"good{index}.png" for index in range(5)]
    assert [name for name, _ in store.skipped] == [f"bad{index}.png" for index in range(8)]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[0] for message in messages[:5]] == [f"Skipped bad{index}.png" for index in range(5)]
    assert "8" in messages[5] and "skipped.csv" in messages[5] and len(messages) == 6
    shutil.copy(folder / "good3.png", tmp_path / "one.png")
    np.testing.assert_array_equal(store.images[3], prepare_small(ListSource(write_list(tmp_path, "one.png"))).images[0])


def write_list(folder: Path, *names: str) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join(names))
    return path


def test_strict_names_the_first_file_and_reason_even_from_the_cache(
    tmp_path: Path, write_images: WriteImages, prepare_small: Prepare
) -> None:
    source = FolderSource(broken_folder(tmp_path, write_images, 2))
    for _ in range(2):  # without a store, and then with one that has skipped the images
        with pytest.raises(UserError, match=r"bad0\.png .*not an image"):
            prepare_small(source, strict=True)
        prepare_small(source)


def test_strict_is_fine_with_good_images(tmp_path: Path, write_images: WriteImages, prepare_small: Prepare) -> None:
    assert len(prepare_small(FolderSource(broken_folder(tmp_path, write_images, 0)), strict=True)) == 5


def test_nothing_usable_is_an_error_and_leaves_nothing(
    tmp_path: Path, write_images: WriteImages, prepare_small: Prepare
) -> None:
    folder = write_images(tmp_path / "in", "a.png", "b.png")
    with pytest.raises(UserError, match=r"a\.png .*hold the crop box"):
        prepare_small(FolderSource(folder), crop=(0, 0, 500, 500))
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"nc": 2},
        {"jobs": 0},
        {"resize": "pil-cubic"},
        {"crop": (5, 5, 5, 9)},
        {"crop": (5, 5, 9, 4)},
        {"crop": (-1, 0, 9, 9)},
    ],
)
def test_options_out_of_range(change: dict[str, Any], prepare_small: Prepare) -> None:
    with pytest.raises(UserError) as caught:
        prepare_small(SyntheticSource(1), **change)
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written(tmp_path: Path, prepare_small: Prepare) -> None:
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", tmp_path / "file" / "cache", Path("/proc/cache")):
        with pytest.raises(UserError, match="Cannot keep prepared images in") as caught:
            prepare_small(SyntheticSource(1), cache_dir=cache)
        assert str(cache) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_is_one_sentence_and_leaves_nothing_to_be_taken_for_whole(
    jobs: int, tmp_path: Path, run_python: Callable[..., Any]
) -> None:
    # A limit on the size of files stands for the full disk: both fail in write().
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        + SCRIPT.replace("import sys", "import os, sys").replace("jobs=2", f"jobs={jobs}")
    ).replace("sys.argv[1]", repr(str(tmp_path / "cache")))
    done = run_python(code)
    assert done.returncode == 1
    assert "UserError: Cannot keep prepared images in" in done.stderr.splitlines()[-1]
    assert all(path.suffix == ".partial" for path in (tmp_path / "cache").iterdir() if path.is_dir())


@pytest.mark.slow
def test_a_store_killed_five_times_is_the_same_store(tmp_path: Path, repository: Path) -> None:
    expected = start_script(tmp_path / "whole", repository).communicate(timeout=120)[0].split()[-1]
    cache, done = tmp_path / "killed", 0
    for _ in range(5):
        process = start_script(cache, repository)
        done = wait_until_begun(cache, done)
        helpers = helpers_of(process.pid)
        process.kill()
        process.communicate()
        assert not [path for path in cache.iterdir() if path.is_dir() and path.suffix != ".partial"]
        wait_for_end(helpers)
    output, errors = start_script(cache, repository).communicate(timeout=120)
    assert output.split()[-1] == expected, errors
    assert not list(cache.glob("*.partial"))
    assert files_of(cache) == files_of(tmp_path / "whole")


def files_of(cache: Path) -> dict[str, bytes]:
    """Return the files of the only store in a cache."""
    (store,) = (path for path in cache.iterdir() if path.is_dir())
    return {path.name: path.read_bytes() for path in store.iterdir()}


def wait_for_end(processes: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(map(is_running, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_running, processes))


def test_ctrl_c_stops_cleanly_and_the_work_is_kept(tmp_path: Path, repository: Path) -> None:
    process = start_script(tmp_path, repository)
    done = wait_until_begun(tmp_path)
    helpers = helpers_of(process.pid)
    assert len(helpers) == 1
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to everything in the foreground
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
    wait_for_end(helpers)
    assert wait_until_begun(tmp_path) >= done


@pytest.mark.slow
def test_a_helper_that_dies_is_one_sentence(tmp_path: Path, repository: Path) -> None:
    process = start_script(tmp_path, repository)
    wait_until_begun(tmp_path)
    os.kill(helpers_of(process.pid)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert "UserError: A helper process died with exit status -9" in errors.splitlines()[-1]


@pytest.mark.slow
def test_two_processes_share_one_store(tmp_path: Path, repository: Path) -> None:
    processes = [start_script(tmp_path, repository) for _ in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert len({output.split()[-1] for output, _ in outputs}) == 1, outputs
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_stale_partial_stores_are_removed_after_a_week_unless_somebody_holds_them(
    tmp_path: Path, prepare_small: Prepare
) -> None:
    cache = tmp_path / "cache"
    dead, live, young = (f"{name}-8px-pil-bilinear-{'0' * 16}" for name in ("dead", "live", "young"))
    for name, days in ((dead, 8), (live, 8), (young, 6)):
        partial = cache / f"{name}.partial"
        partial.mkdir(parents=True)
        (partial / "pixels-00000.u8").write_bytes(b"x")
        os.utime(partial, times=(time.time() - days * 86_400,) * 2)
    with locked(cache / live):
        prepare_small(SyntheticSource(1))
        assert sorted(path.name for path in cache.glob("*.partial")) == [f"{live}.partial", f"{young}.partial"]
    prepare_small(SyntheticSource(2))
    assert [path.name for path in cache.glob("*.partial")] == [f"{young}.partial"]


@pytest.mark.slow
def test_works_from_stdin_and_from_a_script_without_main_guard(tmp_path: Path, repository: Path) -> None:
    code = SCRIPT.replace("sys.argv[1]", "'cache'").replace("SyntheticSource(400", "SyntheticSource(200")
    (tmp_path / "script.py").write_text(code + "print('once')")
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    for arguments, given in (([], code + "print('once')"), (["script.py"], None)):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        done = subprocess.run(
            [sys.executable, *arguments],
            input=given,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr, done.stdout.count("once")) == (0, "", 1)


@pytest.mark.slow
def test_a_source_of_the_main_script_is_read_in_process(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    code = SCRIPT.replace("SyntheticSource(400", "Mine(400").replace("sys.argv[1]", repr(str(tmp_path / "cache")))
    code = code.replace("store = ", "class Mine(SyntheticSource): pass\nstore = ")
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_progress_says_what_is_done(prepare_small: Prepare, capfd: pytest.CaptureFixture[str]) -> None:
    prepare_small(SyntheticSource(3), progress=True)
    shown = capfd.readouterr().err
    assert "Preparing synthetic at 8 px with pil-bilinear" in shown
    assert "3/3" in shown and "images/s" in shown
    prepare_small(SyntheticSource(3, 1), progress=False)
    assert capfd.readouterr().err == ""


class Fussy(SyntheticSource):
    """Refuses some images, and is importable by helpers."""

    label = "fussy"
    opened = 0

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "kind": "fussy"}

    def open(self, index: int, nc: int) -> Image.Image:
        os.write(1, b"what a library prints must not disturb helpers")
        Fussy.opened += 1
        if index % 10 == 7:
            raise BadImage("a seven")
        return super().open(index, nc)


def test_strict_names_the_first_bad_image_whoever_found_it(prepare_small: Prepare, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match=r"image-000007 cannot be used \(a seven\)"):
            prepare_small(Fussy(300), strict=True, jobs=3)
    store = prepare_small(Fussy(300), jobs=3)
    assert len(store) == 270
    assert store.names[7] == "image-000008"
    whole = prepare_small(SyntheticSource(300), jobs=2)
    kept = [index for index in range(300) if index % 10 != 7]
    np.testing.assert_array_equal(store.images, whole.images[kept])


def test_strict_stops_early(prepare_small: Prepare) -> None:
    Fussy.opened = 0
    with pytest.raises(UserError):
        prepare_small(Fussy(10_000), strict=True)
    assert Fussy.opened < 200


def test_the_one_that_waited_uses_what_the_other_made(
    tmp_path: Path, prepare_small: Prepare, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = prepare_small(SyntheticSource(3), cache_dir=tmp_path / "other")
    monkeypatch.setattr(prepare_module, "prepare_images", None)  # preparing again would fail
    cache = tmp_path / "cache"
    cache.mkdir()
    with ThreadPoolExecutor(1) as thread, caplog.at_level(logging.INFO, logger="gluon_wgan.data"):
        with locked(cache / made.path.name):
            waiting = thread.submit(prepare_small, SyntheticSource(3))
            deadline = time.monotonic() + 20
            while "Waiting" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.01)
            made.path.rename(cache / made.path.name)
        assert waiting.result().path == cache / made.path.name


def test_a_folder_appears_in_one_step_or_not_at_all(tmp_path: Path) -> None:
    final = tmp_path / "final"
    with completing(final) as partial:
        (partial / "old").write_text("old")
        assert not final.exists()
        before = (partial / "old").stat().st_ino
    assert (final / "old").stat().st_ino == before  # moved, not copied
    final.rename(tmp_path / "first")
    with pytest.raises(ZeroDivisionError), completing(final) as partial:
        (partial / "half").write_text("half")
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["final.partial", "first", "half", "old"]
    with completing(final) as partial:
        assert (partial / "half").read_text() == "half"  # what is there can be gone on with
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["final", "first", "half", "old"]
    with pytest.raises(UserError, match="appeared while"), completing(final) as partial:
        (partial / "whole").write_text("whole")
    assert (final / "half").exists() and (partial / "whole").exists()
