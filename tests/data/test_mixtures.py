"""Several roots as one source, some images of a source, names of millions, and the crops that have names."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.config.crops import NAMED_CROPS
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.data.prepared_data import find_source, prepare_data
from gluon_wgan.data.sources import FolderSource, SubsetSource, sample, take
from gluon_wgan.data.sources.packed_names import pack_names
from gluon_wgan.errors import UserError
from tests.data import containers as made
from tests.data.synthetic import SyntheticSource


def config_of(*words: str) -> TrainConfig:
    return TrainConfig(**chosen_options(build_parser("test").parse_args(list(words))))


def test_several_roots_are_one_source(tmp_path: Path, rng: np.random.Generator) -> None:
    first = {f"{place}.jpg": made.jpeg(rng) for place in range(3)}
    second = {f"{place}.jpg": made.jpeg(rng) for place in range(2)}
    roots = [made.write_folder(tmp_path / "x" / "train", first), made.write_zip(tmp_path / "y.zip", second)]
    roots += [made.write_folder(tmp_path / "z" / "train", second)]
    words = [word for root in roots for word in ("--data-root", str(root))]
    config = config_of(*words, "--cache-dir", str(tmp_path / "cache"), "--batch-size", "2", "--image-size", "16")
    assert config == TrainConfig.from_json(json.loads(json.dumps(config.to_json())))
    source = pickle.loads(pickle.dumps(find_source(config)))
    prefix = tmp_path.name
    assert list(source.names) == [
        *(f"x/train/{place}.jpg" for place in range(3)),
        *(f"{prefix}/y.zip/{place}.jpg" for place in range(2)),
        *(f"z/train/{place}.jpg" for place in range(2)),
    ]
    contents = [*first.values(), *second.values(), *second.values()]
    for index, content in enumerate(contents):
        np.testing.assert_array_equal(source.read(index, 3), made.decoded(content))
    assert source.names[-1] == "z/train/1.jpg" and source.names[2:4] == ["x/train/2.jpg", f"{prefix}/y.zip/0.jpg"]
    assert find_source(config.replace(data_root=config.data_roots[::-1])).identity() != source.identity()
    store = prepare_data(config, progress=False)
    assert len(store) == 7 and list(store.names) == list(source.names)


def test_the_same_root_twice_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    root = made.write_folder(tmp_path / "a", {"x.jpg": made.jpeg(rng)})
    (tmp_path / "link").symlink_to(root)
    for again in (str(root), str(root) + "/", str(tmp_path / "link")):
        with pytest.raises(UserError, match="given twice"):
            find_source(TrainConfig(data_root=(str(root), again)))


def test_the_authors_words_for_data(tmp_path: Path) -> None:
    assert config_of("--dataset", "imagenet", "--dataroot", "x").dataset == "folder"
    config = config_of("--dataset", "lsun", "--dataroot", "x")
    assert (config.dataset, config.data_root) == ("lsun", "x")
    assert config_of("--data-root", "a", "--dataroot", "b").data_root == ("a", "b")
    assert TrainConfig(data_root=["a"]).data_root == "a"  # type: ignore[arg-type]
    for bad in ("", ("a", ""), 3):
        with pytest.raises(UserError, match="--data-root"):
            TrainConfig(data_root=bad)  # type: ignore[arg-type]


def test_taking_some_images(tmp_path: Path, rng: np.random.Generator) -> None:
    names = [f"{place:02d}.jpg" for place in range(20)]
    folder = made.write_folder(tmp_path, {name: made.jpeg(rng, 10 + place) for place, name in enumerate(names)})
    whole = FolderSource(folder)
    some = pickle.loads(pickle.dumps(take(whole, [7, 3, 3])))
    assert list(some.names) == ["07.jpg", "03.jpg", "03.jpg"] and some.label == whole.label
    np.testing.assert_array_equal(some.read(0, 3), whole.read(7, 3))
    assert some.open(1, 1).size == (13, 10)
    identity = some.identity()
    os.utime(folder / "09.jpg", ns=(1, 1))
    assert some.identity() == identity  # an image that is not in it
    os.utime(folder / "07.jpg", ns=(1, 1))
    assert some.identity() != identity
    assert take(whole, [3, 7, 3]).identity() != some.identity()
    for numbers in ([], [-1], [20]):
        with pytest.raises(UserError):
            SubsetSource(whole, numbers)


def test_a_sample_is_numpys_choice(tmp_path: Path) -> None:
    images = SyntheticSource(10_000)
    some = sample(images, 100, 5)
    expected = np.sort(np.random.default_rng(5).choice(10_000, 100, replace=False, shuffle=False))
    assert list(some.names) == [f"image-{number:06d}" for number in expected]
    assert some.identity() == sample(images, 100, 5).identity() != sample(images, 100, 6).identity()
    assert sample(images, 10_000, 5) is images is sample(images, 20_000, 5)
    np.testing.assert_array_equal(some.read(3, 3), images.read(int(expected[3]), 3))
    for count, seed in ((0, 0), (5, -1)):
        with pytest.raises(UserError):
            sample(images, count, seed)


@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), max_size=20))
def test_packed_names_are_a_list(names: list[str]) -> None:
    packed = pack_names(iter(names))
    copy = pickle.loads(pickle.dumps(packed))
    for one in (packed, copy):
        assert list(one) == names and len(one) == len(names)
        assert one[1:7:2] == names[1:7:2]
        if names:
            assert one[-1] == names[-1] and names[0] in one
        with pytest.raises(IndexError):
            one[len(names)]


def test_names_that_are_not_text_survive() -> None:
    odd = os.fsdecode(b"\xff\xfe.jpg")
    assert list(pickle.loads(pickle.dumps(pack_names([odd])))) == [odd]


def test_the_order_of_a_folder_is_that_of_whole_paths(tmp_path: Path, rng: np.random.Generator) -> None:
    names = ["a/z.jpg", "a-b/x.jpg", "a.jpg", "a!/y.jpg", "ab.jpg", "a/b/c.jpg", "a/b.jpg", "é.jpg", "Z.jpg"]
    folder = made.write_folder(tmp_path, dict.fromkeys(names, b""))
    assert list(FolderSource(folder).names) == sorted(names)


def test_a_deep_folder(tmp_path: Path) -> None:
    code = "import os\nfor _ in range(1500):\n os.mkdir('d')\n os.chdir('d')\nopen('x.jpg', 'w')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    try:
        assert list(FolderSource(tmp_path).names) == ["d/" * 1500 + "x.jpg"]
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # deeper than Python's own remover can go


# From the sources that gluon_wgan/config/crops.py names: side of the square, and its upper left corner, by hand.
BY_HAND = {
    "celeba": (108, (178 - 108) // 2, (218 - 108) // 2),
    "celeba-128": (128, 89 - 64, 121 - 64),
    "celeba-138": (138, 30, 40),
    "celeba-140": (140, 19, 39),
    "celeba-148": (148, 15, 35),
    "celeba-160": (160, 9, 29),
    "celeba-178": (178, 0, 20),
}


def test_named_crops() -> None:
    assert set(BY_HAND) == set(NAMED_CROPS)
    for name, (side, left, top) in BY_HAND.items():
        box = (left, top, left + side, top + side)
        assert config_of("--crop", name).crop == box == TrainConfig(crop=name).crop  # type: ignore[arg-type]
    assert config_of("--crop", "1,2,30,40").crop == (1, 2, 30, 40)
    assert preset_config("demo", crop="celeba").to_json()["crop"] == [35, 55, 143, 163]


@pytest.mark.parametrize("text", ["", "celeba-109", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4"])
def test_what_is_no_crop(text: str) -> None:
    with pytest.raises(UserError, match="neither LEFT,TOP,RIGHT,BOTTOM") as caught:
        TrainConfig(crop=text)  # type: ignore[arg-type]
    assert all(name in str(caught.value) for name in NAMED_CROPS)


def test_the_limit_of_pixels_reaches_the_source(tmp_path: Path, rng: np.random.Generator) -> None:
    made.write_folder(tmp_path / "in", {f"{place}.jpg": made.jpeg(rng, 20 + place, 20) for place in range(4)})
    options: dict[str, Any] = {"data_root": str(tmp_path / "in"), "cache_dir": str(tmp_path), "batch_size": 1}
    store = prepare_data(TrainConfig(**options, image_size=16, max_pixels=420), progress=False)
    assert list(store.names) == ["0.jpg", "1.jpg"]
    assert [name for name, _ in store.skipped] == ["2.jpg", "3.jpg"]
    assert len(prepare_data(TrainConfig(**options, image_size=16), progress=False)) == 4
