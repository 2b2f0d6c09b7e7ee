"""The number of critic steps, against the reference's rule written out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training.schedule import critic_steps, critic_steps_until


def test_defaults_are_the_references_rule():
    steps = [critic_steps(i, TrainConfig()) for i in range(1501)]
    assert steps[:25] == [100] * 25
    assert steps[25:500] == [5] * 475
    assert steps[500] == 100
    assert steps[501:1000] == [5] * 499
    assert steps[1000] == 100
    assert steps[1500] == 100
    assert sum(steps[:1500]) == 27 * 100 + 1473 * 5


def test_the_first_iteration_is_a_boosted_one_even_without_warmup():
    config = TrainConfig(warmup_iters=0)
    assert [critic_steps(i, config) for i in (0, 1, 499, 500)] == [100, 5, 5, 100]


def test_zero_means_no_boost():
    config = TrainConfig(warmup_iters=2, warmup_critic=7, boost_every=0, n_critic=3)
    assert [critic_steps(i, config) for i in (0, 1, 2, 500)] == [7, 7, 3, 3]


@given(st.integers(0, 300), st.integers(1, 9), st.integers(0, 40), st.integers(1, 30), st.integers(0, 50))
def test_sum_is_the_sum(gen_iters, n_critic, warmup_iters, warmup_critic, boost_every):
    config = TrainConfig(
        n_critic=n_critic, warmup_iters=warmup_iters, warmup_critic=warmup_critic, boost_every=boost_every
    )
    by_hand = sum(critic_steps(i, config) for i in range(gen_iters))
    assert critic_steps_until(gen_iters, config) == by_hand
