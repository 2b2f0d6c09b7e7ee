"""Every metric of one set of images against another, each with its real-vs-real baseline, and as a line to be kept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from gluon_wgan.errors import UserError
from gluon_wgan.metrics import fid as frechet
from gluon_wgan.metrics import inception_score
from gluon_wgan.metrics.confidence_intervals import (
    PARTS,
    Estimate,
    batch_means,
    equal_parts,
    jackknife,
    non_negative,
    of_mean,
    union,
    wilson,
)
from gluon_wgan.metrics.face_rate import FaceFinder
from gluon_wgan.metrics.features import FeatureNetwork
from gluon_wgan.metrics.image_sets import ChosenImages, halves
from gluon_wgan.metrics.kid import kid
from gluon_wgan.metrics.prdc import prdc
from gluon_wgan.metrics.swd import DIRECTIONS, PATCH, PATCHES, REPEATS, sliced_wasserstein
from gluon_wgan.utils.progress_bars import progress_bar

METRICS = ("swd", "fid", "kid", "prdc", "is", "faces")
NEEDS_FEATURES = ("fid", "kid", "prdc", "is")
MIN_IMAGES = 16
"""Images of each kind, below which no metric is tried."""
FID_PARTS, KID_SUBSETS, KID_SIZE, NEIGHBOUR, IS_SPLITS = 10, 100, 1000, 5, 10


@dataclass(frozen=True)
class MetricValue:
    """One metric's value.

    Attributes
    ----------
    metric
        Its name, as ``swd_64`` or ``precision``.
    estimate
        Value and 95 % interval (``value``, ``low``, ``high``); NaN where there is none.
    baseline
        The same metric of one half of the real images against the other, or, for scores of images by themselves, of
        the real images; None if there is no such thing.
    protocol
        How it was measured, JSON-able: numbers of images, constants, and what the features are.
    """

    metric: str
    estimate: Estimate
    baseline: Optional[Estimate]
    protocol: dict[str, Any]


@dataclass(frozen=True)
class Features:
    """What a network makes of a set of images: float32 (images, width), and logits if it has any."""

    values: np.ndarray
    logits: Optional[np.ndarray]


def check_shapes(real: tuple[int, ...], fake: tuple[int, ...]) -> None:
    """Refuse images of different shapes (channels, height, width): UserError with both."""
    if real != fake:
        words = [f"{width}x{height} in {channels} channels" for channels, height, width in (real, fake)]
        raise UserError(f"The real images are {words[0]} and the others {words[1]}: compare images of one kind.")


def check_counts(real: ChosenImages, fake: ChosenImages) -> None:
    """Refuse sets that cannot be compared; UserError if one is too small, or their images differ in shape."""
    for images in (real, fake):
        if len(images) < MIN_IMAGES:
            raise UserError(
                f"{len(images)} {images.label} images are too few to be evaluated: give {MIN_IMAGES} or more."
            )
    check_shapes(*(next(images.batches(1)).shape[1:] for images in (real, fake)))


def sliced(
    real: ChosenImages, fake: ChosenImages, *, seed: int, threads: int, progress: bool = False
) -> Iterator[MetricValue]:
    """Yield the sliced Wasserstein distance of each level, and their mean."""
    if next(real.batches(1)).shape[2] < PATCH:
        raise UserError(f"The sliced Wasserstein distance needs images of {PATCH} pixels or more.")
    count = min(len(real), len(fake))
    found = sliced_wasserstein(real.first(count), fake.first(count), seed=seed, threads=threads, progress=progress)
    baseline = sliced_wasserstein(*halves(real), seed=seed, threads=threads, progress=progress)
    constants = {"patch": PATCH, "patches": PATCHES, "directions": REPEATS * DIRECTIONS, "times": 1000}
    protocol = {"images": count, "baseline_images": len(real) // 2, "seed": seed, **constants}
    for side, estimate, other in zip(found.sides, found.levels, baseline.levels):
        yield MetricValue(f"swd_{side}", estimate, other, protocol)
    yield MetricValue("swd", found.mean, baseline.mean, protocol)


def features_of(network: FeatureNetwork, images: ChosenImages, progress: bool) -> Features:
    """Run a network over images; its features are all in memory, the images are not."""
    found: list[tuple[np.ndarray, Optional[np.ndarray]]] = []
    with progress_bar(f"Features of {images.label} images", len(images), shown=progress) as bar:
        for values, logits in network.extract(images):
            found.append((values, logits))
            bar.update(len(values))
    logits_found = [logits for _, logits in found if logits is not None]
    return Features(
        np.concatenate([values for values, _ in found]), np.concatenate(logits_found) if logits_found else None
    )


def frechet_distance(real: np.ndarray, fake: np.ndarray, protocol: dict[str, Any]) -> Iterator[MetricValue]:
    """Yield the Frechet distance; its interval leaves out a tenth of each set at a time."""
    ones, others = (
        [frechet.statistics([part]) for part in np.array_split(values, FID_PARTS)] for values in (real, fake)
    )
    one, other = (frechet.total(parts) for parts in (ones, others))
    without = np.array([frechet.distance(one - a, other - b) for a, b in zip(ones, others)])
    half = len(real) // 2
    baseline = frechet.distance(frechet.statistics([real[:half]]), frechet.statistics([real[half : 2 * half]]))
    yield MetricValue(
        "fid",
        non_negative(jackknife(frechet.distance(one, other), without)),
        Estimate(baseline, np.nan, np.nan),
        {**protocol, "images": [len(real), len(fake)], "baseline_images": half},
    )


def kernel_distance(real: np.ndarray, fake: np.ndarray, seed: int, protocol: dict[str, Any]) -> Iterator[MetricValue]:
    """Yield the kernel distance, times 1000, with the interval that eight disjoint parts of the images give.

    The spread of the random subsets would be no error: they share images, and where the images make only one
    subset it is zero.
    """
    half = len(real) // 2
    found = []
    for x, y in ((real, fake), (real[:half], real[half : 2 * half])):
        values = 1000 * kid(x, y, subsets=KID_SUBSETS, subset_size=KID_SIZE, seed=seed)
        found.append(batch_means(float(values.mean()), _kernel_distances_batch_means(x, y)))
    constants = {"subsets": KID_SUBSETS, "subset_size": min(KID_SIZE, len(real), len(fake)), "times": 1000}
    counts = {"images": [len(real), len(fake)], "baseline_images": half, "seed": seed}
    yield MetricValue("kid", found[0], found[1], {**protocol, **constants, **counts})


def _kernel_distances_batch_means(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if min(len(x), len(y)) < 2 * PARTS:
        return np.full(PARTS, np.nan)
    return 1000 * np.array([kid(a, b, subsets=1, subset_size=len(x), seed=0)[0] for a, b in equal_parts(x, y)])


def neighbourhoods(real: np.ndarray, fake: np.ndarray, protocol: dict[str, Any]) -> Iterator[MetricValue]:
    """Yield precision, recall, density and coverage, each the mean over images."""
    half, count = len(real) // 2, min(len(real), len(fake))
    found = _neighbourhoods(real[:count], fake[:count])
    baseline = _neighbourhoods(real[:half], real[half : 2 * half])
    counts = {"k": NEIGHBOUR, "images": count, "baseline_images": half}
    for name, estimate in found.items():
        yield MetricValue(name, estimate, baseline[name], {**protocol, **counts})


def _neighbourhoods(x: np.ndarray, y: np.ndarray) -> dict[str, Estimate]:
    """Return each metric; its interval includes that another draw would have had other neighbourhoods."""
    whole = prdc(x, y, NEIGHBOUR)
    enough = len(x) >= PARTS * (NEIGHBOUR + 1)
    parts = [prdc(a, b, NEIGHBOUR) for a, b in equal_parts(x, y)] if enough else []
    found = {}
    for name in ("precision", "recall", "density", "coverage"):
        values = getattr(whole, name)
        by_parts = np.array([getattr(part, name).mean() for part in parts])
        found[name] = _density(values, by_parts) if name == "density" else _share(values, by_parts)
    return found


def _share(members: np.ndarray, by_parts: np.ndarray) -> Estimate:
    """Return a share of the images, which lies between 0 and 1."""
    of_one_draw = wilson(int(members.sum()), len(members))
    if not len(by_parts):
        return of_one_draw
    found = union(of_one_draw, batch_means(of_one_draw.value, by_parts))
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def _density(values: np.ndarray, by_parts: np.ndarray) -> Estimate:
    """Return the density, which is 0 or more; values that are all the same say nothing of its error."""
    found = of_mean(values)
    if len(by_parts):
        found = union(found, batch_means(found.value, by_parts))
    if values.min() == values.max():
        return Estimate(found.value, np.nan, np.nan)
    return non_negative(found)


def classifier_score(real: Features, fake: Features, protocol: dict[str, Any]) -> Iterator[MetricValue]:
    """Yield the Inception score, beside that of the real images; UserError if the network classifies nothing."""
    if real.logits is None or fake.logits is None:
        raise UserError("The random network has no classes: give --features inception for the Inception score.")
    found, baseline = (of_mean(inception_score.scores(logits, IS_SPLITS)) for logits in (fake.logits, real.logits))
    counts = {"splits": IS_SPLITS, "images": len(fake.values), "baseline_images": len(real.values)}
    yield MetricValue("is", found, baseline, {**protocol, **counts})


def face_rate(
    real: ChosenImages, fake: ChosenImages, finder: FaceFinder, progress: bool = False
) -> Iterator[MetricValue]:
    """Yield the share of images with exactly one face, beside that of the real images."""
    found, baseline = (wilson(finder.with_one_face(images, progress), len(images)) for images in (fake, real))
    yield MetricValue(
        "face_rate", found, baseline, {**finder.protocol, "images": len(fake), "baseline_images": len(real)}
    )


HEAD = f"{'metric':12} {'value':>10}  {'95 % interval':>22}  {'baseline':>8}   protocol"
_SHA256 = re.compile("[0-9a-f]{64}")


def as_line(found: MetricValue, about: dict[str, Any], evaluated: dict[str, Any]) -> dict[str, Any]:
    """Return a metric value as a line of ``evaluation.jsonl``; what is not a number is null."""
    baseline = None if found.baseline is None else _finite(found.baseline)
    protocol = {**about, **found.protocol}
    about_value = {**_finite(found.estimate), "baseline": baseline}
    return {"metric": found.metric, **about_value, "protocol": protocol, "evaluated": evaluated}


def _finite(estimate: Estimate) -> dict[str, Optional[float]]:
    return {name: None if math.isnan(number) else number for name, number in estimate._asdict().items()}


def as_row(line: dict[str, Any]) -> str:
    """Return a line as a row of the table, below `HEAD`: its protocol with hashes cut to eight digits."""
    low, high, baseline = line["low"], line["high"], line["baseline"]
    interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
    shown_baseline = "" if baseline is None else _number(baseline["value"])
    row = f"{line['metric']:12} {_number(line['value']):>10}  {interval:>22}  {shown_baseline:>8}"
    return f"{row}   {', '.join(_words(line['protocol']))}"


def _number(value: Any) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _words(values: dict[str, Any], above: str = "") -> list[str]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _words(value, f"{above}{name} ")
        else:
            shown = value[:8] if isinstance(value, str) and _SHA256.fullmatch(value) else value
            found.append(f"{above}{name}".replace("_", " ") + f" {shown}")
    return found
