"""The packed store: what is in it, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gluon_wgan.data.sources import FolderSource
from gluon_wgan.data.store import Store, open_store
from gluon_wgan.errors import UserError


@pytest.fixture
def store(tmp_path: Path, write_images: Callable[..., Path], prepare_small: Callable[..., Store]) -> Store:
    folder = write_images(tmp_path / "in", "a.png", "b.png", "c.png")
    (folder / "broken.png").write_bytes(b"no image")
    return prepare_small(FolderSource(folder))


def test_contents(store: Store) -> None:
    again = open_store(str(store.path))
    assert len(again) == 3
    assert again.images.shape == (3, 3, 8, 8)
    assert again.images.dtype == np.uint8
    assert isinstance(again.images, np.ndarray) and not again.images.flags.writeable
    raw = (store.path / "pixels-00000.u8").read_bytes()
    assert raw == again.images.tobytes()
    assert again.content_sha256 == hashlib.sha256(raw).hexdigest()
    assert list(again.names) == ["a.png", "b.png", "c.png"]
    assert again.skipped == [("broken.png", "not an image in a known format")]
    assert again.meta["shape"] == [3, 3, 8, 8]
    assert again.meta["made_from"]["resize"] == "pil-bilinear"
    again.verify()


def test_verify_notices_one_changed_bit(store: Store) -> None:
    pixels = store.path / "pixels-00000.u8"
    raw = bytearray(pixels.read_bytes())
    raw[100] ^= 1
    pixels.write_bytes(raw)
    with pytest.raises(UserError, match="SHA-256"):
        open_store(store.path).verify()


def damage_nothing_there(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def damage_no_description(path: Path) -> None:
    (path / "store.json").unlink()


def damage_no_pixels(path: Path) -> None:
    (path / "pixels-00000.u8").unlink()


def damage_short_pixels(path: Path) -> None:
    with (path / "pixels-00000.u8").open("r+b") as file:
        file.truncate(100)


def damage_half_description(path: Path) -> None:
    text = (path / "store.json").read_text()
    (path / "store.json").write_text(text[: len(text) // 2])


def damage_binary_description(path: Path) -> None:
    (path / "store.json").write_bytes(b"\xff\xfe\x00")


def damage_other_json(path: Path) -> None:
    (path / "store.json").write_text("[1, 2]")


def damage_newer_format(path: Path) -> None:
    meta = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({**meta, "format_version": 999}))


def damage_no_shape(path: Path) -> None:
    meta = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({**meta, "shape": "large"}))


DAMAGES = [damage for name, damage in sorted(globals().items()) if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_refused_in_one_sentence(damage: Callable[[Path], None], store: Store) -> None:
    damage(store.path)
    with pytest.raises(UserError) as caught:
        open_store(store.path)
    message = str(caught.value)
    assert str(store.path) in message and "prepare" in message and "\n" not in message


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_prepared_again(
    damage: Callable[[Path], None], store: Store, tmp_path: Path, prepare_small: Callable[..., Store]
) -> None:
    damage(store.path)
    again = prepare_small(FolderSource(tmp_path / "in"))
    assert again.path == store.path
    assert again.content_sha256 == store.content_sha256
    again.verify()
