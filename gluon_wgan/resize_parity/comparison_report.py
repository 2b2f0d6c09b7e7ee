"""Everything that a comparison found, ready to be printed, saved and drawn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from typing import Optional

import numpy as np
from scipy.spatial.distance import squareform

from gluon_wgan.commands import package_version
from gluon_wgan.data.aliasing_options import ALIASING_LEVELS, ALIASING_SHARE
from gluon_wgan.data.resize import library_versions
from gluon_wgan.errors import UserError
from gluon_wgan.resize_parity.compare_backends import Findings, Tally, WorstCase, compare_all
from gluon_wgan.resize_parity.data_sets import frechet_distance, halves_frechet, halves_sliced, sliced_distance
from gluon_wgan.resize_parity.decoders import Agreement, probe_decoders
from gluon_wgan.resize_parity.measures import MEASURES, Summary, summarise
from gluon_wgan.resize_parity.plan import Case, Plan
from gluon_wgan.resize_parity.probes import Kernel, ProbeResult, Sweep, measure_kernel, probe, sweep_ratios


@dataclass(frozen=True)
class CaseReport:
    """What was found at one size.

    Attributes
    ----------
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
    worst_cases: list[WorstCase]

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
    skipped, odd
        Images that could not be used, with the reason, and unusual ones, with what is unusual.
    decoding, decoder_probes
        How decoders differ on the images, and on made-up files; empty if not asked for.
    """

    plan: Plan
    command: str
    versions: dict[str, str]
    when: str
    cases: list[CaseReport]
    skipped: list[tuple[str, str]]
    odd: list[tuple[str, list[str]]]
    decoding: dict[tuple[str, str], Agreement]
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
            answers = [self.kernels[name].weights, *result.images.values()]
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


def compare_backends(plan: Plan, *, jobs: int, progress: bool, command: str) -> tuple[Findings, Report]:
    """Compare as a plan says, in some processes, summarise, and add what does not depend on the images.

    Raises UserError when no image can be used.
    """
    findings, names = compare_all(plan, min(jobs, len(plan.images)), progress), plan.images.names
    if not any(tally.indices for tally in findings.tallies):
        index, reason = findings.skipped[0]
        raise UserError(f"No image can be used, {names[index]} because: {reason}; check the data.")
    pairs = zip(plan.cases, findings.tallies)
    return findings, Report(
        plan=plan,
        command=command,
        versions=_versions(plan),
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        cases=[summarise_case(plan, case, tally) for case, tally in pairs if tally.indices],
        skipped=[(names[index], reason) for index, reason in findings.skipped],
        odd=[(names[index], unusual) for index, unusual in findings.odd],
        decoding=findings.decoding,
        decoder_probes=probe_decoders(plan.decoders) if plan.decoders else {},
        probes=probe(plan.backends),
        kernels={name: measure_kernel(name) for name in plan.backends},
        sweep=sweep_ratios(plan.backends),
    )


def _versions(plan: Plan) -> dict[str, str]:
    versions = {"gluon_wgan": package_version(), "python": sys.version.split()[0]}
    for name in plan.backends:
        versions.update(library_versions(name))
    return versions | {library: metadata.version(library) for library in ("numpy", "scipy", "scikit-image")}


def summarise_case(plan: Plan, case: Case, tally: Tally) -> CaseReport:
    """Summarise what was found at one size, on one image or more."""
    table = np.stack(tally.rows)
    summaries = {
        name: {
            measure.name: summarise(table[:, place, column], tally.indices, measure)
            for column, measure in enumerate(MEASURES)
        }
        for place, name in enumerate(plan.backends)
    }
    patches, features, reference = tally.patches(), tally.features, plan.reference
    shrunk = max(1, tally.shrunk)
    return CaseReport(
        case=case,
        count=len(tally.indices),
        ratios=(min(tally.ratios), float(np.median(tally.ratios)), max(tally.ratios)),
        summaries=summaries,
        order=_nearest_first(summaries, plan.against),
        twins=_twins(plan.backends, tally.pairs),
        aliases={name: aliases(measured) for name, measured in summaries.items()},
        blocky=dict(zip(plan.backends, (tally.blocky & (tally.varied > 0)).tolist())),
        frechet={n: frechet_distance(one, features[reference]) for n, one in zip(plan.backends, features)},
        sliced={name: sliced_distance(patches[:, i], patches[:, reference]) for i, name in enumerate(plan.backends)},
        halves_frechet=halves_frechet(tally.group_features),
        halves_sliced=halves_sliced(patches[:, reference], tally.groups),
        matrix=squareform(tally.pairs / len(tally.indices)),
        histogram=dict(zip(plan.backends, tally.histogram / tally.histogram.sum(axis=1, keepdims=True))),
        power=dict(zip(plan.backends, tally.power / shrunk)),
        false_power=dict(zip(plan.backends, tally.false_power / shrunk)),
        ideal_power=tally.ideal_power / tally.shrunk if tally.shrunk else None,
        worst_cases=tally.worst_cases,
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
