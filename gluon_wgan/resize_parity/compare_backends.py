"""Decode images once, resize each with every backend, and measure.

The resizing is `gluon_wgan.data.geometry.fit`: short side to the size, then the central square, by the very
functions that prepare training data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from scipy.spatial.distance import pdist

from gluon_wgan.data.aliasing import Spectrum, fold, radial_power, to_spectrum
from gluon_wgan.data.aliasing_options import WORST_SHOWN
from gluon_wgan.data.decode import BadImage
from gluon_wgan.data.geometry import cut, fit, source_pixels_to_one
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.resize_parity.critic_frechet import critic_features
from gluon_wgan.resize_parity.decoders import DecodingTally, compare_decoders
from gluon_wgan.resize_parity.detail_swd import patches_of, project
from gluon_wgan.resize_parity.header_oddities import oddities
from gluon_wgan.resize_parity.input_images import encoded_image
from gluon_wgan.resize_parity.measures import ALIASING_MEASURES, measure_pair
from gluon_wgan.resize_parity.plan import Case, Plan
from gluon_wgan.resize_parity.real_vs_real import group_of
from gluon_wgan.resize_parity.tally import Specimen, Tally

_SHOWN_SIDE = 256
_NEAREST = "pil-nearest"


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
        How decoders differ on these images.
    """

    tallies: list[Tally]
    skipped: list[tuple[int, str]] = field(default_factory=list)
    odd: list[tuple[int, list[str]]] = field(default_factory=list)
    decoding: DecodingTally = field(default_factory=DecodingTally)

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
        self.decoding.merge(other.decoding)


def compare_images(plan: Plan, chunk: range) -> Findings:
    """Compare the images with the numbers in `chunk`."""
    findings = Findings.none(plan)
    for index in chunk:
        encoded = encoded_image(plan.images, index)
        unusual = oddities(encoded) if encoded is not None else []
        if unusual:
            findings.odd.append((index, unusual))
        if encoded is not None and plan.decoders:
            findings.decoding.merge(compare_decoders(encoded, unusual, plan.decoders))
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
    ratio = source_pixels_to_one(*image.size, case.size, plan.fit)
    if case.enlarged_from is None:
        drawn = {name: fit(image, case.size, None, BACKENDS[name], how=plan.fit) for name in _with_nearest(plan)}
    else:
        small = Image.fromarray(fit(image, case.enlarged_from, None, BACKENDS[plan.against], how=plan.fit))
        target = (case.size, case.size)
        ratio = case.enlarged_from / case.size
        drawn = {name: BACKENDS[name].function(small, target) for name in _with_nearest(plan)}
    pictures = np.stack([drawn[name] for name in plan.backends])
    if ratio < 1:
        tally.blocky &= (pictures == drawn[_NEAREST]).all(axis=(1, 2, 3))
    aliasing = np.full((len(plan.backends), len(ALIASING_MEASURES)), np.nan)
    folded = fold(spectrum, ratio, plan.backends) if ratio > 1 else None
    if folded is not None:
        aliasing = np.stack([folded.share, folded.rms], axis=1)
        if folded.pictures.shape[-1] == case.size:
            tally.shrunk += 1
            tally.power += radial_power(folded.pictures)
            tally.false_power += radial_power(folded.false_detail)
            tally.ideal_power += radial_power(folded.ideal)
    tally.indices.append(index)
    tally.ratios.append(ratio)
    tally.rows.append(np.hstack([_pair_rows(pictures, plan.reference), aliasing]).astype(np.float32))
    _tally_pixels(tally, pictures, plan.reference)
    _tally_data_set(tally, pictures, plan, index, plan.step(case))
    _keep_specimen(tally, pictures, plan, index, image)


def _with_nearest(plan: Plan) -> set[str]:
    return {*plan.backends, _NEAREST}


def _pair_rows(pictures: np.ndarray, reference: int) -> list[list[float]]:
    """Measure every image against the reference, and equal ones only once."""
    known: dict[bytes, list[float]] = {}
    for picture in pictures:
        if picture.tobytes() not in known:
            known[picture.tobytes()] = measure_pair(picture, pictures[reference])
    return [known[picture.tobytes()] for picture in pictures]


def _tally_pixels(tally: Tally, pictures: np.ndarray, reference: int) -> None:
    flat = pictures.reshape(len(pictures), -1)
    tally.pairs += pdist(flat, "cityblock") / flat.shape[1]
    differences = np.abs(flat.astype(np.int16) - flat[reference])
    tally.histogram += np.stack([np.bincount(row, minlength=256) for row in differences])


def _tally_data_set(tally: Tally, pictures: np.ndarray, plan: Plan, index: int, step: int) -> None:
    place, count = index // step, -(-len(plan.images) // step)
    features = [critic_features(picture) for picture in pictures]
    for backend, samples in enumerate(features):
        tally.moments.add(backend, samples)
    tally.moments.add(len(pictures) + group_of(place), features[plan.reference])
    patches = patches_of(place, count)
    if patches:
        tally.groups += [group_of(place)] * patches
        tally.projections.append(np.stack([project(picture, index, patches) for picture in pictures], axis=1))


def _keep_specimen(tally: Tally, pictures: np.ndarray, plan: Plan, index: int, image: Image.Image) -> None:
    differences = np.abs(pictures.astype(np.int16) - pictures[plan.reference])
    disagreement = float(differences.mean())
    if len(tally.specimens) < WORST_SHOWN or disagreement > tally.specimens[-1].disagreement:
        tally.keep_worst([Specimen(index, disagreement, pictures, _shown_source(image))])


def _shown_source(image: Image.Image) -> np.ndarray:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    picture = image.crop((left, top, left + side, top + side))
    picture.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def chunks_of(count: int, length: int) -> Sequence[range]:
    """Cut the numbers from 0 to `count` into ranges of at most `length`."""
    return [range(start, min(start + length, count)) for start in range(0, count, length)]
