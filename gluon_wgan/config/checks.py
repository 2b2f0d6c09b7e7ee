"""What the options of a run are refused for, each in one sentence, and which of them change nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from gluon_wgan.config.presets import PRESETS
from gluon_wgan.errors import UserError

if TYPE_CHECKING:
    from gluon_wgan.config.train_config import TrainConfig


def flag_of(name: str) -> str:
    """Return the command-line spelling of an option: ``image_size`` -> ``--image-size``."""
    return "--" + name.replace("_", "-")


def check_preset(name: str) -> None:
    """Refuse a preset that does not exist."""
    if name not in PRESETS:
        raise UserError(f"There is no preset '{name}': choose one of {', '.join(PRESETS)}.")


def check_range(field: dataclasses.Field[Any], value: Any) -> None:
    """Refuse a value of the wrong type or outside the range that its field declares."""
    flag, limits = flag_of(field.name), field.metadata
    if value is None:
        if field.default is not None and field.name != "gen_iters":
            raise UserError(f"{flag} needs a value.")
        return
    _check_type(flag, str(field.type), value)
    if limits["choices"] and value not in limits["choices"]:
        raise UserError(f"{flag} {value!r} is unknown: choose one of {', '.join(limits['choices'])}.")
    if isinstance(value, bool) != isinstance(field.default, bool):
        raise UserError(f"{flag} {value!r} is of the wrong type.")
    number = limits["low"] is not None or limits["above"] is not None
    if not number:
        return
    whole = "int" in str(field.type)
    if not isinstance(value, int if whole else (int, float)):
        raise UserError(f"{flag} {value!r} is not a {'whole ' if whole else ''}number.")
    low, high, above = limits["low"], limits["high"], limits["above"]
    # Written so that NaN, which compares false with everything, is refused too.
    inside = (low is None or value >= low) and (high is None or value <= high)
    inside = inside and (above is None or value > above) and abs(value) != float("inf")
    if not inside:
        bounds = [f"above {above:g}" if above is not None else f"at least {low:,}"]
        if high is not None:
            bounds.append(f"at most {high:,}")
        raise UserError(f"{flag} {value} is out of range: it must be {' and '.join(bounds)}.")


def _check_type(flag: str, annotation: str, value: Any) -> None:
    """Refuse what is no text, or no tuple of whole numbers, where the annotation asks for one."""
    if annotation in ("str", "Optional[str]") and not isinstance(value, str):
        raise UserError(f"{flag} {value!r} is not text.")
    if "tuple[int" in annotation:
        whole = isinstance(value, tuple) and all(type(number) is int for number in value)
        if not whole or ("..." not in annotation and len(value) != annotation.count("int")):
            raise UserError(f"{flag} {value!r} is not {'a list of' if '...' in annotation else 'four'} whole numbers.")


def check_together(config: TrainConfig) -> None:
    """Refuse values that are sound one by one but not together."""
    check_preset(config.preset)
    size = config.image_size
    if size % 16 or (size // 16) & (size // 16 - 1):
        raise UserError(
            f"--image-size {size} is not 16 * 2^k: the networks halve and double, so choose 16, 32, 64, 128, "
            "256, 512 or 1024."
        )
    if config.nc not in (1, 3):
        raise UserError(f"--nc {config.nc} is neither 1 (gray) nor 3 (colour).")
    if config.gen_iters is None and config.epochs is None:
        raise UserError("Nothing says when to stop: give --gen-iters or --epochs.")
    if config.gen_iters is not None and config.epochs is not None:
        raise UserError("--gen-iters and --epochs both say when to stop: give one of them.")
    _check_store(config)
    _check_kvstore(config)
    if config.dataset == "built-in" and config.data_roots:
        raise UserError(
            f"--data-root {config.data_roots[0]} is given, but --dataset built-in reads no files: leave one of "
            "them out."
        )
    if config.dataset not in ("auto", "built-in") and not config.data_roots:
        raise UserError(f"--dataset {config.dataset} needs --data-root: say where the images are.")
    if not all(isinstance(root, str) and root for root in config.data_roots):
        raise UserError(f"--data-root {config.data_root!r} is no path: say where the images are.")
    if not all(isinstance(pattern, str) and pattern.strip("/") for pattern in config.exclude):
        raise UserError("--exclude is given an empty pattern: give a name or a path, such as '*_mask.png'.")
    if config.crop is not None:
        left, top, right, bottom = config.crop
        if left < 0 or top < 0 or right <= left or bottom <= top:
            raise UserError(f"--crop {left},{top},{right},{bottom} is empty: give LEFT,TOP,RIGHT,BOTTOM.")
    if config.optimizer == "adam" and 1 in (config.beta1, config.beta2):
        raise UserError(
            f"--beta1 {config.beta1} and --beta2 {config.beta2} must both be less than 1: at 1 an average of "
            "Adam's never takes anything in."
        )
    if config.limit is not None and config.fraction is not None:
        raise UserError("--limit and --fraction both say how many images to use: give one of them.")
    _check_critic(config)


def _check_kvstore(config: TrainConfig) -> None:
    """Refuse what several machines cannot do to the bit."""
    if config.kvstore is None:
        return
    if config.dtype != "float32":
        raise UserError(f"--dtype {config.dtype} cannot be combined with --kvstore, which adds in float32.")
    if config.clip_running_stats and config.clip_when == "after":
        raise UserError("--clip-running-stats with --clip-when after cannot be combined with --kvstore.")


def _check_store(config: TrainConfig) -> None:
    """Refuse to look for images beside a store, which holds its own."""
    if config.data is None:
        return
    if not config.data:
        raise UserError("--data names no store: say where it is.")
    given = {"dataset": config.dataset != "auto", "data_root": bool(config.data_roots)}
    given["exclude"] = bool(config.exclude)
    given |= {name: getattr(config, name) is not None for name in ("max_pixels", "limit", "fraction")}
    for name in (name for name, is_given in given.items() if is_given):
        raise UserError(
            f"{flag_of(name)} cannot be combined with --data {config.data}, which holds the images: leave it out."
        )


def _check_critic(config: TrainConfig) -> None:
    """Refuse critics that cannot be, or that the objective cannot train."""
    if config.objective == "wgan-gp" and not (config.no_bn_d or config.mlp_d):
        raise UserError(
            "--objective wgan-gp penalises each sample's gradient, which batch norm in the critic would mix with "
            "the other samples': add --no-bn-d, and --layer-norm-d if it shall be normalised."
        )
    if config.layer_norm_d and not config.no_bn_d:
        raise UserError("--layer-norm-d takes the place of batch norm: add --no-bn-d.")
    if config.layer_norm_d and config.mlp_d:
        raise UserError("--layer-norm-d has no place in the MLP critic: leave it or --mlp-d out.")
    if config.curve_filter % 2 == 0:
        raise UserError(f"--curve-filter {config.curve_filter} is even: a median filter needs an odd width.")


def without_effect(config: TrainConfig) -> set[str]:
    """Return the names of the options that a run never looks at, because another turns off what they are about."""
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
