"""A reproduction toolkit for the Wasserstein GAN in Apache MXNet Gluon.

Importing this package prepares the process for MXNet 1.9.1 (see :mod:`gluon_wgan.compat`) and
loads nothing else: the names below arrive, and MXNet with them, when first used.
"""

from __future__ import annotations

import os.path
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Started as `python -m gluon_wgan` or `gluon-wgan`: no traceback while modules are imported, as in the scripts.
_AS_COMMAND = sys.argv[:1] == ["-m"] or os.path.basename("".join(sys.argv[:1])) == "gluon-wgan"
if _AS_COMMAND and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from gluon_wgan import compat  # noqa: E402

if TYPE_CHECKING:
    from gluon_wgan.api import compare, compare_resizes, train
    from gluon_wgan.config.train_config import TrainConfig
    from gluon_wgan.data.pixel_store import PixelStore
    from gluon_wgan.data.resize import resize
    from gluon_wgan.errors import UserError
    from gluon_wgan.generators.load import load_generator
    from gluon_wgan.generators.sampler import generate
    from gluon_wgan.metrics.evaluation import evaluate
    from gluon_wgan.models.dcgan import DCGANCritic, DCGANGenerator
    from gluon_wgan.models.initializers import WeightInitializer
    from gluon_wgan.models.lite import LiteCritic, LiteGenerator
    from gluon_wgan.models.mlp import MLPCritic, MLPGenerator
    from gluon_wgan.models.zoo import get_model

__version__ = "0.1.0"

# Where each public name is defined; docs/api/index.md documents them.
_MODULES = {
    "DCGANCritic": "models.dcgan",
    "DCGANGenerator": "models.dcgan",
    "LiteCritic": "models.lite",
    "LiteGenerator": "models.lite",
    "MLPCritic": "models.mlp",
    "MLPGenerator": "models.mlp",
    "PixelStore": "data.pixel_store",
    "TrainConfig": "config.train_config",
    "UserError": "errors",
    "WeightInitializer": "models.initializers",
    "compare": "api",
    "compare_resizes": "api",
    "evaluate": "metrics.evaluation",
    "generate": "generators.sampler",
    "get_model": "models.zoo",
    "load_generator": "generators.load",
    "resize": "data.resize",
    "train": "api",
}
__all__ = [
    "DCGANCritic",
    "DCGANGenerator",
    "LiteCritic",
    "LiteGenerator",
    "MLPCritic",
    "MLPGenerator",
    "PixelStore",
    "TrainConfig",
    "UserError",
    "WeightInitializer",
    "compare",
    "compare_resizes",
    "evaluate",
    "generate",
    "get_model",
    "load_generator",
    "resize",
    "train",
]
_WITHOUT_MXNET = ("TrainConfig", "UserError", "resize")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _WITHOUT_MXNET:
        compat.check_mxnet_loads()
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


compat.prepare()
