"""The ways in which an image becomes a square, against Pillow's own functions called directly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gluon_wgan.cli.prepare import main
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.geometry import fit
from gluon_wgan.data.prepared_data import prepare_data, preprocessing_of
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.data.store import open_store
from gluon_wgan.errors import UserError

SHAPES = [(40, 50), (50, 40), (64, 64), (7, 90), (91, 6), (33, 100), (640, 3), (16, 16)]
FILTERS = {"pil-bilinear": Image.Resampling.BILINEAR, "pil-lanczos": Image.Resampling.LANCZOS}


def image_of(shape: tuple[int, int], mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(shape).integers(0, 256, (shape[1], shape[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("backend", FILTERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_pad_and_stretch_are_pillows(shape: tuple[int, int], backend: str, mode: str) -> None:
    image = image_of(shape, mode)
    padded = fit(image, 32, None, BACKENDS[backend], how="pad")
    if min(shape) * 32 / max(shape) >= 0.5:  # Pillow itself fails where a side would vanish
        expected = ImageOps.pad(image, (32, 32), method=FILTERS[backend])
        np.testing.assert_array_equal(padded, np.asarray(expected).reshape(32, 32, -1))
    assert padded.shape == (32, 32, len(mode))
    stretched = fit(image, 32, None, BACKENDS[backend], how="stretch")
    expected = image.resize((32, 32), FILTERS[backend])
    np.testing.assert_array_equal(stretched, np.asarray(expected).reshape(32, 32, -1))


def test_a_box_is_cut_out_before_the_image_is_fitted() -> None:
    image = image_of((60, 40))
    found = fit(image, 16, (10, 0, 50, 20), BACKENDS["pil-bilinear"], how="pad")
    expected = ImageOps.pad(image.crop((10, 0, 50, 20)), (16, 16), method=Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    for number, shape in enumerate(SHAPES[:4]):
        image_of(shape).save(tmp_path / "images" / f"{number}.png")
    return tmp_path / "images"


def test_each_fit_has_its_own_store_and_an_old_recipe_is_that_of_the_crop(folder: Path) -> None:
    config = TrainConfig(data_root=str(folder), image_size=16, batch_size=2)
    stores = {how: prepare_data(config.replace(fit=how), progress=False) for how in ("crop", "pad", "stretch")}
    assert len({store.path for store in stores.values()}) == 3
    assert "fit" not in stores["crop"].made_from and stores["pad"].made_from["fit"] == "pad"
    for how, store in stores.items():
        for number, shape in enumerate(SHAPES[:4]):
            expected = fit(image_of(shape), 16, None, BACKENDS["pil-bilinear"], how=how)
            np.testing.assert_array_equal(np.asarray(store.images)[number], expected.transpose(2, 0, 1))
    assert preprocessing_of(config.replace(fit="pad"))["fit"] == "pad"


def test_a_store_says_how_its_images_were_fitted(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "store"
    assert main([str(folder), "--out", str(out), "--image-size", "16", "--fit", "stretch"]) == 0
    assert json.loads((out / "store.json").read_text())["made_from"]["fit"] == "stretch"
    assert open_store(out).made_from["fit"] == "stretch"
    store = prepare_data(TrainConfig(data=str(out), image_size=16, batch_size=2, fit="stretch"), progress=False)
    assert store.path == out
    with pytest.raises(UserError, match=r"--fit crop contradicts .*--fit stretch"):
        prepare_data(TrainConfig(data=str(out), image_size=16, batch_size=2), progress=False)
    assert main([str(folder), "--out", str(out), "--image-size", "16", "--fit", "pad"]) == 2
