"""Classifiers of gluoncv's model zoo, and what each gives its last layer."""

from __future__ import annotations

import json
from typing import Any

from mxnet import Context, gluon, sym

from gluon_wgan.compat import import_gluoncv
from gluon_wgan.errors import UserError
from gluon_wgan.models.inference import load_weights

_SIDES = {"inceptionv3": 299, "xception": 299, "xception71": 299}
_SIDE, _CIFAR, _CIFAR_SIDE = 224, "cifar_", 32
# Mean and deviation of red, green and blue, from 0 to 1, with which gluoncv's classifiers were trained.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_RESHAPING = ("Flatten", "Reshape", "Dropout", "squeeze")


def classifier(name: str, weights: str, context: Context) -> gluon.SymbolBlock:
    """Return a network from float32 (images, 3, side, side) to its features (images, width) and its logits.

    The features are the input of the last layer, dense or a convolution of one pixel, whatever the classes of the
    zoo call it: some have an attribute ``features``, some do not, and one's is a map of 86,528 numbers.

    Parameters
    ----------
    name
        As ``gluoncv.model_zoo.get_model`` takes it, for example ``resnet50_v1b``.

    Raises UserError if there is no such classifier, or the file is missing, damaged or of another network.
    """
    try:
        model, data, features, logits = _untrained(name)
    # gluoncv and MXNet raise nearly anything, even a Warning, for names that are no classifier's.
    except Exception as error:
        raise UserError(
            f"--features {name} is no classifier that ends in one layer of classes: use random, inception, or one of "
            "gluoncv's model zoo such as resnet50_v1b."
        ) from error
    load_weights(model, weights, [context])
    outputs = [sym.flatten(features), sym.flatten(logits)]
    network = gluon.SymbolBlock(outputs, data, params=model.collect_params())
    network.hybridize(static_alloc=True)
    return network


def side_of(name: str) -> int:
    """Return the height and width, in pixels, of the images that a classifier was trained on."""
    return _CIFAR_SIDE if name.startswith(_CIFAR) else _SIDES.get(name, _SIDE)


def scale_of(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel, from 0 to 1, by which a classifier's input is normalised."""
    return _CIFAR10 if name.startswith(_CIFAR) else _IMAGENET


def _untrained(name: str) -> tuple[Any, sym.Symbol, sym.Symbol, sym.Symbol]:
    """Return a classifier without its weights, its input, the last layer's input, and the logits."""
    get_model = import_gluoncv().model_zoo.get_model
    try:
        # Detectors fetch the weights of their backbone unless told not to, which some classifiers do not understand.
        model = get_model(name, pretrained=False, pretrained_base=False)
    except (TypeError, Warning):
        model = get_model(name, pretrained=False)
    data = sym.var("data")
    logits = last = model(data)
    while (operation := _operation(last)) in _RESHAPING:
        last = last.get_children()[0]
    if operation not in ("FullyConnected", "Convolution"):
        raise ValueError(f"the classes come of {operation}")
    features = last.get_children()[0]
    side = side_of(name)
    shape = features.infer_shape_partial(data=(1, 3, side, side))[1][0]
    if any(length != 1 for length in shape[2:]):
        raise ValueError(f"the last layer sees a map of shape {shape}")
    return model, data, features, logits


def _operation(node: sym.Symbol) -> str:
    graph = json.loads(node.tojson())
    return graph["nodes"][graph["heads"][0][0]]["op"]
