"""Evaluate copies of real images that are known to be worse, and time the metrics on 10,000 images.

    python benchmarks/metrics.py --images FOLDER [--no-speed]

The images are prepared at 64 pixels with pil-bilinear and split in two halves; the second half, and then copies of
it, are evaluated against the first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Optional

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gluon_wgan import compat  # noqa: E402
from gluon_wgan.data.preparation import Preparation, prepare  # noqa: E402
from gluon_wgan.data.sources import FolderSource  # noqa: E402
from gluon_wgan.metrics import all_metrics  # noqa: E402
from gluon_wgan.metrics.face_rate import FaceFinder  # noqa: E402
from gluon_wgan.metrics.features import FeatureNetwork, load_features  # noqa: E402
from gluon_wgan.metrics.image_sets import ChosenImages  # noqa: E402
from gluon_wgan.metrics.swd import sliced_wasserstein  # noqa: E402

SIZE, MANY = 64, 10_000


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="real images")
    parser.add_argument("--num", type=int, metavar="N", help="use only so many of them")
    parser.add_argument("--features", default="random", help="the network (default: random)")
    parser.add_argument("--weights", help="its weights")
    parser.add_argument("--no-copies", action="store_true", help="leave the worse copies out")
    parser.add_argument("--no-speed", action="store_true", help="leave the times out")
    options = parser.parse_args()
    from mxnet import cpu  # after gluon_wgan, which prepares NumPy for it

    network = load_features(options.features, weights=options.weights, rule="clean", context=cpu())
    with tempfile.TemporaryDirectory() as work:
        pillow, opencv = (prepared(options.images, resize, work) for resize in ("pil-bilinear", "cv2-bilinear"))
        if not options.no_copies:
            evaluate_copies(pillow, opencv, options.num, network)
        if not options.no_speed:
            print_times(pillow, network)


def evaluate_copies(pillow: np.ndarray, opencv: np.ndarray, wanted: Optional[int], network: FeatureNetwork) -> None:
    """Print the metrics of the other half, and of copies of it that are worse in one way each."""
    order = np.random.default_rng(0).permutation(len(pillow))[:wanted]
    half = len(order) // 2
    real = as_set(pillow[order[:half]])
    print(f"{half} images against {half} others at {SIZE}x{SIZE}, features: {network.name}")
    for number, (name, images) in enumerate(copies(pillow[order[half : 2 * half]], opencv[order[half : 2 * half]])):
        row = values(real, as_set(images), network)
        if number == 0:
            print(f"{'':28}" + "".join(f"{metric:>11}" for metric in row))
        print(f"{name:28}" + "".join(f"{value:>11.4g}" for value in row.values()), flush=True)


def prepared(folder: Path, resize: str, work: str) -> np.ndarray:
    """Return all images at the benchmark's size: uint8 (images, 3, 64, 64)."""
    how = Preparation(SIZE, resize, crop=None, nc=3, strict=False, jobs=compat.usable_cores(), progress=False)
    return np.asarray(prepare(FolderSource(folder), how, work).images)


def as_set(images: np.ndarray) -> ChosenImages:
    """Return an array of images as a set."""
    return ChosenImages(images, np.arange(len(images)), "given")


def copies(images: np.ndarray, by_opencv: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the images and copies of them that are worse in one way each."""
    rng = np.random.default_rng(0)

    def blurred(sigma: float) -> np.ndarray:
        return np.stack([[cv2.GaussianBlur(plane, (0, 0), sigma) for plane in image] for image in images])

    def noisy(deviation: float) -> np.ndarray:
        return np.clip(images + rng.normal(0, deviation, images.shape), 0, 255).astype(np.uint8)

    return [
        ("the other half", images),
        ("resized by cv2-bilinear", by_opencv),
        ("blurred, sigma 0.5 pixels", blurred(0.5)),
        ("blurred, sigma 1 pixel", blurred(1)),
        ("noise of 5 gray levels", noisy(5)),
        ("noise of 20 gray levels", noisy(20)),
        ("100 of them over and over", np.resize(images[:100], images.shape)),
        ("10 of them over and over", np.resize(images[:10], images.shape)),
        ("mirrored", images[:, :, :, ::-1]),
    ]


def values(real: ChosenImages, fake: ChosenImages, network: FeatureNetwork) -> dict[str, float]:
    """Return every metric of a set, by its name."""
    ones, others = (all_metrics.features_of(network, images, False).values for images in (real, fake))
    found = [
        *all_metrics.sliced(real, fake, seed=0, threads=compat.usable_cores()),
        *all_metrics.frechet_distance(ones, others, {}),
        *all_metrics.kernel_distance(ones, others, 0, {}),
        *all_metrics.neighbourhoods(ones, others, {}),
        *all_metrics.face_rate(real, fake, FaceFinder()),
    ]
    return {one.metric: one.estimate.value for one in found}


def print_times(images: np.ndarray, network: Optional[FeatureNetwork]) -> None:
    """Print how long the metrics take on 10,000 against 10,000 images, which are real ones over and over."""
    assert network is not None
    one, other = (
        as_set(np.resize(images, (MANY, *images.shape[1:]))),
        as_set(np.resize(images[::-1], (MANY, *images.shape[1:]))),
    )
    print(f"seconds for {MANY:,} against {MANY:,} images, baselines included but for swd")
    start = time.perf_counter()
    sliced_wasserstein(one, other, seed=0, threads=compat.usable_cores())
    print(f"  swd, no baseline  {time.perf_counter() - start:7.1f}", flush=True)
    start = time.perf_counter()
    ones, others = (all_metrics.features_of(network, images, False).values for images in (one, other))
    print(f"  {network.name} features   {time.perf_counter() - start:7.1f}", flush=True)
    for name, found in (
        ("fid", all_metrics.frechet_distance(ones, others, {})),
        ("kid", all_metrics.kernel_distance(ones, others, 0, {})),
        ("precision ...", all_metrics.neighbourhoods(ones, others, {})),
        ("face rate", all_metrics.face_rate(one, other, FaceFinder())),
    ):
        start = time.perf_counter()
        list(found)
        print(f"  {name:17} {time.perf_counter() - start:7.1f}", flush=True)


if __name__ == "__main__":
    main()
