"""A tiny run, and checkpoints of every kind of generator with weights unlike those at the start."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxnet import nd

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models import build_generator
from gluon_wgan.models.generator_spec import generator_spec
from gluon_wgan.training import trainer
from gluon_wgan.utils import atomic_files
from tests.browser import ask, browse

__all__ = ["ask", "browse"]


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    config = TrainConfig(
        image_size=16,
        ngf=8,
        ndf=4,
        nz=6,
        batch_size=8,
        limit=40,
        warmup_iters=0,
        boost_every=0,
        n_critic=1,
        gen_iters=3,
        lr_g=1e-2,
        cache_dir=str(folder / "cache"),
        out=str(folder / "run"),
    )
    return trainer.train(config, progress=False)


def _values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw statistics that are all positive, and weights that neither blow values up nor let them vanish."""
    if len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0.0, (0.6 if len(shape) == 4 else 1.0) / np.sqrt(shape[len(shape) == 2]), shape)


@pytest.fixture
def full_disk():
    """Return a context in which no file of this process can grow beyond a few thousand bytes."""

    @contextlib.contextmanager
    def limited(largest: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def checkpoint_of(tmp_path):
    """Return a function that writes a checkpoint of a generator with random weights and statistics."""

    def write(name: str = "checkpoint", **fields: Any) -> Path:
        config = TrainConfig(**{"image_size": 32, "ngf": 8, "nz": 6, **fields})
        folder = tmp_path / name
        folder.mkdir()
        generator = build_generator(config)
        generator.initialize()
        rng = np.random.default_rng(3)
        for parameter in generator.collect_params().values():
            parameter.set_data(nd.array(_values(rng, parameter.shape)))
        generator.save_parameters(str(folder / "generator.params"))
        atomic_files.write_json(folder / "generator.json", generator_spec(config))
        hashes = {path.name: atomic_files.sha256_of(path) for path in sorted(folder.iterdir())}
        (folder / "manifest.json").write_text(json.dumps(hashes))
        return folder

    return write
