"""Classifiers of gluoncv's zoo: their own layers, called one by one, and what is no classifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd
from mxnet.gluon import nn

from gluon_wgan.compat import import_gluoncv
from gluon_wgan.errors import UserError
from gluon_wgan.metrics.features import load_features
from gluon_wgan.metrics.image_sets import ChosenImages

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


def resnet_v1b(model: Any, x: nd.NDArray) -> nd.NDArray:
    for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "flat"):
        x = getattr(model, name)(x)
    return x


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side", "scale", "width", "layers"),
    [
        ("resnet18_v1b", 224, IMAGENET, 512, resnet_v1b),
        ("mobilenet0.25", 224, IMAGENET, 256, lambda model, x: model.features(x)),
        ("mobilenetv2_0.25", 224, IMAGENET, 1280, lambda model, x: model.features(x)),
        ("inceptionv3", 299, IMAGENET, 2048, lambda model, x: model.features(x)),
        ("cifar_resnet20_v1", 32, CIFAR10, 64, lambda model, x: model.features(x)),
    ],
)
def test_features_are_what_the_last_layer_is_given(
    name: str,
    side: int,
    scale: Any,
    width: int,
    layers: Callable[[Any, nd.NDArray], nd.NDArray],
    tmp_path: Path,
    rng: np.random.Generator,
    as_set: Callable[[np.ndarray], ChosenImages],
) -> None:
    mx.random.seed(1)
    model = import_gluoncv().model_zoo.get_model(name, pretrained=False)
    model.initialize(mx.init.Xavier())
    pixels = rng.integers(0, 256, (2, 3, side, side), dtype=np.uint8)
    seen = nd.array(((pixels.transpose(0, 2, 3, 1) / 255 - scale[0]) / scale[1]).transpose(0, 3, 1, 2))
    expected, classes = layers(model, seen).asnumpy().reshape(2, -1), model(seen).asnumpy()
    model.save_parameters(str(tmp_path / "weights.params"))
    network = load_features(name, weights=str(tmp_path / "weights.params"), rule="clean", context=mx.cpu())
    ((values, logits),) = network.extract(as_set(pixels))
    assert logits is not None and values.shape == (2, width)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3 * np.abs(expected).max()
    for ours, theirs in ((values, expected), (logits, classes)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
    assert network.protocol["resize"] == f"clean to {side}" and len(network.protocol["weights_sha256"]) == 64


@pytest.mark.parametrize(
    "name",
    [
        "squeezenet1.0",  # averages its classes over a map
        "ssd_512_mobilenet1.0_voc",  # finds boxes
        "fcn_resnet50_voc",  # labels pixels
        "simple_pose_resnet18_v1b",  # finds joints
        "i3d_resnet50_v1_kinetics400",  # takes films
    ],
)
def test_what_classifies_no_images_is_one_sentence_and_fetches_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[object] = []
    import_gluoncv()
    monkeypatch.setattr("requests.get", lambda *words, **options: fetched.append(words))
    (tmp_path / "weights.params").write_bytes(b"")
    with pytest.raises(UserError, match=r"is no classifier that ends in one layer.*resnet50_v1b") as caught:
        load_features(name, weights=str(tmp_path / "weights.params"), rule="clean", context=mx.cpu())
    assert not fetched and "\n" not in str(caught.value)


def test_weights_of_another_network_are_one_sentence(tmp_path: Path) -> None:
    nd.save(str(tmp_path / "weights.params"), {"conv1.weight": nd.zeros((1, 1))})
    for path in (tmp_path / "weights.params", tmp_path / "absent.params"):
        with pytest.raises(UserError, match=r"Cannot (load|read) the weights") as caught:
            load_features("resnet18_v1b", weights=str(path), rule="clean", context=mx.cpu())
        assert "\n" not in str(caught.value)


def test_a_network_whose_last_layer_is_not_of_classes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = nn.HybridSequential()
    network.add(nn.Dense(4), nn.Activation("sigmoid"))
    zoo = SimpleNamespace(get_model=lambda name, pretrained: network)
    monkeypatch.setattr("gluon_wgan.metrics.model_zoo.import_gluoncv", lambda: SimpleNamespace(model_zoo=zoo))
    (tmp_path / "weights.params").write_bytes(b"")
    with pytest.raises(UserError, match="is no classifier that ends in one layer"):
        load_features("own", weights=str(tmp_path / "weights.params"), rule="clean", context=mx.cpu())
