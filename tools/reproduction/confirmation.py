"""The rows of docs/preregistration.md: what each compares, computed from result rows, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from gluon_wgan.metrics.confidence_intervals import Estimate, around
from tools.reproduction.effects import rank_correlation
from tools.reproduction.inference import (
    MAX_CORRELATION,
    Contrast,
    PairedModel,
    contrast_of,
    mean_correlation,
    partial_correlation,
)
from tools.reproduction.plan import BASE
from tools.reproduction.results import Results, Row, read_rows
from tools.reproduction.verdicts import Question, Verdict, conclude, of_contrast

MARGIN_SWD, MARGIN_FRECHET, MARGIN_CURVE = 5.0, 0.1, 0.01
END = 1000
EQUAL_STEPS = {"no-warmup": 1494, "warmup-only": 1019, "boost-only": 1437}
"""Generator iterations after which a run has had the 7,470 critic steps of the others' 1,000."""
BACKENDS = {
    **{name: name for name in ("pil-bicubic", "cv2-bilinear", "cv2-bicubic", "cv2-area")},
    "port2018": "mxnet-area",
}
"""The backend of each run that was not trained on Pillow bilinear."""
NOT_MODELLED = ("dcgan", "wgan-gp")
NOT_MEASURED = "not measured"


def backend_of(run: str) -> str:
    """Return the backend on whose images a run was trained."""
    return BACKENDS.get(run, "pil-bilinear")


class Evidence:
    """The result rows of one data set, and the differences that the model finds in them.

    Parameters
    ----------
    results
        Rows of the confirmation's seeds alone.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self._models: dict[tuple[str, bool], PairedModel] = {}

    @cached_property
    def runs(self) -> list[str]:
        """The runs that the model covers."""
        names = {row.run for row in self.results.rows if row.gen_iter >= END}
        return sorted(name for name in names if not name.startswith(("data-", "eps-")) and name not in NOT_MODELLED)

    def values(self, run: str, quantity: str, *, equal_steps: bool = True) -> dict[int, float]:
        """Return a measure of each seed of a run, those that are differences from its training images among them."""
        iteration = EQUAL_STEPS.get(run, END) if equal_steps else END
        backend = backend_of(run)
        if quantity == "excess_detail":
            real = self.results.value(f"data-{backend}", "detail", 0)
            return {seed: value - real for seed, value in self.results.by_seed(run, "detail", iteration).items()}
        if quantity == "swd_excess_own":
            real = self.results.value(f"data-{backend}", "swd_own", 0)
            name = "swd_own" if run in BACKENDS else "swd"
            return {seed: value - real for seed, value in self.results.by_seed(run, name, iteration).items()}
        return self.results.by_seed(run, quantity, iteration)

    def difference(self, run: str, base: str, quantity: str, *, equal_steps: bool = True) -> tuple[Contrast, Contrast]:
        """Return the model's difference of two runs, and that of their own seeds alone."""
        key = (quantity, equal_steps)
        if key not in self._models:
            values = partial(self.values, quantity=quantity, equal_steps=equal_steps)
            found = {(name, seed): value for name in self.runs for seed, value in values(name).items()}
            self._models[key] = PairedModel(found)
        model = self._models[key]
        return model.difference(run, base), model.own(run, base)

    def log_ratio(self, run: str, base: str, quantity: str, gen_iter: int) -> Contrast:
        """Return the mean logarithm of a positive measure's ratio, over the seeds that two runs have in common."""
        ours, theirs = (self.results.by_seed(name, quantity, gen_iter) for name in (run, base))
        return contrast_of([math.log(ours[seed] / theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())])


def tracking(results: Results, run: str, seed: int) -> dict[str, float]:
    """Return how the critic's estimate and SWD go together over a run's checkpoints.

    Returns
    -------
    dict
        ``first_differences``: Spearman's correlation of the changes from checkpoint to checkpoint; ``partial``: the
        correlation of the logarithms given the logarithm of the iteration; ``levels``: Spearman's correlation of the
        two series themselves.
    """
    iterations, estimate = results.curve(run, "w_estimate", seed)
    _, distance = results.curve(run, "swd", seed)
    if len(iterations) < 4 or len(estimate) != len(distance):
        raise KeyError(f"{run} seed {seed} has too few checkpoints")
    positive = min(*estimate, *distance) > 0
    logs = [np.log(series) for series in (estimate, distance, iterations)] if positive else []
    return {
        "first_differences": rank_correlation(list(np.diff(estimate)), list(np.diff(distance))),
        "partial": partial_correlation(*logs) if positive else math.nan,
        "levels": rank_correlation(estimate, distance),
    }


