"""Small trained generators that come with the package, by name, as ``gluoncv.model_zoo.get_model`` has it.

Each has a folder in ``pretrained/``: its weights, ``generator.json``, a model card and a grid of samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from mxnet import Context
from mxnet.gluon import HybridBlock

from gluon_wgan.errors import UserError
from gluon_wgan.models import build_generator
from gluon_wgan.models.generator_spec import read_generator_spec
from gluon_wgan.models.inference import load_weights

PRETRAINED = Path(__file__).parent / "pretrained"


def model_names() -> list[str]:
    """Return the names that :func:`get_model` knows."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/generator.json"))


def get_model(name: str, pretrained: bool = False, ctx: Optional[Context] = None) -> HybridBlock:
    """Return a generator of the package's model zoo.

    Parameters
    ----------
    name
        ``"wgan_dcgan64_clothing"`` (photographs of clothes, 64x64) or ``"wgan_dcgan32_portraits"`` (painted portraits,
        32x32); letters may be of either case.
    pretrained
        Whether to load the weights; without them, initialize the network before use.
    ctx
        The device of the weights (default: the CPU).

    Returns
    -------
    HybridBlock
        Maps latents (N, nz, 1, 1) from N(0, 1) to images (N, nc, image_size, image_size) in [-1, 1].

    Raises
    ------
    UserError
        When there is no such model.
    """
    if name.lower() not in model_names():
        raise UserError(f"There is no model {name!r}: choose {' or '.join(model_names())}.")
    folder = PRETRAINED / name.lower()
    generator = build_generator(read_generator_spec(folder / "generator.json"))
    if pretrained:
        load_weights(generator, str(folder / "generator.params"), ctx)
        generator.hybridize()
    return generator
