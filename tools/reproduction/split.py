"""The images of a plan: some to train on, some held out for evaluation, each prepared once with every backend."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Optional

import numpy as np

from gluon_wgan import compat
from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.preparation import Preparation, prepare_at
from gluon_wgan.data.prepared_data import find_source
from gluon_wgan.data.sources import BuiltInSource, Source, take
from gluon_wgan.errors import UserError
from tools.reproduction.plan import Plan

TRAIN, HELD_OUT = "train", "held-out"


def find_images(plan: Plan, data: Optional[Path]) -> Source:
    """Return the plan's images: a folder, list or archive, or the built-in portraits.

    Raises
    ------
    UserError
        When there are none, or no more than are to be held out.
    """
    source = find_source(TrainConfig(data_root=None if data is None else str(data)))
    if len(source) < 2 * plan.held_out:
        raise UserError(
            f"There are {len(source)} images, but the plan {plan.name} holds {plan.held_out} out and trains on at "
            f"least as many: give more images or another plan."
        )
    return source


def split(plan: Plan, count: int) -> dict[str, np.ndarray]:
    """Return the numbers of the images to train on and of those held out, ascending, with none in common."""
    order = np.random.default_rng(plan.split_seed).permutation(count)
    return {HELD_OUT: np.sort(order[: plan.held_out]), TRAIN: np.sort(order[plan.held_out :])}


def store_path(out: Path, part: str, resize: str) -> Path:
    """Return where the images of one part, resized with one backend, are kept."""
    return out / "data" / f"{part}-{resize}"


def prepare_images(plan: Plan, source: Source, resizes: Iterable[str], out: Path) -> None:
    """Prepare both parts with each backend; what is there already is only checked.

    Raises
    ------
    UserError
        When something else is in the place of a store, or the disk is full.
    """
    crop = None if isinstance(source, BuiltInSource) else plan.crop
    for part, numbers in split(plan, len(source)).items():
        for resize in resizes:
            how = Preparation(plan.image_size, resize, crop, 3, strict=True, jobs=compat.usable_cores(), progress=True)
            prepare_at(store_path(out, part, resize), take(source, numbers), how, shards=None, resume=True)