def between_seeds(results: Results, run: str) -> list[float]:
    """Return for each seed the rank correlation of its estimate's changes with those of the *other* seeds' SWD.

    What curves of one shape have in common gives such a correlation too. The mean over the other seeds is taken on
    Fisher's scale.
    """
    seeds = sorted(results.by_seed(run, "swd", END))
    changes = {
        name: {seed: list(np.diff(results.curve(run, name, seed)[1])) for seed in seeds}
        for name in ("w_estimate", "swd")
    }
    return [
        mean_correlation(
            [rank_correlation(changes["w_estimate"][seed], changes["swd"][other]) for other in seeds if other != seed]
        ).value
        for seed in seeds
    ]


def across_runs(results: Results, runs: Sequence[str]) -> tuple[Estimate, int]:
    """Return Pearson's correlation of estimate and SWD at 1,000 iterations over seeds, centered by each run's mean.

    Returns
    -------
    tuple
        The correlation, with an interval on Fisher's scale, and the number of trained runs.
    """
    pairs: list[np.ndarray] = []
    for run in runs:
        estimate, distance = (results.by_seed(run, quantity, END) for quantity in ("w_estimate", "swd"))
        found = np.array([[estimate[seed], distance[seed]] for seed in sorted(estimate.keys() & distance.keys())])
        if len(found) > 1:
            pairs.append(found - found.mean(axis=0))
    together = np.concatenate(pairs)
    correlation, freedom = float(np.corrcoef(together.T)[0, 1]), len(together) - len(pairs) - 3
    if freedom < 1:
        return Estimate(correlation, math.nan, math.nan), len(together)
    z = math.atanh(float(np.clip(correlation, -MAX_CORRELATION, MAX_CORRELATION)))
    return Estimate(*(math.tanh(part) for part in around(z, 1 / math.sqrt(freedom)))), len(together)


def _compare(
    evidence: Evidence,
    name: str,
    claim: str,
    run: str,
    base: str,
    quantity: str = "swd",
    *,
    expected: int = 1,
    margin: Optional[float] = None,
    equal_steps: bool = True,
) -> Question:
    found, own = evidence.difference(run, base, quantity, equal_steps=equal_steps)
    unit = {"swd": "SWD", "frechet": "Frechet", "excess_detail": "levels", "swd_excess_own": "SWD"}[quantity]
    return of_contrast(name, claim, found, own, expected=expected, margin=margin, unit=unit)


def _exp(contrast: Contrast) -> Estimate:
    return Estimate(*(math.exp(part) for part in contrast.estimate))


def _instability(evidence: Evidence, name: str, claim: str) -> Question:
    found = [
        evidence.log_ratio("eps-1e-8-1000", "eps-tuned-1000", quantity, END)
        for quantity in ("curve_noise", "curve_variation")
    ]
    clearest = min(found, key=lambda contrast: contrast.p)
    p = min(1.0, 2 * clearest.p)
    return Question(name, claim, clearest.value, 1, _exp(clearest), _exp(clearest), "times", p)


def _as_pytorch(evidence: Evidence, name: str, claim: str) -> Question:
    distances = evidence.results.by_seed("eps-tuned", "curve_from/eps-outside", 25).values()
    found = contrast_of([math.log(max(distance, 1e-12) / MARGIN_CURVE) for distance in distances])
    # One-sided: a distance has no other direction.
    p = found.p / 2 if found.value < 0 else 1 - found.p / 2
    interval = Estimate(*(MARGIN_CURVE * math.exp(part) for part in found.estimate))
    return Question(name, claim, interval.value, 0, interval, interval, "of the curve", None, p)


def _steps(evidence: Evidence, name: str, claim: str) -> Question:
    layers = {row.quantity for row in evidence.results.rows if row.quantity.startswith("step/generator/")}
    if not layers:
        raise KeyError("no starts")
    first = min(layers, key=lambda layer: int(layer.split(".")[1]))
    found = evidence.log_ratio("eps-1e-8", "eps-tuned", first, 25)
    return Question(name, claim, found.value, -1, _exp(found), _exp(found), "times", found.p)


def _tracks(evidence: Evidence, name: str, claim: str) -> Question:
    seeds = sorted(evidence.results.by_seed(BASE, "swd", END))
    each = [tracking(evidence.results, BASE, seed)["first_differences"] for seed in seeds]
    known = [value for value in each if not math.isnan(value)]
    found = contrast_of(list(np.arctanh(np.clip(known, -MAX_CORRELATION, MAX_CORRELATION))))
    interval = mean_correlation(known)
    return Question(name, claim, found.value, 1, interval, interval, "rank correlation of changes", found.p)


Builder = Callable[[Evidence, str, str], Question]


def _pair(*runs: str, **options: object) -> Builder:
    return lambda evidence, name, claim: _compare(evidence, name, claim, *runs, **options)  # type: ignore[arg-type]


