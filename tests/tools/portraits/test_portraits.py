"""Portraits out of a git repository: every kind of clone, the same bytes, and whatever else is refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import PIL
import pytest
from PIL import Image

from tests.tools.portraits.galleries import COUNT, Gallery, git, one_sentence, refusal, use_list
from tools.portraits import cli
from tools.portraits.listing import Portrait, PortraitList
from tools.portraits.source import PortraitsSource


def read_all(source: PortraitsSource) -> dict[str, bytes]:
    return {name: source.encoded(number) for number, name in enumerate(source.names)}


def as_it_is(gallery: Gallery, other: Path) -> Path:
    return gallery.clone


def bare(gallery: Gallery, other: Path) -> Path:
    git(gallery.clone, "clone", "--quiet", "--bare", ".", str(other))
    return other


def packed(gallery: Gallery, other: Path) -> Path:
    git(gallery.clone, "gc", "--quiet", "--prune=now")
    assert not list((gallery.clone / ".git/objects").glob("[0-9a-f][0-9a-f]/*"))
    return gallery.clone


def another_commit(gallery: Gallery, other: Path) -> Path:
    git(gallery.clone, "rm", "--quiet", "-r", "in")
    git(gallery.clone, "commit", "--quiet", "--message", "Remove images")
    return gallery.clone


def without_files(gallery: Gallery, other: Path) -> Path:
    shutil.rmtree(gallery.clone / "in")
    return gallery.clone


def altered_files(gallery: Gallery, other: Path) -> Path:
    for path in (gallery.clone / "in").rglob("*.*"):
        path.write_bytes(b"something else")
    return gallery.clone


def linked_tree(gallery: Gallery, other: Path) -> Path:
    git(gallery.clone, "worktree", "add", "--quiet", str(other), "HEAD")
    return other


def folder_inside(gallery: Gallery, other: Path) -> Path:
    return gallery.clone / "in" / "deep"


def path_with_spaces(gallery: Gallery, other: Path) -> Path:
    return gallery.clone.rename(gallery.clone.with_name("-é two\nlines"))


@pytest.mark.parametrize(
    "layout",
    [
        *(as_it_is, bare, packed, another_commit, without_files, altered_files, linked_tree, folder_inside),
        path_with_spaces,
    ],
)
def test_every_clone_gives_the_same_bytes(
    layout: Callable[[Gallery, Path], Path], gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path))  # as in a hook of some other repository
    source = PortraitsSource(layout(gallery, tmp_path / "other"), gallery.portraits)
    assert read_all(source) == gallery.jpegs
    assert list(source.names) == sorted(gallery.jpegs)
    assert read_all(pickle.loads(pickle.dumps(source))) == gallery.jpegs


def test_the_identity_is_that_of_the_list(gallery: Gallery, tmp_path: Path) -> None:
    here = PortraitsSource(gallery.clone, gallery.portraits).identity()
    assert PortraitsSource(bare(gallery, tmp_path / "other"), gallery.portraits).identity() == here
    first, *others = gallery.portraits.portraits
    for field in ("source_sha256", "sha256"):
        other = PortraitList((replace(first, **{field: "0" * 64}), *others))
        assert PortraitsSource(gallery.clone, other).identity() != here
    assert PortraitsSource(gallery.clone, gallery.portraits, max_pixels=9).identity() != here


def test_the_folder_holds_the_listed_bytes(listed_gallery: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    assert cli.main([str(listed_gallery.clone), str(folder)]) == 0
    assert {path.name: path.read_bytes() for path in folder.glob("*.jpg")} == listed_gallery.jpegs
    source = PortraitsSource(listed_gallery.clone, listed_gallery.portraits)
    assert {name: source.encoded(index) for index, name in enumerate(source.names)} == listed_gallery.jpegs


def test_no_repository_is_one_sentence(
    listed_gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new, plain = tmp_path / "new", tmp_path / "plain"
    plain.mkdir()
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert "(not a git repository" in one_sentence(capsys, plain, new)
    assert "none does not exist" in one_sentence(capsys, tmp_path / "none", new)
    assert "README is a file, not a git repository" in one_sentence(capsys, listed_gallery.clone / "README", new)
    (listed_gallery.clone / ".git" / "HEAD").write_text("nonsense")
    assert "give the folder that git clone made" in one_sentence(capsys, listed_gallery.clone, new)
    monkeypatch.setenv("PATH", str(plain))
    assert "Cannot run git (No such file or directory): install it" in one_sentence(capsys, listed_gallery.clone, new)
    assert not new.exists() and not new.with_name("new.partial").exists()


def test_a_missing_blob_is_named_before_anything_is_written(
    listed_gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    second, third = (one.blob for one in listed_gallery.portraits.portraits[1:3])
    for blob in (second, third):
        listed_gallery.loose(blob).unlink()
    said = one_sentence(capsys, listed_gallery.clone, tmp_path / "new")
    assert f"lacks 2 of the {COUNT} images, {second} the first" in said
    assert "artflow-portraits with its commit 4accf11f6d777e10272cad2242245e12a417252f" in said
    assert not (tmp_path / "new.partial").exists()
    commit = replace(listed_gallery.portraits.portraits[0], blob=git(listed_gallery.clone, "rev-parse", "HEAD"))
    use_list(monkeypatch, listed_gallery.listed(tmp_path, PortraitList((commit,))))
    assert f"lacks 1 of the 1 images, {commit.blob}" in one_sentence(capsys, listed_gallery.clone, tmp_path / "new")


def test_a_clone_without_blobs_fetches_nothing(gallery: Gallery, tmp_path: Path) -> None:
    lean = tmp_path / "lean"
    git(gallery.clone, "config", "uploadpack.allowFilter", "true")
    words = ("clone", "--quiet", "--no-checkout", "--filter=blob:none", gallery.clone.as_uri(), str(lean))
    git(tmp_path, *words)
    before = {path: path.stat().st_mtime_ns for path in lean.rglob("*")}
    said = refusal(lambda: PortraitsSource(lean, gallery.portraits))
    assert gallery.portraits.portraits[0].blob in said
    assert {path: path.stat().st_mtime_ns for path in lean.rglob("*")} == before
    gallery.clone.rename(tmp_path / "away")
    assert gallery.portraits.portraits[0].blob in refusal(lambda: PortraitsSource(lean, gallery.portraits))


def test_an_altered_blob_is_refused(
    listed_gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = listed_gallery.portraits.portraits[4].blob
    content = zlib.decompress(listed_gallery.loose(victim).read_bytes())
    listed_gallery.loose(victim).write_bytes(zlib.compress(content[:-1] + bytes([content[-1] ^ 1])))
    assert f"Blob {victim} has been altered" in one_sentence(capsys, listed_gallery.clone, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("damage", ["cut", "nonsense"])
def test_a_damaged_blob_is_one_sentence(
    damage: str, listed_gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = listed_gallery.portraits.portraits[4].blob
    content = listed_gallery.loose(victim).read_bytes()
    listed_gallery.loose(victim).write_bytes(content[: len(content) // 2] if damage == "cut" else b"nonsense" * 40)
    assert victim in one_sentence(capsys, listed_gallery.clone, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_git_may_die_and_is_started_again(gallery: Gallery) -> None:
    source = PortraitsSource(gallery.clone, gallery.portraits)
    assert source.encoded(0) == gallery.jpegs[source.names[0]]
    assert source.blobs._git is not None
    source.blobs._git.kill()
    source.blobs._git.wait()
    assert "git cannot read blob" in refusal(lambda: source.encoded(1))
    assert source.encoded(1) == gallery.jpegs[source.names[1]]


def test_a_forked_process_has_a_git_of_its_own(gallery: Gallery) -> None:
    source = PortraitsSource(gallery.clone, gallery.portraits)
    wanted = [gallery.jpegs[name] for name in source.names]
    assert source.encoded(0) == wanted[0]
    child = os.fork()
    if not child:
        os._exit([source.encoded(number) for number in range(COUNT)] != wanted)
    assert [source.encoded(number) for number in range(COUNT)] == wanted
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("field", "complaint"),
    [("source_sha256", "but the list says " + "1" * 64), ("sha256", "makes another JPEG")],
)
def test_a_wrong_sum_in_the_list_is_one_sentence(
    field: str,
    complaint: str,
    gallery: Gallery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    *others, last = gallery.portraits.portraits
    wrong = PortraitList((*others, replace(last, **{field: "1" * 64})))
    use_list(monkeypatch, gallery.listed(tmp_path, wrong))
    said = one_sentence(capsys, gallery.clone, tmp_path / "new")
    assert complaint in said and last.blob in said
    assert not (tmp_path / "new").exists()


def test_another_encoder_is_named_with_the_one_that_is_needed(
    listed_gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = Image.Image.save
    # Other chroma sampling stands for another encoder: the same sizes, other bytes.
    monkeypatch.setattr(Image.Image, "save", lambda *all, **named: save(*all, **named, subsampling=0))
    monkeypatch.setattr(PIL, "__version__", "9.9.9")
    monkeypatch.setattr("PIL.features.version", lambda name: {"libjpeg_turbo": "2.1.9"}[name])
    said = one_sentence(capsys, listed_gallery.clone, tmp_path / "new")
    assert "Pillow 9.9.9 (libjpeg-turbo 2.1.9)" in said and "Pillow 13.0.0 (libjpeg-turbo 3.2.0)" in said
    assert "install the wheel of pillow==13.0.0." in said
    monkeypatch.setattr(PIL, "__version__", "13.0.0")
    monkeypatch.setattr("PIL.features.version", lambda name: {"libjpeg_turbo": "3.2.0"}[name])
    assert "install gluon-wgan again" in one_sentence(capsys, listed_gallery.clone, tmp_path / "new")
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    assert "Pillow 13.0.0 (without libjpeg-turbo)" in one_sentence(capsys, listed_gallery.clone, tmp_path / "new")


def test_a_blob_that_is_no_image_is_one_sentence(gallery: Gallery) -> None:
    content = (gallery.clone / "README").read_bytes()
    blob = git(gallery.clone, "hash-object", "README")
    text = PortraitList((Portrait(blob, hashlib.sha256(content).hexdigest(), "0" * 64),))
    assert f"Blob {blob} cannot be made a JPEG" in refusal(lambda: PortraitsSource(gallery.clone, text).encoded(0))
