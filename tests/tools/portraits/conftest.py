"""A small git repository with images that are listed as the portraits are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import skip_unless_ci
from tests.tools.portraits.galleries import Gallery, paint_gallery, use_list


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20170126)


@pytest.fixture
def gallery(tmp_path: Path, rng: np.random.Generator) -> Gallery:
    """Return a git repository of images in the folder ``clone``, with the list of its portraits."""
    if shutil.which("git") is None:
        skip_unless_ci("git is missing")
    return paint_gallery(tmp_path, rng)


@pytest.fixture
def listed_gallery(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """Return the same, and let sources and tools read its list instead of the committed one."""
    use_list(monkeypatch, gallery.listed(tmp_path, gallery.portraits))
    return gallery
