"""Everything that a comparison found, ready to be printed, saved and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy.spatial.distance import squareform

from gluon_wgan.data.aliasing_options import ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.resize_parity.compare_backends import Findings
from gluon_wgan.resize_parity.decoder_probes import probe_decoders
from gluon_wgan.resize_parity.decoders import DecodingTally
from gluon_wgan.resize_parity.detail_swd import sliced_distance
from gluon_wgan.resize_parity.kernels import Kernel, measure_kernel
from gluon_wgan.resize_parity.measures import MEASURES
from gluon_wgan.resize_parity.plan import Case, Plan
from gluon_wgan.resize_parity.probes import ProbeResult, probe
from gluon_wgan.resize_parity.ratios import Sweep, sweep_ratios
from gluon_wgan.resize_parity.real_vs_real import halves_frechet, halves_sliced
from gluon_wgan.resize_parity.summary import Summary, summarise
from gluon_wgan.resize_parity.tally import Specimen, Tally


@dataclass(frozen=True)
class CaseReport:
    """What was found at one size.

    Attributes
    ----------
    case
        The size.
    count
        How many images were compared.
    ratios
        Least, median and greatest ratio of source to target pixels along a side.
    summaries
        By backend and measure.
    order
        The backends, nearest to the one compared against first.
    twins
        By backend: the others that gave the same pixels on every image.
    aliases
        By backend: whether it does, at these ratios, on these images.
    blocky
        By backend: whether its enlarged images have the pixels of nearest neighbour.
    frechet, sliced
        By backend: distance of the data set from that of the backend compared against.
    halves_frechet, halves_sliced
        The same distances between halves of the images, as the backend compared against has them.
    matrix
        Mean absolute difference, in levels, of every backend from every other, in the plan's order.
    histogram
        By backend: share of the values that are off by 0, 1, ... 255 levels.
    power, false_power
        By backend: radial power of the resized images, and of the false detail in them, in levels squared.
    ideal_power
        Radial power of ideally resized images; None if no image was shrunk.
    specimens
        The images on which the backends disagree most.
    """

    case: Case
    count: int
    ratios: tuple[float, float, float]
    summaries: dict[str, dict[str, Summary]]
    order: list[str]
    twins: dict[str, list[str]]
    aliases: dict[str, bool]
    blocky: dict[str, bool]
    frechet: dict[str, float]
    sliced: dict[str, float]
    halves_frechet: float
    halves_sliced: float
    matrix: np.ndarray
    histogram: dict[str, np.ndarray]
    power: dict[str, np.ndarray]
    false_power: dict[str, np.ndarray]
    ideal_power: Optional[np.ndarray]
    specimens: list[Specimen]

    @property
    def is_shrunk(self) -> bool:
        """Whether the median image is shrunk."""
        return self.ratios[1] > 1

    def is_unfit(self, backend: str) -> bool:
        """Whether a backend should not be used at this size: it aliases, or enlarges by repeating pixels."""
        return self.aliases[backend] or self.is_blocky(backend)

    def leaders(self) -> list[str]:
        """Return the backends in order, of those that gave the same pixels only the plan's first."""
        places = {name: place for place, name in enumerate(self.summaries)}
        return [name for name in self.order if all(places[name] < places[twin] for twin in self.twins[name])]

    def is_blocky(self, backend: str) -> bool:
        """Whether a backend enlarges by repeating pixels."""
        return self.ratios[1] < 1 and (self.blocky[backend] or "nearest" in backend)

    def title(self, backend: str) -> str:
        """Return a backend's name with those that gave the same pixels."""
        return " = ".join([backend, *self.twins[backend]])

    def short_title(self, backend: str) -> str:
        """Return the same where there is little room."""
        twins = self.twins[backend]
        return self.title(backend) if len(twins) < 2 else f"{backend} and {len(twins)} more"


