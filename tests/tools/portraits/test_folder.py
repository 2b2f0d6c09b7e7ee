"""The list of the portraits against the real files, and the folder of JPEGs that is made from it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.data.sources import FolderSource
from tests.tools.portraits.galleries import COUNT, Gallery, one_sentence, refusal
from tools.portraits import cli, export
from tools.portraits.export import verify_folder
from tools.portraits.listing import LIST, PortraitList, read_list
from tools.portraits.source import PortraitsSource

TEXTS = {"manifest.csv", "ATTRIBUTION.txt", "LICENSE.txt"}


@pytest.mark.slow
def test_the_real_list_is_that_of_the_real_folder(
    shared_data: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, portraits = shared_data("portraits"), read_list(LIST)
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(portraits.portraits) == 3962
    assert [vars(one) | {"file": one.file} for one in portraits.portraits] == [
        {"blob": row["source_git_blob"], **{key: row[key] for key in ("source_sha256", "sha256", "file")}}
        for row in rows
    ]
    for one in portraits.portraits:
        assert hashlib.sha256((folder / one.file).read_bytes()).hexdigest() == one.sha256, one.file
    assert {path.name for path in folder.glob("*.jpg")} == {one.file for one in portraits.portraits}
    assert portraits.manifest.encode() == (folder / "manifest.csv").read_bytes()
    for name in ("ATTRIBUTION.txt", "LICENSE.txt"):
        assert LIST.with_name(name).read_bytes() == (folder / name).read_bytes()
    assert cli.main(["--verify", str(folder)]) == 0
    assert "3,962 portraits" in capsys.readouterr().out


def test_the_list_is_small() -> None:
    assert LIST.stat().st_size < 600_000


def test_the_folder_says_where_it_comes_from(listed_gallery: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert cli.main([str(listed_gallery.clone), str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {*listed_gallery.jpegs, *TEXTS}
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "source_git_blob", "source_sha256", "sha256"]
    for row in rows:
        source = subprocess.run(
            ["git", "-C", str(listed_gallery.clone), "cat-file", "blob", row["source_git_blob"]],
            capture_output=True,
            check=True,
        ).stdout
        assert hashlib.sha256(source).hexdigest() == row["source_sha256"]
        assert hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    assert "CC BY 4.0" in (folder / "ATTRIBUTION.txt").read_text()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    assert len(FolderSource(folder)) == COUNT


def test_what_is_there_is_never_touched(
    listed_gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("full", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    for name in ("full", "empty", "file", "link", "full/."):
        assert "exists already: choose another folder" in one_sentence(capsys, listed_gallery.clone, tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "full" / "mine.jpg").read_bytes() == (tmp_path / "file").read_bytes() == b"mine"


def test_what_was_begun_is_checked_and_continued(
    listed_gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, partial = tmp_path / "folder", tmp_path / "folder.partial"
    encoded = PortraitsSource.encoded
    done: list[int] = []

    def interrupted(source: PortraitsSource, index: int) -> bytes:
        if index == 3:
            raise KeyboardInterrupt
        return encoded(source, index)

    monkeypatch.setattr(PortraitsSource, "encoded", interrupted)
    assert cli.main([str(listed_gallery.clone), str(folder)]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not folder.exists() and {path.name for path in partial.iterdir()} == set(list(listed_gallery.jpegs)[:3])

    second = partial / list(listed_gallery.jpegs)[1]
    second.write_bytes(second.read_bytes()[:100])  # as if killed while writing

    def noted(source: PortraitsSource, index: int) -> bytes:
        done.append(index)
        return encoded(source, index)

    monkeypatch.setattr(PortraitsSource, "encoded", noted)
    assert cli.main([str(listed_gallery.clone), str(folder)]) == 0
    assert done == [1, 3, 4, 5]
    assert (
        not partial.exists() and {path.name: path.read_bytes() for path in folder.glob("*.jpg")} == listed_gallery.jpegs
    )


@pytest.mark.parametrize("what", ["file", "folder", "link", "instead"])
def test_a_strangers_file_in_the_way_is_left_alone(
    what: str, listed_gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial, first, mine = tmp_path / "folder.partial", next(iter(listed_gallery.jpegs)), tmp_path / "mine"
    mine.write_bytes(b"mine")
    if what == "instead":
        partial.write_bytes(b"mine")
    else:
        partial.mkdir()
    if what == "file":
        (partial / "mine.txt").write_bytes(b"mine")
    elif what == "folder":
        (partial / first).mkdir()
    elif what == "link":
        (partial / first).symlink_to(mine)
    before = sorted(tmp_path.rglob("*"))
    said = one_sentence(capsys, listed_gallery.clone, tmp_path / "folder")
    assert "in the way" in said if what != "instead" else "Cannot write" in said
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != ".folder.lock"] == before
    assert mine.read_bytes() == b"mine"


def test_a_full_disk_is_one_sentence(
    listed_gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(folder: Path, source: PortraitsSource, progress: bool) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_fill", full)
    assert "(No space left on device): make room" in one_sentence(capsys, listed_gallery.clone, tmp_path / "folder")
    assert "Cannot write /proc/folder" in one_sentence(capsys, listed_gallery.clone, "/proc/folder")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("name", ["jpeg", *sorted(TEXTS)])
def test_verifying_names_the_first_wrong_file(name: str, listed_gallery: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert cli.main([str(listed_gallery.clone), str(folder)]) == 0
    path = folder / (list(listed_gallery.jpegs)[2] if name == "jpeg" else name)
    good = path.read_bytes()
    verify_folder(folder, listed_gallery.portraits)
    (folder / ".hidden").write_bytes(b"as some systems put everywhere")
    verify_folder(folder, listed_gallery.portraits)
    for bad in (good[:-1], good + b"\n", bytes([good[0] ^ 1]) + good[1:]):
        path.write_bytes(bad)
        assert f"{path} is not as listed" in refusal(lambda: verify_folder(folder, listed_gallery.portraits))
    path.unlink()
    assert f"{path} is missing" in refusal(lambda: verify_folder(folder, listed_gallery.portraits))
    path.write_bytes(good)
    (folder / "another.jpg").write_bytes(good)
    assert "another.jpg is not on the list" in refusal(lambda: verify_folder(folder, listed_gallery.portraits))


def test_bad_words_are_one_sentence(
    listed_gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "give CLONE and FOLDER" in one_sentence(capsys, listed_gallery.clone)
    assert "leave one of them out" in one_sentence(capsys, listed_gallery.clone, "--verify", tmp_path)
    assert "No such file" in one_sentence(capsys, "--verify", tmp_path / "none")
    assert "Not a directory" in one_sentence(capsys, "--verify", listed_gallery.clone / "README")


ROWS = [f"{number:040x},{number:064x},{number + 1:064x}\n" for number in (0x11 << 100, 7)]
TEXT = "".join(["source_git_blob,source_sha256,sha256\n", *ROWS])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, len(TEXT) - 1), new=st.sampled_from([b"", b"\n", b",", b"g", b"\xff", b"0", b"A"]))
def test_a_damaged_list_is_refused_or_says_another_thing(place: int, new: bytes, tmp_path: Path) -> None:
    path, good = tmp_path / "list.csv.gz", TEXT.encode()
    bad = good[:place] + new + good[place + 1 :]
    path.write_bytes(gzip.compress(good))
    whole = read_list(path)
    path.write_bytes(gzip.compress(bad))
    if bad in (good, good[:-1]):
        assert read_list(path) == whole
    elif new == b"0" and place >= TEXT.index("\n") + 1 and good[place : place + 1] not in b",\n":
        assert read_list(path).sha256 != whole.sha256
    else:
        assert "gluon-wgan again" in refusal(lambda: read_list(path))


def test_a_cut_or_missing_list_is_one_sentence(gallery: Gallery, tmp_path: Path) -> None:
    path = gallery.listed(tmp_path, gallery.portraits)
    good = path.read_bytes()
    assert read_list(path) == gallery.portraits
    for count in range(0, len(good), 40):
        path.write_bytes(good[:count])
        assert "install gluon-wgan again" in refusal(lambda: read_list(path))
    path.write_bytes(good[:60] + bytes([good[60] ^ 255]) + good[61:])
    assert "install gluon-wgan again" in refusal(lambda: read_list(path))
    path.unlink()
    assert "No such file" in refusal(lambda: read_list(path))
    first = gallery.portraits.portraits[0]
    twice = replace(first, blob=first.blob[:16] + "0" * 24)  # another blob, the same file name
    gallery.listed(tmp_path, PortraitList((first, twice)))
    assert "one twice" in refusal(lambda: read_list(path))
