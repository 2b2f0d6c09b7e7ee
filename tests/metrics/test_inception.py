"""FID's Inception, with the same random weights as the published ports of it to PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd

from gluon_wgan.errors import UserError
from gluon_wgan.interop.torch_files import read_state_dict
from gluon_wgan.metrics import features
from gluon_wgan.metrics.features import inception_of, load_features
from gluon_wgan.metrics.image_sets import ChosenImages
from gluon_wgan.utils.atomic_files import sha256_of


def random_state(torch: ModuleType, network: Any) -> dict[str, Any]:
    """Return weights that keep activations of all layers about as large as they come, as trained ones do."""
    generator = torch.Generator().manual_seed(3)
    state = {}
    for name, values in network.state_dict().items():
        drawn = torch.rand(values.shape, generator=generator)
        if name.endswith("running_var") or name.endswith("bn.weight"):
            state[name] = 0.5 + drawn
        elif values.ndim > 1:
            state[name] = (drawn - 0.5) * (12 / values[0].numel()) ** 0.5 * 1.4
        else:
            state[name] = (drawn - 0.5) * 0.2 if values.ndim else values
    return state


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inception") / "weights.pth"


@pytest.fixture
def ported(published: ModuleType, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return pytorch-fid's network with the weights in the file, which is made if it is not there."""
    import pytorch_fid.inception as ported

    with monkeypatch.context() as patch:
        patch.setattr(ported, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(published.nn.Module, "load_state_dict", lambda *args, **kwargs: None)
        network = ported.fid_inception_v3()
    if not weights.exists():
        published.save(random_state(published, network), weights)
    network.load_state_dict(published.load(weights, weights_only=True))
    with monkeypatch.context() as patch:
        patch.setattr(ported, "fid_inception_v3", lambda: network)
        return ported.InceptionV3(resize_input=False, normalize_input=False).eval()


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.slow
def test_as_pytorch_fid_has_it(ported: Any, weights: Path, published: ModuleType, rng: np.random.Generator) -> None:
    pixels = rng.uniform(-1, 1, (2, 3, 299, 299)).astype(np.float32)
    with published.no_grad():
        theirs = ported(published.from_numpy(pixels))[0].numpy().reshape(2, -1)
    ours = inception_of(read_state_dict(weights), weights, mx.cpu())(nd.array(pixels))[0].asnumpy()
    assert ours.shape == (2, 2048) and relative(ours, theirs) < 1e-4
    assert np.std(theirs, axis=1).min() > 0.01  # weights that let something through


@pytest.mark.slow
def test_as_torch_fidelity_has_it_from_bytes_on(
    ported: Any,
    weights: Path,
    published: ModuleType,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    as_set: Callable[[np.ndarray], ChosenImages],
) -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    images = rng.integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    names = ["2048", "logits_unbiased"]
    theirs = FeatureExtractorInceptionV3("inception", names, feature_extractor_weights_path=str(weights))
    with published.no_grad():
        expected = [values.numpy() for values in theirs(published.from_numpy(images))]
    monkeypatch.setattr(features, "INCEPTION_SHA256", sha256_of(weights))
    ours = load_features("inception", weights=str(weights), rule="legacy", context=mx.cpu())
    ((values, logits),) = ours.extract(as_set(images))
    assert logits is not None
    assert relative(values, expected[0]) < 1e-4 and relative(logits, expected[1]) < 1e-4
    assert ours.protocol["resize"] == "legacy to 299" and len(ours.protocol["weights_sha256"]) == 64
    clean = load_features("inception", weights=str(weights), rule="clean", context=mx.cpu())
    ((others, _),) = clean.extract(as_set(images))
    assert relative(others, expected[0]) > 1e-3


@pytest.mark.slow
def test_other_weights_are_refused(
    ported: Any, weights: Path, published: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="not the published Inception"):
        load_features("inception", weights=str(weights), rule="clean", context=mx.cpu())
    published.save({"fc.weight": published.zeros(3, 3)}, tmp_path / "other.pth")
    monkeypatch.setattr(features, "INCEPTION_SHA256", sha256_of(tmp_path / "other.pth"))
    with pytest.raises(UserError, match="another network than FID's Inception"):
        load_features("inception", weights=str(tmp_path / "other.pth"), rule="clean", context=mx.cpu())
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.pth").write_bytes(damaged)
    with pytest.raises(UserError, match="not the published Inception"):
        load_features("inception", weights=str(tmp_path / "damaged.pth"), rule="clean", context=mx.cpu())


@pytest.mark.parametrize(
    ("name", "given", "rule", "complaint"),
    [
        ("inception", None, "clean", "--weights FILE: fetch https://"),
        ("inception", "nowhere.pth", "clean", "Cannot read the weights nowhere.pth"),
        ("resnet50_v1b", None, "clean", "--weights FILE"),
        ("no_such_network", __file__, "clean", "no classifier that ends in one layer"),
        ("random", None, "sharp", "no resize rule 'sharp'"),
    ],
)
def test_what_there_is_not(name: str, given: Any, rule: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        load_features(name, weights=given, rule=rule, context=mx.cpu())
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_grey_images_are_seen_in_three_equal_channels(
    rng: np.random.Generator, as_set: Callable[[np.ndarray], ChosenImages]
) -> None:
    gray = rng.integers(0, 256, (4, 1, 32, 32), dtype=np.uint8)
    network = load_features("random", weights=None, rule="clean", context=mx.cpu())
    ((once, _),), ((three_times, _),) = (
        list(network.extract(as_set(images))) for images in (gray, np.repeat(gray, 3, 1))
    )
    np.testing.assert_array_equal(once, three_times)
