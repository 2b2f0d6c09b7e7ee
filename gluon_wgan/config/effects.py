"""Which options of a run change nothing, because another option turns off what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gluon_wgan.config.train_config import TrainConfig


def without_effect(config: TrainConfig) -> set[str]:
    """Return the names of the options that a run with this configuration never looks at."""
    built_in = config.data is None and not config.data_roots
    normalised = not (config.no_bn_d or config.mlp_d)
    used = {
        ("gp_lambda", "gp_alpha", "gp_norm"): config.objective == "wgan-gp",
        ("clip", "clip_when"): config.objective == "wgan",
        ("clip_running_stats", "clip_bn"): config.objective == "wgan" and normalised,
        ("gamma1", "eps_d", "eps_g"): config.optimizer == "rmsprop",
        ("beta1", "beta2", "eps_adam"): config.optimizer == "adam",
        ("warmup_critic",): bool(config.warmup_iters or config.boost_every),
        ("short_noise",): not config.drop_last,
        ("no_bn",): not config.mlp_g,
        ("no_bn_d", "layer_norm_d"): not config.mlp_d,
        ("arch", "block_order"): not (config.mlp_g and config.mlp_d),
        ("subset_seed",): config.limit is not None or config.fraction is not None,
        ("center_crop",): config.fit == "crop",
        ("exclude", "max_pixels", "bit_depth"): not built_in,
        ("worker_timeout", "start_timeout"): config.kvstore is not None,
        ("tf32", "fast"): bool(config.gpus),
    }
    return {name for names, effective in used.items() if not effective for name in names}
