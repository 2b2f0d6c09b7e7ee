"""The networks on whose features sets of images are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from mxnet import Context, nd

from gluon_wgan.errors import UserError
from gluon_wgan.interop.plain_torch_files import read_state_dict
from gluon_wgan.metrics.image_sets import ImageSet
from gluon_wgan.metrics.inception import SIDE, Inception
from gluon_wgan.metrics.model_zoo import classifier, scale_of, side_of
from gluon_wgan.metrics.network_resize import RULES, resized
from gluon_wgan.metrics.random_network import random_network
from gluon_wgan.utils.untrusted import open_regular

RANDOM, INCEPTION = "random", "inception"
INCEPTION_ADDRESS = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the published weights; their name has the first eight digits."""
INCEPTION_BYTES = 95_628_359
_BATCH = 50


@dataclass(frozen=True)
class FeatureNetwork:
    """A network, and what must be said of it beside any figure.

    Attributes
    ----------
    name
        ``random``, ``inception`` or a model of gluoncv's zoo.
    protocol
        JSON-able: the weights' SHA-256, how images are resized.
    run
        From uint8 (images, 3, height, width) to float32 features (images, width) and logits, if it has any.
    """

    name: str
    protocol: dict[str, Any]
    run: Callable[[np.ndarray], tuple[np.ndarray, Optional[np.ndarray]]]

    def extract(self, images: ImageSet) -> Iterator[tuple[np.ndarray, Optional[np.ndarray]]]:
        """Yield features, float32 (images, width), and logits or None, a chunk at a time."""
        for batch in images.batches(_BATCH):
            yield self.run(np.repeat(batch, 3, axis=1) if batch.shape[1] == 1 else batch)


def load_features(name: str, *, weights: Optional[str], rule: str, context: Context) -> FeatureNetwork:
    """Return a network by its name.

    Parameters
    ----------
    name
        ``random``; ``inception``; or the name of a model in gluoncv's zoo.
    weights
        The file of the weights: for ``inception`` the published ``pt_inception-2015-12-05-6726825d.pth``, for a
        model of the zoo its ``.params``. ``random`` has its own.
    rule
        How images are brought to the network's size: ``clean``, ``legacy`` or ``pytorch``; see `resizing`. ``random``
        takes them as they are.
    context
        The device.

    Raises
    ------
    UserError
        If there is no such network, or its weights are missing, damaged or of another network.
    """
    if rule not in RULES:
        raise UserError(f"There is no resize rule {rule!r}: use {' or '.join(RULES)}.")
    if name == RANDOM:
        return _random(context)
    if weights is None:
        fetch = f": fetch {INCEPTION_ADDRESS}" if name == INCEPTION else ""
        raise UserError(f"--features {name} needs the file of its weights, --weights FILE{fetch}.")
    return _inception(Path(weights), rule, context) if name == INCEPTION else _zoo(name, Path(weights), rule, context)


def _random(context: Context) -> FeatureNetwork:
    network, sha256 = random_network()
    network.collect_params().reset_ctx(context)

    def run(batch: np.ndarray) -> tuple[np.ndarray, None]:
        pixels = nd.array(batch, ctx=context, dtype=np.uint8).astype(np.float32) / 127.5 - 1
        return network(pixels).asnumpy(), None

    protocol = {
        "features": "three random convolutions, comparable only with themselves",
        "weights_sha256": sha256,
        "resize": "none",
    }
    return FeatureNetwork(RANDOM, protocol, run)


def _inception(path: Path, rule: str, context: Context) -> FeatureNetwork:
    sha256 = _sha256(path)
    if sha256 != INCEPTION_SHA256:
        raise UserError(
            f"{path} is not the published Inception (its SHA-256 is {sha256}, not {INCEPTION_SHA256}): "
            f"fetch {INCEPTION_ADDRESS} again."
        )
    network = inception_of(read_state_dict(path), path, context)

    def run(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = resized(batch, SIDE, rule)
        # pytorch-fid scales to -1 and 1, the original graph to -1 and 127 / 128.
        pixels = pixels / 127.5 - 1 if rule == "pytorch" else (pixels - 128) / 128
        features, logits = network(nd.array(pixels, ctx=context))
        return features.asnumpy(), logits.asnumpy()

    protocol = {"features": "Inception of 2015-12-05, 2048", "weights_sha256": sha256, "resize": f"{rule} to {SIDE}"}
    return FeatureNetwork(INCEPTION, protocol, run)


def inception_of(state: dict[str, np.ndarray], path: Path, context: Context) -> Inception:
    """Return the Inception with the weights of a state dict of its port to PyTorch.

    Raises
    ------
    UserError
        If they are of another network.
    """
    network = Inception()
    network.initialize(ctx=context)
    words = {"gamma": "weight", "beta": "bias"}
    for name, parameter in network._collect_params_with_prefix().items():
        stem, last = name.rsplit(".", 1)
        values = state.get(f"{stem}.{words.get(last, last)}")
        if values is None or values.shape != parameter.shape:
            raise UserError(f"{path} holds another network than FID's Inception: {name} is missing or differs.")
        parameter.set_data(nd.array(values, dtype=np.float32))
    network.hybridize(static_alloc=True)
    return network


def _zoo(name: str, path: Path, rule: str, context: Context) -> FeatureNetwork:
    sha256 = _sha256(path)
    network, side = classifier(name, str(path), context), side_of(name)
    mean, deviation = (np.reshape(values, (1, 3, 1, 1)) for values in scale_of(name))

    def run(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels = (resized(batch, side, rule) / 255 - mean) / deviation
        features, logits = network(nd.array(pixels, ctx=context, dtype=np.float32))
        return features.asnumpy(), logits.asnumpy()

    protocol = {"features": f"gluoncv {name}", "weights_sha256": sha256, "resize": f"{rule} to {side}"}
    return FeatureNetwork(name, protocol, run)


def _sha256(path: Path) -> str:
    try:
        with open_regular(path) as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"Cannot read the weights {path} ({reason}): check the path.") from None
