"""Where a critic's weights lie, against critics made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import cpu, nd

from gluon_wgan.config.train_config import preset_config
from gluon_wgan.models import build_critic
from tools.reproduction.weights import BINS, critic_weights

CLIP = 0.02
# In units of the bound; the bin that it falls into, each a twentieth wide, number 20 around 0; whether it is at it.
PLACES = [
    (0.0, 20, False),
    (0.02, 20, False),
    (0.03, 21, False),
    (0.5, 30, False),
    (-0.5, 10, False),
    (0.97, 39, False),
    (0.98, 40, False),
    (0.995, 40, True),
    (1.0, 40, True),
    (1.5, 40, True),
    (40.0, 40, True),
    (-0.97, 1, False),
    (-0.98, 0, False),
    (-1.0, 0, True),
    (-3.0, 0, True),
]


def saved(tmp_path, config, value):
    """Save a critic whose convolution weights are what a function makes of their number."""
    critic = build_critic(config)
    critic.initialize(ctx=cpu())
    critic(nd.zeros((1, 3, 16, 16)))
    filled = 0
    for name, parameter in critic.collect_params().items():
        if name.endswith("weight"):
            size = int(np.prod(parameter.shape))
            parameter.set_data(nd.array(value(np.arange(filled, filled + size)).reshape(parameter.shape)))
            filled += size
    critic.save_parameters(str(tmp_path / "critic.params"))
    return filled


def small(**options):
    return preset_config("gluon", image_size=16, ndf=4, clip=CLIP, **options)


def test_each_weight_is_counted_in_its_bin(tmp_path):
    shares = np.array([place for place, _, _ in PLACES], np.float64)
    count = saved(tmp_path, small(), lambda numbers: CLIP * shares[numbers % len(PLACES)])
    found = critic_weights(small(), tmp_path)
    expected = np.zeros(BINS)
    at_bound = 0
    for number in range(count):
        _, place, at = PLACES[number % len(PLACES)]
        expected[place] += 1 / count
        at_bound += at
    assert [found[f"weights_{number:02d}"] for number in range(BINS)] == pytest.approx(list(expected))
    assert found["at_bound"] == pytest.approx(at_bound / count)
    assert len(found) == BINS + 1 and BINS == 41
    assert sum(value for name, value in found.items() if name != "at_bound") == pytest.approx(1)


def test_batch_norm_s_gamma_of_one_is_no_weight(tmp_path):
    saved(tmp_path, small(), lambda numbers: np.zeros(len(numbers)))
    found = critic_weights(small(), tmp_path)
    assert found["weights_20"] == 1 and found["at_bound"] == 0


@pytest.mark.parametrize("options", [{"objective": "dcgan"}, {"objective": "wgan-gp", "no_bn_d": True}])
def test_a_critic_that_is_not_clipped_has_no_bound(options, tmp_path):
    assert critic_weights(small(**options), tmp_path) == {}
