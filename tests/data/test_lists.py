"""Lists of images in the layouts that data sets come with; each truth is written down beside its list."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gluon_wgan.data.sources import ListSource, recognise
from gluon_wgan.errors import UserError

WriteImages = Callable[..., Path]

ATTRIBUTES = "image_id,5_o_Clock_Shadow,Arched_Eyebrows\n000001.png,-1,1\n000002.png,1,-1\n"
LAYOUTS = {
    "semicolons.csv": "id;file_name;label\n1;a.png;x,y\n2;sub/b.png;z\n",
    "tabs.tsv": "id\tfile_name\n1\ta.png\n2\tsub/b.png\n",
    "tabs.csv": "label\tname with, comma\tpath\n1\tx\ta.png\n2\ty\tsub/b.png\n",
    "bars.csv": "id|image\n1|a.png\n2|sub/b.png\n",
    "last column.csv": "id,split,file_name\n7,train,a.png\n8,test,sub/b.png\n",
    "no header.csv": "7,train,a.png\n8,test,sub/b.png\n",
    "two names.csv": "mask,file_name\na_mask.png,a.png\nsub/b_mask.png,sub/b.png\n",
    "backslashes.csv": "file_name,label\na.png,0\nsub\\b.png,1\n",
    "plain.txt": "a.png\nsub/b.png\n",
    "labels.txt": "a.png 0\nsub/b.png 1\n",
    "commas.txt": "a.png,0\nsub/b.png,1\n",
    "attributes.txt": "2\nSmiling Young\na.png  -1  1\nsub/b.png  1 -1\n",
    "im2rec.lst": "0\t1.000000\ta.png\n5\t0.000000\t2.0\tsub/b.png\n".replace("0.000000\t2.0", "0.000000"),
    "several labels.lst": "0\t1.0\t2.0\ta.png\n5\t0.0\t3.0\tsub/b.png\n",
    "metadata.jsonl": '{"text": "x.png", "file_name": "a.png"}\n\n{"file_name": "sub/b.png"}\n',
    "dicts.jsonl": '{"image": {"path": "a.png", "bytes": null}}\n{"image": {"path": "sub/b.png"}}\n',
    "strings.ndjson": '"a.png"\n"sub/b.png"\n',
    "other field.jsonl": '{"id": 1, "picture": "a.png"}\n{"id": 2, "picture": "sub/b.png"}\n',
    "windows.csv": "\ufefffile_name;n\r\na.png;1\r\nsub\\b.png;2\r\n",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str, tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png", "sub/b.png", "a_mask.png", "sub/b_mask.png")
    (tmp_path / name).write_bytes(LAYOUTS[name].encode())
    assert recognise(tmp_path / name) == "csv"
    source = ListSource(tmp_path / name)
    assert list(source.names) == ["a.png", "sub/b.png"]
    assert source.read(1, 3).shape == (17, 21, 3)


@pytest.mark.parametrize("folder", ["img_align_celeba", "img_align_celeba/img_align_celeba"])
def test_a_list_beside_the_folder_of_its_images(folder: str, tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path / folder, "000001.png", "000002.png")
    (tmp_path / "other").mkdir()
    (tmp_path / "list_attr_celeba.csv").write_text(ATTRIBUTES)
    source = ListSource(tmp_path / "list_attr_celeba.csv")
    assert list(source.names) == ["000001.png", "000002.png"]
    assert source.read(1, 3).shape == (17, 21, 3)


def test_a_list_whose_images_are_in_two_folders_is_refused(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "images/000001.png", "images/000002.png", "masks/000001.png", "masks/000002.png")
    (tmp_path / "list.csv").write_text(ATTRIBUTES)
    with pytest.raises(UserError, match=r"images and .*masks both hold"):
        ListSource(tmp_path / "list.csv")


def test_absolute_paths_inside_the_folder(tmp_path: Path, write_images: WriteImages) -> None:
    root = write_images(tmp_path / "root", "a.png", "sub/b.png")
    (tmp_path / "link").symlink_to(root)
    for given in (root, tmp_path / "link"):
        for written in (root, tmp_path / "link"):
            (root / "list.txt").write_text(f"{written}/a.png\n{written}/sub/../sub/b.png\n")
            assert list(ListSource(given / "list.txt").names) == ["a.png", "sub/b.png"]
    (root / "list.txt").write_text(f"a.png\n{tmp_path}/root2/a.png\n")
    with pytest.raises(UserError, match=r"line 2.*outside the list's folder"):
        ListSource(root / "list.txt")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.jsonl", '{"file_name": "a.png"}\n{"file_name"\n', "line 2, is not JSON"),
        ("a.jsonl", "[" * 100_000 + "\n", "line 1, is not JSON"),
        ("a.jsonl", '{"file_name": "a.png"}\n{"label": 3}\n', "line 2, names no file"),
        ("a.jsonl", '{"file_name": "../a.png"}\n', "line 1, .*outside"),
        ("a.jsonl", "\n", "lists no image.*file_name"),
        ("a.csv", "file_name\nC:\\photos\\a.png\n", "line 2, names C:.*outside"),
        ("a.csv", 'file_name\na.png\n"b.png\n', "is not CSV .line 3"),
        ("a.txt", "a.png\n..\\..\\b.png\n", "line 2, .*outside"),
        ("README.txt", "Photographs of cats.\n", "lists no image"),
    ],
)
def test_mistakes(name: str, text: str, complaint: str, tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, "a.png")
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=complaint):
        ListSource(tmp_path / name)


def test_names_with_blanks_and_backslashes_that_files_really_have(tmp_path: Path, write_images: WriteImages) -> None:
    write_images(tmp_path, " a.png", "x\\y.png", "my cat.png")
    (tmp_path / "list.txt").write_text(" a.png\nx\\y.png\nmy cat.png\n")
    assert list(ListSource(tmp_path / "list.txt").names) == [" a.png", "x\\y.png", "my cat.png"]


def test_a_long_list_of_celeba(tmp_path: Path, write_images: WriteImages) -> None:
    names = [f"{number:06d}.png" for number in random.Random(0).sample(range(200_000), 2000)]
    write_images(tmp_path / "img", *names[:3])
    rows = [json.dumps({"file_name": name}) for name in names]
    (tmp_path / "list.jsonl").write_text("\n".join(rows))
    assert list(ListSource(tmp_path / "list.jsonl").names) == names


@pytest.mark.parametrize("folder", [".", "train_images"])
@pytest.mark.parametrize(
    "text", ["label,image_id\ncat,0a1\ndog,0b2\n", "id;breed\n0a1;cat\n0b2;dog\n", "Name\tId\n0a1\t7\n0b2\t8\n"]
)
def test_names_without_their_suffix_under_a_usual_header(
    text: str, folder: str, tmp_path: Path, write_images: WriteImages
) -> None:
    write_images(tmp_path / folder, "0a1.png", "0b2.png")
    (tmp_path / "train.csv").write_text(text)
    source = ListSource(tmp_path / "train.csv")
    assert list(source.names) == ["0a1.png", "0b2.png"]
    assert all(source.read(place, 3).size for place in range(2))
