"""The networks on whose features sets of images are compared, and fetching the published Inception, once."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from mxnet import Context, nd

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.data.prepared_data import cache_directory
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.metrics.image_sets import ImageSet
from gluon_wgan.metrics.inception import SIDE, Inception
from gluon_wgan.metrics.model_zoo import classifier, scale_of, side_of
from gluon_wgan.metrics.network_resize import RULES, resized
from gluon_wgan.metrics.random_network import random_network
from gluon_wgan.utils.atomic_files import sha256_of
from gluon_wgan.utils.folders import remove_stale_files, rename_new, set_aside
from gluon_wgan.utils.progress_bars import progress_bar

RANDOM, INCEPTION = "random", "inception"
INCEPTION_ADDRESS = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
)
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the published weights; their name has the first eight digits."""
INCEPTION_BYTES = 95_628_359
_BATCH = 50
_BLOCK, _SECONDS = 1 << 20, 30


@dataclass(frozen=True)
class FeatureNetwork:
    """A network, and what must be said of it beside any value.

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
        How images are brought to the network's size: ``clean``, ``legacy`` or ``pytorch``, as
        `gluon_wgan.metrics.network_resize` has them. ``random`` takes them as they are.

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

    Raises UserError if they are of another network.
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
        return sha256_of(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"Cannot read the weights {path} ({reason}): check the path.") from None


def fetch_inception(address: str = INCEPTION_ADDRESS) -> Path:
    """Return the weights in the cache folder, fetching them if they are not there: 96 MB.

    A file in that place that is damaged, or something else, is renamed. Raises UserError if they cannot be fetched, or
    what comes is something else; nothing is then left behind.
    """
    final = cache_directory(TrainConfig()) / address.rsplit("/", 1)[1]
    if final.is_file() and sha256_of(final) == INCEPTION_SHA256:
        return final
    partial = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    digest = hashlib.sha256()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_files(final.parent, [final.name])
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer, partial.open("wb") as file:
            length = int(answer.headers.get("Content-Length") or 0) or None
            with progress_bar(f"Fetching {final.name}", length, unit="B", unit_scale=True) as bar:
                received = 0
                while block := answer.read(_BLOCK):
                    received += len(block)
                    if received > INCEPTION_BYTES:
                        break  # it is something else, and may have no end
                    digest.update(block)
                    file.write(block)
                    bar.update(len(block))
        if received > INCEPTION_BYTES or digest.hexdigest() != INCEPTION_SHA256:
            raise UserError(
                f"What {address} gives is not the published Inception: fetch it by hand, and give --weights."
            )
        if os.path.lexists(final):  # damaged, or a file of the user's
            set_aside(final)
        with suppress(FileExistsError):  # another process was faster
            rename_new(partial, final)
    # A server that does not keep to HTTP raises HTTPException, which is no OSError.
    except (OSError, ValueError, HTTPException) as error:
        reason = last_line(error) or type(error).__name__
        raise UserError(
            f"Cannot fetch {address} ({reason}): fetch it elsewhere, and give it with --weights FILE."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return final
