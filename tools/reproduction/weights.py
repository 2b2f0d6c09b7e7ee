"""Distribution of a clipped critic's weights: the share at the bound, and a histogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.models import build_critic
from gluon_wgan.models.inference import load_weights

AT_THE_BOUND = 0.99
"""From this share of the bound on a weight counts as lying at it."""
BINS = 41


def critic_weights(config: TrainConfig, checkpoint: Path) -> dict[str, float]:
    """Return where the critic's convolution weights lie in a checkpoint; nothing for a critic that is not clipped.

    Returns
    -------
    dict
        ``at_bound``: the share of the weights from 0.99 of the bound on, in size; ``weights_00`` to ``weights_40``:
        the shares between -1.025 and 1.025 times the bound, in 41 bins as wide as a twentieth of it, the first and the
        last with all that is beyond, as the critic is saved after an update and before the next clip.
    """
    if config.objective != "wgan":
        return {}
    critic = build_critic(config)
    load_weights(critic, str(checkpoint / "critic.params"), contexts=None)
    weights = np.concatenate(
        [parameter.data().asnumpy().ravel() for name, parameter in critic.collect_params(".*weight").items()]
    )
    shares = weights / config.clip
    reach = 1 + 1 / (BINS - 1)
    counts, _ = np.histogram(np.clip(shares, -reach, reach), BINS, (-reach, reach))
    spread = {f"weights_{number:02d}": count / len(weights) for number, count in enumerate(counts)}
    return {"at_bound": float((np.abs(shares) >= AT_THE_BOUND).mean()), **spread}
