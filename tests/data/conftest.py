"""Small sets of images for the data tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.data.preparation import Preparation, prepare
from gluon_wgan.data.sources import Source
from gluon_wgan.data.store import Store


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20170126)


@pytest.fixture
def write_images(rng: np.random.Generator) -> Callable[..., Path]:
    """Return a function that writes PNGs of random pixels into a folder and returns the folder."""

    def write(folder: Path, *names: str, width: int = 21, height: int = 17) -> Path:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path, "PNG")
        return folder

    return write


@pytest.fixture
def prepare_small(tmp_path: Path) -> Callable[..., Store]:
    """Return `prepare` with every option filled in, for options to be changed one by one."""

    def run(source: Source, **changes: Any) -> Store:
        options: dict[str, Any] = {
            "size": 8,
            "resize": "pil-bilinear",
            "crop": None,
            "nc": 3,
            "strict": False,
            "jobs": 1,
            "progress": False,
        }
        cache = changes.pop("cache_dir", tmp_path / "cache")
        return prepare(source, Preparation(**{**options, **changes}), cache)

    return run
