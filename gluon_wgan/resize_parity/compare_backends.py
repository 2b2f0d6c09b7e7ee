"""Decode images once, resize each with every backend, and measure, in several processes.

The resizing is `gluon_wgan.data.geometry.fit`: short side to the size, then the central square, by the very
functions that prepare training data. Of each image a few numbers and sums are kept, some 2 kB, and only of the few
worst the image itself. The result is the same for any number of processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from PIL import Image
from scipy.spatial.distance import pdist
from threadpoolctl import threadpool_limits

from gluon_wgan.data.aliasing import Spectrum, fold, radial_power, to_spectrum
from gluon_wgan.data.aliasing_options import WORST_SHOWN
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import cut, fit, source_pixels_to_one
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.metrics import fid
from gluon_wgan.resize_parity import data_sets
from gluon_wgan.resize_parity.decoders import Agreement, compare_decoders
from gluon_wgan.resize_parity.header_oddities import oddities
from gluon_wgan.resize_parity.measures import ALIASING_MEASURES, measure_pair
from gluon_wgan.resize_parity.plan import Case, Plan, encoded_image
from gluon_wgan.utils.helper_processes import in_order
from gluon_wgan.utils.progress_bars import progress_bar

_SHOWN_SIDE = 256
_NEAREST = "pil-nearest"
_CHUNK = 8


@dataclass
class WorstCase:
    """An image on which the backends disagree, kept to be shown.

    Attributes
    ----------
    disagreement
        The mean absolute difference, in levels, over all backends.
    images
        uint8 (backends, size, size, 3).
    source
        uint8, the source's middle square, made small enough to be shown.
    """

    index: int
    disagreement: float
    images: np.ndarray
    source: np.ndarray


@dataclass
class Tally:
    """Everything that is known of some images at one size. Tallies of several can be merged.

    Attributes
    ----------
    indices
        Numbers of the images, one for each entry of `rows` and `ratios`.
    rows
        float32 (backends, measures) for each image.
    ratios
        Source pixels by target pixels along a side, for each image.
    pairs
        float64, summed mean absolute differences of all pairs of backends, in scipy's condensed order.
    histogram
        int64 (backends, 256): how many values are off by so many levels.
    power, false_power, ideal_power
        Summed radial power of the images (backends, frequencies), of the false detail in them, and of
        ideally resized images (frequencies), over `shrunk` images.
    blocky
        bool (backends,): whether every enlarged image, of `varied` ones of more than one color, has the pixels of
        nearest neighbour; True without any.
    features, group_features
        What an untrained critic sees in each backend's images, and in each group of those of the backend compared
        against.
    projections
        float32 (patches, backends, directions) for each image.
    """

    backends: int
    size: int
    indices: list[int] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    shrunk: int = 0
    varied: int = 0
    projections: list[np.ndarray] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    worst_cases: list[WorstCase] = field(default_factory=list)

    def __post_init__(self) -> None:
        frequencies = self.size // 2 + 1
        self.pairs = np.zeros(self.backends * (self.backends - 1) // 2)
        self.histogram = np.zeros((self.backends, 256), np.int64)
        self.power = np.zeros((self.backends, frequencies))
        self.false_power = np.zeros((self.backends, frequencies))
        self.ideal_power = np.zeros(frequencies)
        self.blocky = np.ones(self.backends, bool)
        nothing = fid.Statistics(0, np.zeros(data_sets.FEATURES), np.zeros((data_sets.FEATURES, data_sets.FEATURES)))
        self.features, self.group_features = [nothing] * self.backends, [nothing] * data_sets.GROUPS

    def merge(self, other: Tally) -> None:
        """Take over what another tally knows; its images come after this one's."""
        self.indices += other.indices
        self.rows += other.rows
        self.ratios += other.ratios
        self.shrunk += other.shrunk
        self.varied += other.varied
        self.projections += other.projections
        self.groups += other.groups
        self.pairs += other.pairs
        self.histogram += other.histogram
        self.power += other.power
        self.false_power += other.false_power
        self.ideal_power += other.ideal_power
        self.blocky &= other.blocky
        self.features = [one + more for one, more in zip(self.features, other.features)]
        self.group_features = [one + more for one, more in zip(self.group_features, other.group_features)]
        self.keep_worst(other.worst_cases)

    def keep_worst(self, more: list[WorstCase]) -> None:
        """Consider more images for the few worst."""
        ranked = sorted(self.worst_cases + more, key=lambda one: (-one.disagreement, one.index))
        self.worst_cases = ranked[:WORST_SHOWN]

    def patches(self) -> np.ndarray:
        """Return all projections as float32 (patches, backends, directions)."""
        empty = np.empty((0, self.backends, data_sets.DIRECTIONS), np.float32)
        return np.concatenate(self.projections) if self.projections else empty


@dataclass
class Findings:
    """What is known of some images, and of those that could not be used.

    Attributes
    ----------
    tallies
        One for each case of the plan, in its order.
    skipped
        Number and reason of each image that could not be used, at all or at one of the sizes.
    odd
        Number and oddities of each image that is not plain 8-bit RGB.
    decoding
        How decoders differ on these images, by kind of file and decoder.
    """

    tallies: list[Tally]
    skipped: list[tuple[int, str]] = field(default_factory=list)
    odd: list[tuple[int, list[str]]] = field(default_factory=list)
    decoding: dict[tuple[str, str], Agreement] = field(default_factory=dict)

    @classmethod
    def none(cls, plan: Plan) -> Findings:
        """Return what is known before the first image."""
        return cls([Tally(len(plan.backends), case.size) for case in plan.cases])

    def merge(self, other: Findings) -> None:
        """Take over what others found on images that come after these."""
        for tally, more in zip(self.tallies, other.tallies):
            tally.merge(more)
        self.skipped += other.skipped
        self.odd += other.odd
        for key, agreement in other.decoding.items():
            self.decoding.setdefault(key, Agreement()).merge(agreement)


