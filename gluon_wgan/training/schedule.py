"""How many critic steps the next generator step gets."""

from __future__ import annotations

from gluon_wgan.config.train_config import TrainConfig


def critic_steps(gen_iter: int, config: TrainConfig) -> int:
    """Return the number of critic steps before a generator step.

    Parameters
    ----------
    gen_iter
        Generator steps taken so far, from 0.
    config
        Its ``n_critic``, ``warmup_iters``, ``warmup_critic`` and ``boost_every`` decide.

    Notes
    -----
    Reference ``main.py``: 100 if ``gen_iterations < 25`` or ``gen_iterations % 500 == 0``, else 5. The
    paper's Algorithm 1 has 5 throughout.
    """
    warming_up = gen_iter < config.warmup_iters
    boosted = config.boost_every > 0 and gen_iter % config.boost_every == 0
    return config.warmup_critic if warming_up or boosted else config.n_critic


def critic_steps_until(gen_iters: int, config: TrainConfig) -> int:
    """Return how many critic steps so many generator iterations take in all.

    An upper bound when ``stop_at_epoch_end`` is set, which may cut any iteration short.
    """
    warmup = min(gen_iters, config.warmup_iters)
    boosted = 0
    if config.boost_every > 0:
        multiples_below = lambda n: -(-n // config.boost_every)  # noqa: E731
        boosted = multiples_below(gen_iters) - multiples_below(warmup)
    plain = gen_iters - warmup - boosted
    return (warmup + boosted) * config.warmup_critic + plain * config.n_critic