@dataclass(frozen=True)
class Report:
    """A whole comparison.

    Attributes
    ----------
    plan
        What was compared.
    command, versions, when
        How the report was made.
    cases
        What was found at each size.
    skipped, odd
        Images that could not be used, with the reason, and unusual ones, with what is unusual.
    decoding, decoder_probes
        How decoders differ on the images, and on made-up files; empty if not asked for.
    probes, kernels, sweep
        What does not depend on the images.
    """

    plan: Plan
    command: str
    versions: dict[str, str]
    when: str
    cases: list[CaseReport]
    skipped: list[tuple[str, str]]
    odd: list[tuple[str, list[str]]]
    decoding: DecodingTally
    decoder_probes: dict[str, dict[str, str]]
    probes: dict[str, ProbeResult]
    kernels: dict[str, Kernel]
    sweep: Sweep

    def name_of(self, index: int) -> str:
        """Return what image number `index` is called."""
        return self.plan.images.names[index]

    def kernel_groups(self) -> list[list[str]]:
        """Return the backends in groups that answer every probe alike."""
        groups: dict[bytes, list[str]] = {}
        for name, result in self.probes.items():
            answers = [self.kernels[name].weights, *result.pictures.values()]
            groups.setdefault(b"".join(answer.tobytes() for answer in answers), []).append(name)
        return list(groups.values())

    def same_backends(self) -> list[list[str]]:
        """Return the backends, those in one group that gave the same pixels for every probe and image."""
        groups = []
        for alike in self.kernel_groups():
            rest = list(alike)
            while rest:
                first = rest[0]
                same = [name for name in rest if all(name in (first, *found.twins[first]) for found in self.cases)]
                groups.append(same)
                rest = [name for name in rest if name not in same]
        return groups


def build_report(plan: Plan, findings: Findings, command: str, versions: dict[str, str], when: str) -> Report:
    """Summarise findings and add what does not depend on the images."""
    names = plan.images.names
    pairs = zip(plan.cases, findings.tallies)
    return Report(
        plan=plan,
        command=command,
        versions=versions,
        when=when,
        cases=[summarise_case(plan, case, tally) for case, tally in pairs if tally.indices],
        skipped=[(names[index], reason) for index, reason in findings.skipped],
        odd=[(names[index], unusual) for index, unusual in findings.odd],
        decoding=findings.decoding,
        decoder_probes=probe_decoders(plan.decoders) if plan.decoders else {},
        probes=probe(plan.backends),
        kernels={name: measure_kernel(name) for name in plan.backends},
        sweep=sweep_ratios(plan.backends),
    )


def summarise_case(plan: Plan, case: Case, tally: Tally) -> CaseReport:
    """Summarise what was found at one size, on one image or more."""
    table = tally.table()
    summaries = {
        name: {
            measure.name: summarise(table[:, place, column], tally.indices, measure)
            for column, measure in enumerate(MEASURES)
        }
        for place, name in enumerate(plan.backends)
    }
    patches, reference = tally.patches(), plan.reference
    power_of = _per_backend(plan.backends, tally.power / max(1, tally.shrunk))
    return CaseReport(
        case=case,
        count=len(tally.indices),
        ratios=(min(tally.ratios), float(np.median(tally.ratios)), max(tally.ratios)),
        summaries=summaries,
        order=_nearest_first(summaries, plan.against),
        twins=_twins(plan.backends, tally.pairs),
        aliases={name: aliases(measured) for name, measured in summaries.items()},
        blocky=dict(zip(plan.backends, tally.blocky.tolist())),
        frechet={name: tally.moments.distance(i, reference) for i, name in enumerate(plan.backends)},
        sliced={name: sliced_distance(patches[:, i], patches[:, reference]) for i, name in enumerate(plan.backends)},
        halves_frechet=halves_frechet(tally.moments, len(plan.backends)),
        halves_sliced=halves_sliced(patches[:, reference], tally.groups),
        matrix=squareform(tally.pairs / len(tally.indices)),
        histogram=_per_backend(plan.backends, tally.histogram / tally.histogram.sum(axis=1, keepdims=True)),
        power=power_of,
        false_power=_per_backend(plan.backends, tally.false_power / max(1, tally.shrunk)),
        ideal_power=tally.ideal_power / tally.shrunk if tally.shrunk else None,
        specimens=tally.specimens,
    )


def aliases(measured: dict[str, Summary]) -> bool:
    """Whether a backend aliases: enough of the too fine detail gets through, and it can be seen."""
    share, levels = measured["aliasing"].median, measured["aliasing_rms"].median
    return share is not None and levels is not None and share > ALIASING_SHARE and levels > ALIASING_LEVELS


def _nearest_first(summaries: dict[str, dict[str, Summary]], against: str) -> list[str]:
    def distance(name: str) -> tuple[bool, float]:
        median = summaries[name]["mean_abs"].median
        assert median is not None  # it is known of every image
        return (name != against, median)

    return sorted(summaries, key=distance)


def _twins(backends: Sequence[str], pairs: np.ndarray) -> dict[str, list[str]]:
    same = squareform(pairs) == 0
    return {
        name: [other for other, equal in zip(backends, row) if equal and other != name]
        for name, row in zip(backends, same)
    }


def _per_backend(backends: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(backends, rows))
