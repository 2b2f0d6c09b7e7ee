"""A reproduction toolkit for the Wasserstein GAN in Apache MXNet Gluon.

Importing this package prepares the process for MXNet 1.9.1 (see :mod:`gluon_wgan.compat`) and
loads nothing else: the names below arrive, and MXNet with them, when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gluon_wgan import compat

if TYPE_CHECKING:
    from gluon_wgan.api import train
    from gluon_wgan.config.train_config import TrainConfig
    from gluon_wgan.data.resize import resize
    from gluon_wgan.training.checkpoint import load_generator

__version__ = "0.1.0"
__all__ = ["TrainConfig", "load_generator", "resize", "train"]

_HOMES = {
    "TrainConfig": "gluon_wgan.config.train_config",
    "load_generator": "gluon_wgan.training.checkpoint",
    "resize": "gluon_wgan.data.resize",
    "train": "gluon_wgan.api",
}
_NEED_MXNET = ("load_generator", "train")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _NEED_MXNET:
        compat.check_mxnet_loads()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


compat.prepare()
