"""Folders and lists: what they find, what they refuse, when their identity changes."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.sources import FolderSource, ListSource, Source
from gluon_wgan.errors import UserError

WriteImages = Callable[..., Path]


def one_sentence(error: pytest.ExceptionInfo[UserError]) -> str:
    message = str(error.value)
    assert message and "\n" not in message and message.endswith(".")
    return message


def test_folder_of_any_layout(tmp_path: Path, write_images: WriteImages) -> None:
    names = ["b.png", "a.JPG", "deep/er/x.Jpeg", "cats/1.webp", "cats/10.bmp", "cats/2.TIF", "ümlaut/ö ö.png"]
    names += ["png", "x.png.bak"]  # images all the same
    write_images(tmp_path, *names, ".hidden.png", ".git/x.png", "deep/.cache/y.png")
    (tmp_path / "notes.txt").write_text("words")
    source = FolderSource(tmp_path)
    assert list(source.names) == sorted(names)
    assert len(source) == 9
    assert source.read(0, 1).shape == (17, 21, 1)
    assert list(FolderSource(str(tmp_path) + "/").names) == sorted(names)


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path, write_images: WriteImages) -> None:
    elsewhere = write_images(tmp_path / "elsewhere", "e.png")
    root = write_images(tmp_path / "root", "a.png", "sub/b.png")
    (root / "linked").symlink_to(elsewhere)
    (root / "sub" / "up").symlink_to(root)
    (elsewhere / "itself").symlink_to(elsewhere)
    (root / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source = FolderSource(root)
    assert list(source.names) == ["a.png", "gone.png", "linked/e.png", "sub/b.png"]
    with pytest.raises(BadImage, match="no such file"):
        source.read(1, 3)


def test_a_pipe_is_no_image_and_does_not_block(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(BadImage, match="not a file"):
        FolderSource(tmp_path).read(1, 3)


def test_folder_errors(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png")
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    for path, word in [("none", "exist"), ("a.png", "not a folder"), ("empty", "no image")]:
        with pytest.raises(UserError, match=word) as caught:
            FolderSource(tmp_path / path)
        assert str(tmp_path / path) in one_sentence(caught)


@pytest.mark.parametrize(
    "text",
    [
        "a.png\nsub/b.png\n",
        "file\na.png\nsub/b.png\n",
        "a.png\r\nsub/b.png\r\n",
        "\n\na.png,1,x\n\n , ,\nsub/b.png\n\n",
        '\ufeffpath,label\n"a.png","one, two"\n"sub/b.png",""\n',
        ",filename\na.png,0\nsub/b.png,1",
        "./a.png\nsub/../sub/b.png\n",
    ],
)
def test_csv_layouts(text: str, tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png", "sub/b.png")
    (tmp_path / "list.csv").write_bytes(text.encode())
    source = ListSource(tmp_path / "list.csv")
    assert [os.path.normpath(name) for name in source.names] == ["a.png", "sub/b.png"]
    folder = FolderSource(tmp_path)
    for index in (0, 1):
        np.testing.assert_array_equal(source.read(index, 3), folder.read(index, 3))


def test_first_row_without_extension_is_a_header_unless_it_exists(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "first", "b.png")
    (tmp_path / "list.csv").write_text("first\nb.png\n")
    assert list(ListSource(tmp_path / "list.csv").names) == ["first", "b.png"]
    (tmp_path / "list.csv").write_text("missing.png\nb.png\n")
    assert list(ListSource(tmp_path / "list.csv").names) == ["missing.png", "b.png"]
    with pytest.raises(BadImage, match="no such file"):
        ListSource(tmp_path / "list.csv").read(0, 3)


def test_csv_keeps_order_and_repetition(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png", "b.png")
    (tmp_path / "list.csv").write_text("b.png\na.png\nb.png\n")
    assert list(ListSource(tmp_path / "list.csv").names) == ["b.png", "a.png", "b.png"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a.png\n\n/etc/passwd.png\n", ["line 3", "/etc/passwd.png"]),
        (b"a.png\n../out.png\n", ["line 2", "../out.png"]),
        (b"a.png\nsub/../../out.png\n", ["line 2"]),
        (b"..\na.png\n..\n", ["line 3"]),
        (b"a.png\n,orphan\n", ["line 2"]),
        (b"a.png\nb\0.png\n", ["line 2"]),
        (b'a.png\n"open\n', ["line"]),
        (b"", ["no image"]),
        (b"\n \n", ["no image"]),
        (b"file,label\n", ["no image"]),
        ("a.png\nü.png\n".encode("latin-1"), ["UTF-8"]),
        ("a.png\n".encode("utf-16"), ["UTF-8"]),
    ],
)
def test_csv_errors(content: bytes, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        ListSource(tmp_path / "list.csv")
    message = one_sentence(caught)
    assert str(tmp_path / "list.csv") in message
    assert all(word in message for word in words), message


def test_csv_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    for path, word in [(tmp_path / "none.csv", "exist"), (tmp_path, "folder")]:
        with pytest.raises(UserError, match=word) as caught:
            ListSource(path)
        one_sentence(caught)


FILE_NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/\\"), min_size=1, max_size=12
).map(lambda name: f"{name}.png")
# Python's csv writer leaves a lone carriage return unquoted, and no reader can then tell it from a line's end.
EXTRA_CELLS = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Co"), blacklist_characters="\0\r"), max_size=9)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(FILE_NAMES, EXTRA_CELLS), min_size=1, max_size=8),
    header=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    quote=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_csv_that_a_writer_writes_is_read_back(
    rows: list[tuple[str, list[str]]], header: bool, ending: str, mark: bool, quote: int, tmp_path: Path
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending, quoting=cast(Any, quote))
    if header:
        writer.writerow(["file", "label"])
    writer.writerows([name, *extra] for name, extra in rows)
    path = tmp_path / "list.csv"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    assert list(ListSource(path).names) == [name for name, _ in rows]


def test_identity_changes_with_any_file(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png", "b.png", "sub/c.png")

    def identity() -> str:
        return json.dumps(FolderSource(tmp_path).identity())

    first = identity()
    assert first == identity()
    seen = {first}
    os.utime(tmp_path / "b.png", ns=(1, 1))
    seen.add(identity())
    for _ in range(2):  # the second change is of the size alone
        with (tmp_path / "a.png").open("ab") as file:
            file.write(b"\0")
        os.utime(tmp_path / "a.png", ns=(2, 2))
        seen.add(identity())
    write_images(tmp_path, "d.png")
    seen.add(identity())
    (tmp_path / "d.png").rename(tmp_path / "e.png")
    seen.add(identity())
    (tmp_path / "sub" / "c.png").unlink()
    seen.add(identity())
    assert len(seen) == 7


def test_identity_survives_a_move_and_notices_a_missing_file(tmp_path: Path, write_images: WriteImages) -> None:
    old = write_images(tmp_path / "old", "a.png", "b.png")
    (old / "list.csv").write_text("a.png\nb.png\n")
    folder, listed = FolderSource(old).identity(), ListSource(old / "list.csv").identity()
    new = old.rename(tmp_path / "new")
    assert FolderSource(new).identity() == folder
    assert ListSource(new / "list.csv").identity() == listed
    (new / "b.png").unlink()
    assert ListSource(new / "list.csv").identity() != listed


def test_sources_pickle_small_and_read_the_same(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png", "b.png")
    (tmp_path / "list.csv").write_text("b.png\n")
    sources: list[Source] = [FolderSource(tmp_path), ListSource(tmp_path / "list.csv")]
    for source in sources:
        packed = pickle.dumps(source)
        assert len(packed) < 1000
        copy = pickle.loads(packed)
        np.testing.assert_array_equal(copy.read(0, 3), source.read(0, 3))
        assert copy.identity() == source.identity()
        assert source.open(0, 1).mode == "L" and source.open(0, 3).mode == "RGB"
