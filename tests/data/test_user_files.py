"""What a user has is never deleted or replaced by preparing data, whatever it is called and whenever it appears."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gluon_wgan.cli.prepare import main
from gluon_wgan.data import preparation as prepare_module
from gluon_wgan.data.store import open_store
from gluon_wgan.data.workers import prepare_images
from tests.data.synthetic import SyntheticSource

FACES = ["--dataset", "built-in", "--limit", "8", "--image-size", "16", "--jobs", "1"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def appear_at_the_end(monkeypatch: pytest.MonkeyPatch, appear: Callable[[], None]) -> None:
    def run(*words: object) -> None:
        prepare_images(*words)  # type: ignore[arg-type]
        appear()

    monkeypatch.setattr(prepare_module, "prepare_images", run)


def folder_with_a_file(path: Path) -> None:
    path.mkdir()
    (path / "thesis.txt").write_text("x")


@pytest.mark.parametrize(
    "appear",
    [folder_with_a_file, Path.mkdir, lambda path: path.write_text("x"), lambda path: path.symlink_to("nowhere")],
    ids=["folder", "empty folder", "file", "dangling link"],
)
def test_what_appears_at_out_meanwhile_stays(appear, tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "store"
    appear_at_the_end(monkeypatch, lambda: appear(out))
    assert main([*FACES, "--out", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{out} appeared while it was being made" in said and "--resume" in said
    kept = tmp_path / "moved"
    out.rename(kept)
    appear(tmp_path / "same")
    assert os.path.islink(kept) == os.path.islink(tmp_path / "same") and kept.is_dir() == (tmp_path / "same").is_dir()
    assert kept.is_dir() is False or contents(kept) == contents(tmp_path / "same")
    # The work is not lost: only the renaming is left to do.
    monkeypatch.setattr(prepare_module, "prepare_images", None)
    assert main([*FACES, "--out", str(out), "--resume"]) == 0
    assert len(open_store(out)) == 8 and not (tmp_path / "store.partial").exists()


@pytest.mark.parametrize("name", ["thesis.txt", "skipped.csv", "pixels-00000.u8", "names.bin", ".hidden"])
@pytest.mark.parametrize("more", [[], ["--resume"], ["--resume", "--strict"]])
def test_a_users_own_partial_folder_stays(name, more, tmp_path, capsys) -> None:
    partial = tmp_path / "store.partial"
    partial.mkdir()
    (partial / name).write_text("mine")
    assert main([*FACES, "--out", str(tmp_path / "store"), *more]) == 2
    assert str(partial) in capsys.readouterr().err.splitlines()[-1]
    assert contents(tmp_path) == {**contents(tmp_path), f"store.partial/{name}": b"mine"}
    assert not (tmp_path / "store").exists()


def test_a_folder_or_link_within_a_partial_folder_stays(tmp_path, capsys) -> None:
    partial, mine = tmp_path / "store.partial", tmp_path / "mine.bin"
    mine.write_text("mine")
    (partial / "notes").mkdir(parents=True)
    (partial / "notes" / "a.txt").write_text("a")
    (partial / "progress.json").write_text("{}")
    assert main([*FACES, "--out", str(tmp_path / "store"), "--resume"]) == 2
    assert "notes" in capsys.readouterr().err
    (partial / "notes").rename(tmp_path / "notes")
    (partial / "pixels-00000.u8").symlink_to(mine)
    assert main([*FACES, "--out", str(tmp_path / "store"), "--resume"]) == 2
    assert mine.read_text() == "mine" and (tmp_path / "notes" / "a.txt").read_text() == "a"


def test_a_link_named_like_the_partial_folder_is_not_followed(tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "store.partial").symlink_to("elsewhere")
    assert main([*FACES, "--out", str(tmp_path / "store"), "--resume"]) == 2
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_named_like_the_lock_keeps_its_content(tmp_path) -> None:
    (tmp_path / ".store.lock").write_text("mine")
    assert main([*FACES, "--out", str(tmp_path / "store")]) == 0
    assert (tmp_path / ".store.lock").read_text() == "mine"


def test_what_is_old_in_a_users_folder_stays_when_that_is_the_cache(tmp_path, prepare_small) -> None:
    cache, old = tmp_path / "cache", time.time() - 30 * 86_400
    for name in ("film.mkv.partial", "store.partial", f"images-8px-pil-bilinear-{'0' * 16}.partial"):
        folder_with_a_file_in(cache / name)
        os.utime(cache / name, (old, old))
    before = contents(cache)
    store = prepare_small(SyntheticSource(2), cache_dir=cache)
    after = contents(cache)
    assert {name: after[name] for name in before} == before
    # A damaged store is made again, but not over what somebody put beside its files.
    (store.path / "store.json").write_text("{}")
    (store.path / "notes.txt").write_text("mine")
    with pytest.raises(Exception, match="belong to no store"):
        prepare_small(SyntheticSource(2), cache_dir=cache)
    assert (store.path / "notes.txt").read_text() == "mine"


def folder_with_a_file_in(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "mine.txt").write_text("mine")
