"""What is kept of the images at one size: a few numbers of each, and sums.

Memory grows by some 2 kB an image; images are kept of the few worst only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gluon_wgan.data.aliasing_options import WORST_SHOWN
from gluon_wgan.metrics import fid
from gluon_wgan.resize_parity.data_sets import DIRECTIONS, FEATURES, GROUPS


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
        bool (backends,): whether every enlarged image has the pixels of nearest neighbour; True without any.
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
        nothing = fid.Statistics(0, np.zeros(FEATURES), np.zeros((FEATURES, FEATURES)))
        self.features, self.group_features = [nothing] * self.backends, [nothing] * GROUPS

    def merge(self, other: Tally) -> None:
        """Take over what another tally knows; its images come after this one's."""
        self.indices += other.indices
        self.rows += other.rows
        self.ratios += other.ratios
        self.shrunk += other.shrunk
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
        empty = np.empty((0, self.backends, DIRECTIONS), np.float32)
        return np.concatenate(self.projections) if self.projections else empty