SUMMARY: dict[str, tuple[str, Builder]] = {
    "1b": ("With 1e-8 inside the root the -Loss_D curve is unstable", _instability),
    "1d": ("Epsilon 1e-12 and 1e-14 inside the root give PyTorch's curve", _as_pytorch),
    "2a": ("Samples learned from cv2-bilinear images are farther from Pillow's", _pair("cv2-bilinear", BASE)),
    "2c": (
        "They are messier than their training images explain (excess detail)",
        _pair("cv2-bilinear", BASE, "excess_detail"),
    ),
    "3a": (
        "OpenCV's bicubic comes closer to Pillow's images than its bilinear",
        _pair("cv2-bicubic", "cv2-bilinear", expected=-1, margin=MARGIN_SWD),
    ),
    "3c": ("INTER_AREA, what the port really used, does", _pair("cv2-area", "cv2-bilinear", expected=-1)),
    "4a": ("Warm-up and boost help, at equal critic steps", _pair("no-warmup", BASE)),
    "4b": ("N(0, 0.02) initialisation helps", _pair("init-mxnet", BASE)),
    "5": ("The critic's estimate falls as the samples get better", _tracks),
    "6": (
        "The port's preset gives what the authors' gives, in SWD",
        _pair("port2018", "reference", expected=0, margin=MARGIN_SWD),
    ),
}
SECONDARY: dict[str, tuple[str, Builder]] = {
    "1a": ("Epsilon 1e-8 inside the root shortens the first layer's steps", _steps),
    "2b": ("2a, Frechet", _pair("cv2-bilinear", BASE, "frechet")),
    "2d": ("2a, excess over own kind", _pair("cv2-bilinear", BASE, "swd_excess_own")),
    "3b": ("3a, Frechet", _pair("cv2-bicubic", "cv2-bilinear", "frechet", expected=-1, margin=MARGIN_FRECHET)),
    "3d": ("3c, Frechet", _pair("cv2-area", "cv2-bilinear", "frechet", expected=-1)),
    "4c": ("Clipping after the step instead of before makes no difference",
           _pair("clip-after", BASE, expected=0, margin=MARGIN_SWD)),
    "4d": ("The bound 0.01 is better than 0.005", _pair("clip-0005", BASE)),
    "4e": ("The bound 0.01 is better than 0.02", _pair("clip-002", BASE)),
    "4f": ("Clipping batch norm's gamma and beta helps", _pair("bn-unclipped", BASE)),
    "4g": ("The warm-up alone helps, at equal generator iterations",
           _pair("warmup-only", "no-warmup", expected=-1, equal_steps=False)),
    "4h": ("The boost alone helps, at equal generator iterations",
           _pair("boost-only", "no-warmup", expected=-1, equal_steps=False)),
}  # fmt: skip
PHOTOGRAPHS: dict[str, tuple[str, Builder]] = {
    "2p": ("2a on photographs", _pair("cv2-bilinear", BASE)),
    "2q": ("2c on photographs", _pair("cv2-bilinear", BASE, "excess_detail")),
    "3p": ("3a on photographs", _pair("cv2-bicubic", "cv2-bilinear", expected=-1, margin=MARGIN_SWD)),
    "3q": ("3c on photographs", _pair("cv2-area", "cv2-bilinear", expected=-1)),
}


def verdicts(portraits: Results, photographs: Optional[Results] = None) -> dict[str, list[Verdict]]:
    """Return the verdicts of both families, ``summary`` and ``secondary``; rows without values count in the correction.

    Parameters
    ----------
    portraits, photographs
        Rows of the confirmation's seeds.
    """
    evidence, others = Evidence(portraits), Evidence(photographs or Results([]))
    summary = [_question(evidence, name, *SUMMARY[name]) for name in SUMMARY]
    secondary = [_question(evidence, name, *SECONDARY[name]) for name in SECONDARY]
    secondary += [_question(others, name, *PHOTOGRAPHS[name]) for name in PHOTOGRAPHS]
    return {family: list(_concluded(rows)) for family, rows in (("summary", summary), ("secondary", secondary))}


def _question(evidence: Evidence, name: str, claim: str, build: Builder) -> Question:
    nothing = Estimate(math.nan, math.nan, math.nan)
    try:
        return build(evidence, name, claim)
    except (KeyError, ValueError):
        return Question(name, claim, math.nan, 1, nothing, nothing, "", 1.0)


def _concluded(questions: Sequence[Question]) -> Iterator[Verdict]:
    for verdict in conclude(questions):
        missing = math.isnan(verdict.question.interval.value)
        yield Verdict(verdict.question, verdict.p, NOT_MEASURED) if missing else verdict


def read_folder(folder: Path, first_seed: int = 3) -> Results:
    """Return the rows that tools/reproduce.py has kept in a folder so far, without the exploration's seeds."""
    rows: list[Row] = []
    for path in sorted((folder / "rows").glob("*.csv")):
        rows += read_rows(path)
    return Results({row for row in rows if row.run.startswith("data-") or row.seed >= first_seed})
