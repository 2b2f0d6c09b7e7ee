"""From options to a source: how many images, and which."""

from __future__ import annotations

import pytest

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import find_source, prepare_data
from gluon_wgan.errors import UserError
from tests.data.synthetic import SyntheticSource


@pytest.fixture(autouse=True)
def forty_images(monkeypatch):
    monkeypatch.setattr("gluon_wgan.data.prepared_data.BuiltInSource", lambda: SyntheticSource(40))


def names(**options) -> list[str]:
    return list(find_source(TrainConfig(**options)).names)


def test_a_limit_draws_so_many_images_in_the_sources_order():
    drawn = names(limit=10)
    assert len(set(drawn)) == 10 and drawn == sorted(drawn)
    assert set(drawn) < set(names())
    assert drawn == names(limit=10) != names(limit=10, subset_seed=1)


def test_a_fraction_is_that_share_and_at_least_one_image():
    assert [len(names(fraction=share)) for share in (0.001, 0.26, 1.0)] == [1, 10, 40]
    assert names(fraction=0.25) == names(limit=10)


def test_a_limit_beyond_the_images_is_all_of_them():
    assert names(limit=1000) == names(limit=40) == names()


def test_subsets_have_stores_of_their_own(tmp_path):
    options = {"image_size": 16, "batch_size": 4, "cache_dir": str(tmp_path), "jobs": 1}
    stores = [
        prepare_data(TrainConfig(**options, **subset), progress=False)
        for subset in ({}, {"limit": 8}, {"limit": 8, "subset_seed": 1}, {"fraction": 0.2})
    ]
    assert [len(store) for store in stores] == [40, 8, 8, 8]
    assert len({store.path for store in stores}) == 3
    assert stores[1].path == stores[3].path


def test_two_ways_of_saying_how_many_are_refused():
    with pytest.raises(UserError, match="--limit and --fraction"):
        TrainConfig(limit=3, fraction=0.5)
    with pytest.raises(UserError, match="--fraction 0 "):
        TrainConfig(fraction=0)
