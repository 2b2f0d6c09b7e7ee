"""What stands beside the images: it is counted, named and left out, and an image of any suffix is read."""

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from gluon_wgan.cli.prepare import main as prepare_main
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources import named_source
from gluon_wgan.data.sources.left_out import matching
from gluon_wgan.data.store import open_store
from gluon_wgan.errors import UserError
from gluon_wgan.utils.text import name_in_csv

ROOT = Path(__file__).parents[2]
COLOURS = np.random.default_rng(5).integers(0, 256, (24, 24, 3), np.uint8)


def encoded(format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(COLOURS).save(file, format=format)
    return file.getvalue()


FILES = {
    "a.jpg": encoded("JPEG"),
    "b": encoded("JPEG"),
    "c.jpg_large": encoded("JPEG"),
    "d.image": encoded("PNG"),
    "deep/e.TGA": encoded("TGA"),
    "deep/f.ico": encoded("ICO"),
    "deep/g.pcx": encoded("PCX"),
    "notes.txt": b"no image",
    "deep/more.txt": b"no image",
    "clip.mp4": b"\0\0\0\x18ftypmp42" + bytes(40),
    "README": b"words",
    ".hidden.jpg": encoded("JPEG"),
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_S.jpg": encoded("JPEG"),
    ".thumbnails/t.png": encoded("PNG"),
    "empty.dat": b"",
}
IMAGES = ["a.jpg", "b", "c.jpg_large", "d.image", "deep/e.TGA", "deep/f.ico", "deep/g.pcx"]
COUNTED = {"*.txt": "2 files", "*.mp4": "1 file", "(no suffix)": "1 file", "*.dat": "1 file", "(hidden)": "1 file"}
FOLDERS_ALONE = {"@eaDir/": "1 folder", ".thumbnails/": "1 folder"}
FOLDERS_IN_ARCHIVES = {"@eaDir/*": "1 file", ".thumbnails/*": "1 file"}


def made(kind: str, place: Path) -> Path:
    """Return the files as a folder or as an archive."""
    if kind == "folder":
        for name, content in FILES.items():
            (place / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "in" / name).write_bytes(content)
        return place / "in"
    path = place / f"in.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def prepare(place: Path, source: Path, *options: str) -> int:
    return prepare_main([str(source), "--out", str(place / "store"), "--image-size", "16", "--jobs", "1", *options])


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz"])
def test_images_of_any_suffix_are_read_and_the_rest_is_counted(kind, tmp_path, capsys):
    root = made(kind, tmp_path)
    assert prepare(tmp_path, root, "--cache-dir", str(tmp_path / "cache")) == 0
    said = capsys.readouterr().err
    store = open_store(tmp_path / "store")
    assert sorted(store.names) == sorted(IMAGES)
    assert not store.skipped
    expected = {**COUNTED, **(FOLDERS_ALONE if kind == "folder" else FOLDERS_IN_ARCHIVES)}
    assert {name: why.split(":")[0] for name, why in store.left_out} == expected
    with (tmp_path / "store" / "skipped.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "reason"]
    # A leading @ is marked, since a spreadsheet would take it for a formula.
    assert sorted((name_in_csv(name), why) for name, why in rows[1:]) == sorted(store.left_out)
    assert all(name in said for name in expected)
    # A second look takes an archive's list from the cache, which holds the counts too.
    again = named_source("auto", [str(root)], tmp_path / "cache")
    assert {name: why.split(":")[0] for name, why in again.left_out.rows()} == expected


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_formats_known_by_their_suffix_alone_have_the_right_pixels(kind, tmp_path):
    source = named_source("auto", [str(made(kind, tmp_path))], tmp_path / "cache")
    for name in ("deep/e.TGA", "deep/f.ico", "deep/g.pcx"):
        assert np.array_equal(source.read(list(source.names).index(name), 3), COLOURS), name


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_avif_is_read_under_its_own_name_and_others(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.FILES", {name: encoded("AVIF") for name in ("a.avif", "b.jpg", "c")})
    assert sorted(named_source("auto", [str(made(kind, tmp_path))], tmp_path / "cache").names) == [
        "a.avif",
        "b.jpg",
        "c",
    ]


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_excluded_files_and_folders_are_counted(kind, tmp_path):
    root = made(kind, tmp_path)
    options = ("--exclude", "deep", "--exclude", "*.jpg", "--cache-dir", str(tmp_path / "cache"))
    assert prepare(tmp_path, root, *options) == 0
    store = open_store(tmp_path / "store")
    assert sorted(store.names) == ["b", "c.jpg_large", "d.image"]
    counted = dict(tuple(row) for row in store.left_out)
    assert "excluded" in counted["deep"]
    assert "excluded" in counted["*.jpg"]


def test_excluding_everything_is_refused(tmp_path, capsys):
    assert prepare(tmp_path, made("zip", tmp_path), "--exclude", "*", "--cache-dir", str(tmp_path / "cache")) == 2
    assert "--exclude *" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("a/b/c.png", "b", True),
        ("a/b/c.png", "b/", True),
        ("a/b/c.png", "a/b", True),
        ("a/b/c.png", "a/*.png", True),
        ("a/b/c.png", "*.PNG", False),
        ("a/b/c.png", "c", False),
        ("a/b/c.png", "b/c.png", False),
        ("mask_01.png", "mask_[0-9]?.png", True),
    ],
)
def test_a_pattern_matches_a_name_on_the_way_or_the_path_up_to_there(name, pattern, matches):
    assert (matching(name, [pattern]) == pattern) is matches


def without_privileges(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command for which permissions count, as they do not for the superuser."""
    rights = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run([*rights, *command], capture_output=True, text=True, cwd=ROOT, timeout=300)


@pytest.mark.skipif(without_privileges("true").returncode != 0, reason="nothing here lets go of the superuser's rights")
def test_an_unreadable_folder_is_named_and_counted_and_strict_refuses_it(tmp_path):
    root = made("folder", tmp_path)
    (root / "lost+found").mkdir(mode=0)
    command = [
        sys.executable,
        "tools/prepare_data.py",
        str(root),
        "--image-size",
        "16",
        "--cache-dir",
        f"{tmp_path}/c",
    ]
    done = without_privileges(*command, "--out", f"{tmp_path}/store")
    assert done.returncode == 0, done.stderr
    reason = "folder that cannot be read: permission denied"
    assert f"lost+found/ ({reason})" in done.stderr
    assert ["lost+found/", reason] in json.loads((tmp_path / "store" / "store.json").read_text())["left_out"]
    refused = without_privileges(*command, "--out", f"{tmp_path}/other", "--strict")
    assert refused.returncode == 2
    assert "lost+found cannot be read (permission denied)" in refused.stderr
    assert not (tmp_path / "other").exists()
    excluded = without_privileges(*command, "--out", f"{tmp_path}/other", "--strict", "--exclude", "lost+found")
    assert excluded.returncode == 0, excluded.stderr
    command[2] = str(root / "lost+found")
    alone = without_privileges(*command, "--out", f"{tmp_path}/alone")
    assert alone.returncode == 2
    assert f"Cannot read {root}/lost+found (Permission denied): " in alone.stderr
    (root / "lost+found").chmod(0o700)


def test_one_name_falsely_flagged_as_utf8_does_not_refuse_a_zip(tmp_path):
    path = tmp_path / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("plain.png", "\N{LATIN SMALL LETTER E WITH ACUTE}t\u00e9.png", "last.png"):
            archive.writestr(name, encoded("PNG"))
    # The second name becomes Latin-1 of the same length in bytes, and keeps its flag that says UTF-8.
    content = path.read_bytes().replace("été.png".encode(), b"\xe9\xe8t\xe9\xe8.png")
    path.write_bytes(content)
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(path)
    source = named_source("auto", [str(path)], tmp_path / "cache")
    assert [*source.names][::2] == ["plain.png", "last.png"]
    assert len(source) == 3
    assert all(np.array_equal(source.read(index, 3), COLOURS) for index in range(3))


def test_a_store_that_is_reused_tells_what_stands_there_now(tmp_path):
    from gluon_wgan import TrainConfig
    from gluon_wgan.data.prepared_data import prepare_data

    root = made("folder", tmp_path)
    config = TrainConfig(data_root=str(root), image_size=16, batch_size=2, cache_dir=str(tmp_path / "cache"), jobs=1)
    first = prepare_data(config, progress=False)
    (root / "later.txt").write_text("x")
    second = prepare_data(config, progress=False)
    assert second.path == first.path
    assert dict(map(tuple, first.left_out))["*.txt"].startswith("2 files")
    assert dict(map(tuple, second.left_out))["*.txt"].startswith("3 files")
    assert not second.skipped


def test_a_link_to_itself_spoils_neither_its_folder_nor_a_list_beside_it(tmp_path):
    root = made("folder", tmp_path)
    (root / "loop.jpg").symlink_to("loop.jpg")
    source = named_source("auto", [str(root)], tmp_path / "cache")
    assert sorted(source.names) == sorted([*IMAGES, "loop.jpg"])
    with pytest.raises(BadImage, match="symbolic links"):
        source.read([*source.names].index("loop.jpg"), 3)
    (root / "list.csv").write_text("file_name\ne.TGA\nf.ico\n")
    listed = named_source("auto", [str(root / "list.csv")], tmp_path / "cache")
    assert np.array_equal(listed.read(0, 3), COLOURS)


def run_in(place: Path) -> Path:
    """Make what every run directory holds."""
    for name in ("samples", "checkpoints/iter_000002"):
        (place / name).mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "samples" / "fake_000002.png").write_bytes(encoded("PNG"))
    (place / "curves.png").write_bytes(encoded("PNG"))
    return place


@pytest.mark.parametrize("kind", ["auto", "folder"])
def test_a_run_directory_is_refused_as_images_and_its_samples_are_not(kind, tmp_path):
    run = run_in(tmp_path / "it's 1")
    with pytest.raises(UserError) as caught:
        named_source(kind, [str(run)], tmp_path / "cache")
    sentence = str(caught.value)
    assert (
        "--resume" in sentence and "--branch" in sentence and sentence.endswith(f"""{tmp_path}/it'"'"'s 1/samples'.""")
    )
    assert [*named_source(kind, [str(run / "samples")], tmp_path / "cache").names] == ["fake_000002.png"]


def test_a_store_is_refused_as_images_with_the_option_that_takes_it(tmp_path, capsys):
    assert prepare(tmp_path, made("folder", tmp_path)) == 0
    assert prepare_main([str(tmp_path / "store"), "--out", str(tmp_path / "again")]) == 2
    assert "store is a store of prepared images: give it to training with --data" in capsys.readouterr().err


def test_run_directories_beside_images_are_left_out_and_named(tmp_path, capsys):
    root = made("folder", tmp_path)
    for name in ("runs/0001", "runs/0002"):
        run_in(root / name)
    assert prepare(tmp_path, root, "--cache-dir", str(tmp_path / "cache")) == 0
    assert sorted(open_store(tmp_path / "store").names) == sorted(IMAGES)
    assert "runs/0002/ (run directory, whose images are samples)" in capsys.readouterr().err
    assert prepare(tmp_path, root / "runs") == 2
    assert "runs holds no image (0001/: run directory" in capsys.readouterr().err
