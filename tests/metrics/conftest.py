"""Small sets of images and features, and the published packages that ours is compared with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from gluon_wgan.metrics.image_sets import ChosenImages


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20170126)


@pytest.fixture
def as_set() -> Callable[[np.ndarray], ChosenImages]:
    """Return a function from uint8 (images, channels, height, width) to a set of images."""
    return lambda images: ChosenImages(images, np.arange(len(images)), "given")


@pytest.fixture
def published(require_torch: Callable[[], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return torch, beside which torch-fidelity and pytorch-fid can be imported.

    They import torchvision, whose compiled part wants CUDA; without the module that registers it, the rest loads.
    """
    name = "torchvision._meta_registrations"
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return require_torch()