# BLAS adds in another order with another number of threads, so the last bits would depend on the number of jobs.
@threadpool_limits.wrap(1, user_api="blas")
def compare_images(plan: Plan, chunk: range) -> Findings:
    """Compare the images with the numbers in `chunk`."""
    findings = Findings.none(plan)
    for index in chunk:
        encoded = encoded_image(plan.images, index)
        unusual = oddities(encoded) if encoded is not None else []
        if unusual:
            findings.odd.append((index, unusual))
        if encoded is not None and plan.decoders:
            compare_decoders(findings.decoding, encoded, unusual, plan.decoders)
        try:
            image = plan.images.open(index, 3)
            if plan.crop is not None:
                image = cut(image, plan.crop)
        except BadImage as error:
            findings.skipped.append((index, str(error)))
            continue
        spectrum = to_spectrum(image)
        for tally, case in zip(findings.tallies, plan.cases):
            if index % plan.step(case):
                continue
            try:
                _compare(plan, case, tally, index, image, spectrum)
            except BadImage as error:
                findings.skipped.append((index, f"at {case.label}: {error}"))
    return findings


def _compare(plan: Plan, case: Case, tally: Tally, index: int, image: Image.Image, spectrum: Spectrum) -> None:
    """Measure one image at one size."""
    ratio, names = source_pixels_to_one(*image.size, case.size, plan.fit), {*plan.backends, _NEAREST}
    if case.enlarged_from is None:
        drawn = {name: fit(image, case.size, None, BACKENDS[name], how=plan.fit) for name in names}
    else:
        small = Image.fromarray(fit(image, case.enlarged_from, None, BACKENDS[plan.against], how=plan.fit))
        target = (case.size, case.size)
        ratio = case.enlarged_from / case.size
        drawn = {name: BACKENDS[name].function(small, target) for name in names}
    images = np.stack([drawn[name] for name in plan.backends])
    nearest = drawn[_NEAREST]
    if ratio < 1 and np.any(nearest != nearest[0, 0]):  # an image of one color is the same to every backend
        tally.varied += 1
        tally.blocky &= (images == nearest).all(axis=(1, 2, 3))
    aliasing = np.full((len(plan.backends), len(ALIASING_MEASURES)), np.nan)
    folded = fold(spectrum, ratio, plan.backends) if ratio > 1 else None
    if folded is not None:
        aliasing = np.stack([folded.share, folded.rms], axis=1)
        if folded.images.shape[-1] == case.size:
            tally.shrunk += 1
            tally.power += radial_power(folded.images)
            tally.false_power += radial_power(folded.false_detail)
            tally.ideal_power += radial_power(folded.ideal)
    tally.indices.append(index)
    tally.ratios.append(ratio)
    tally.rows.append(np.hstack([_pair_rows(images, plan.reference), aliasing]).astype(np.float32))
    _tally_pixels(tally, images, plan, index, image)
    _tally_data_set(tally, images, plan, index, plan.step(case))


def _pair_rows(images: np.ndarray, reference: int) -> list[list[float]]:
    """Measure every image against the reference, and equal ones only once."""
    known: dict[bytes, list[float]] = {}
    for image in images:
        if image.tobytes() not in known:
            known[image.tobytes()] = measure_pair(image, images[reference])
    return [known[image.tobytes()] for image in images]


def _tally_pixels(tally: Tally, images: np.ndarray, plan: Plan, index: int, image: Image.Image) -> None:
    flat = images.reshape(len(images), -1)
    tally.pairs += pdist(flat, "cityblock") / flat.shape[1]
    differences = np.abs(flat.astype(np.int16) - flat[plan.reference])
    tally.histogram += np.stack([np.bincount(row, minlength=256) for row in differences])
    disagreement = float(differences.mean())
    if len(tally.worst_cases) < WORST_SHOWN or disagreement > tally.worst_cases[-1].disagreement:
        tally.keep_worst([WorstCase(index, disagreement, images, _shown_source(image))])


def _tally_data_set(tally: Tally, images: np.ndarray, plan: Plan, index: int, step: int) -> None:
    place, count = index // step, -(-len(plan.images) // step)
    features = [fid.statistics([data_sets.critic_features(image)]) for image in images]
    tally.features = [known + one for known, one in zip(tally.features, features)]
    tally.group_features[data_sets.group_of(place)] += features[plan.reference]
    patches = data_sets.patches_of(place, count)
    if patches:
        tally.groups += [data_sets.group_of(place)] * patches
        tally.projections.append(np.stack([data_sets.project(image, index, patches) for image in images], axis=1))


def _shown_source(image: Image.Image) -> np.ndarray:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    shown = image.crop((left, top, left + side, top + side))
    shown.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(shown)


def compare_all(plan: Plan, jobs: int, progress: bool) -> Findings:
    """Compare all images of a plan, in so many processes, this one included; the findings are the same for any number.

    Raises UserError if a helper process dies, for example for lack of memory.
    """
    findings, count = Findings.none(plan), len(plan.images)
    chunks = (range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))
    with progress_bar("Comparing", count, shown=progress, dynamic_ncols=True) as bar:
        for chunk, found in in_order(partial(compare_images, plan), chunks, jobs - 1, 3 * jobs):
            findings.merge(found)
            bar.update(len(chunk))
    return findings
