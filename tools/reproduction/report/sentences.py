"""The report's first five sentences: what the rows of each claim show, with scale and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

from gluon_wgan.metrics.confidence_intervals import Estimate
from tools.reproduction.confirmation import END, EQUAL_STEPS, NOT_MEASURED, Evidence, between_seeds, tracking
from tools.reproduction.effects import words
from tools.reproduction.inference import mean_correlation
from tools.reproduction.plan import BASE
from tools.reproduction.results import Results
from tools.reproduction.verdicts import EQUAL, FAILS, HOLDS, OPEN, Verdict

_CLAIMS: dict[str, tuple[str, tuple[str, ...], tuple[str, str]]] = {
    "Epsilon": ("half width", ("eps-tuned-1000",), ("1b", "1d")),
    "Resize": ("quarter width", ("cv2-bilinear",), ("2a", "2c")),
    "Bicubic": ("quarter width", ("cv2-bicubic", "cv2-area"), ("3a", "3c")),
    "Schedule and initialisation": ("quarter width", ("no-warmup", "init-mxnet"), ("4a", "4b")),
    "Curve and port": ("quarter width", (BASE, "port2018"), ("5", "6")),
}
"""By the title of a sentence: the networks' width in the paper's, the runs whose seeds are counted, and its rows."""

PHRASES: dict[str, dict[str, str]] = {
    "1b": {
        HOLDS: "epsilon 1e-8 inside RMSProp's root makes the -Loss_D curve unstable ({size} times the instability of "
        "1e-12 and 1e-14)",
        FAILS: "the unstable -Loss_D curve with epsilon 1e-8 inside RMSProp's root is not seen at this scale, where it "
        "is the more stable one ({size} times the instability of 1e-12 and 1e-14)",
        OPEN: "an unstable -Loss_D curve with epsilon 1e-8 inside RMSProp's root is not seen at this scale ({size} "
        "times the instability of 1e-12 and 1e-14)",
    },
    "1d": {
        HOLDS: "1e-12 and 1e-14 give PyTorch's curve to {size} of its size",
        OPEN: "whether 1e-12 and 1e-14 give PyTorch's curve is not settled (they are {size} of its size away)",
    },
    "2a": {
        HOLDS: "samples learned from OpenCV-bilinear images are farther from Pillow's images, by {size} SWD where "
        "those learned from Pillow's own have {base}{images_apart}",
        FAILS: "samples learned from OpenCV-bilinear images are closer to Pillow's images, by {size} SWD where those "
        "learned from Pillow's own have {base}",
        OPEN: "whether samples learned from OpenCV-bilinear images are farther from Pillow's images is not settled "
        "({signed} SWD where those learned from Pillow's own have {base})",
    },
    "2c": {
        HOLDS: "they are messier than their training images explain, by {size} levels of detail",
        FAILS: "they are not messier than their images explain{detail}: beyond the images' own they have {size} levels "
        "of detail *less* than with Pillow",
        OPEN: "whether they have detail that their training images do not explain is not settled ({signed} levels)",
    },
    "3a": {
        HOLDS: "OpenCV's bicubic comes closer to Pillow's images than its bilinear, by {size} SWD",
        FAILS: "OpenCV's bicubic is farther from Pillow's images than its bilinear, by {size} SWD",
        EQUAL: "OpenCV's bicubic is neither closer to Pillow's images than its bilinear nor farther by 5 or more "
        "({signed} SWD)",
        OPEN: "whether OpenCV's bicubic comes closer to Pillow's images than its bilinear is not settled ({signed} "
        "SWD)",
    },
    "3c": {
        HOLDS: "INTER_AREA, what the port's `interpolation=3` really is, does come closer, by {size} SWD",
        FAILS: "INTER_AREA, what the port's `interpolation=3` really is, is farther, by {size} SWD",
        OPEN: "whether INTER_AREA, what the port's `interpolation=3` really is, comes closer is not settled ({signed} "
        "SWD)",
    },
    "4a": {
        HOLDS: "100 critic steps in each of the first 25 iterations and every 500th help, by {size} SWD at equal "
        "critic steps",
        FAILS: "100 critic steps in each of the first 25 iterations and every 500th do not help: five always, with 1.5 "
        "times as many generator iterations for as many critic steps, give {size} SWD less{iterations}",
        OPEN: "whether 100 critic steps in each of the first 25 iterations and every 500th help is not settled "
        "(without them {signed} SWD at equal critic steps)",
    },
    "4b": {
        HOLDS: "N(0, 0.02) initialisation helps, by {size} SWD against MXNet's default",
        FAILS: "N(0, 0.02) initialisation harms, by {size} SWD against MXNet's default",
        OPEN: "whether N(0, 0.02) initialisation helps is not settled (MXNet's default gives {signed} SWD)",
    },
    "5": {
        HOLDS: "the critic's estimate and SWD fall together from checkpoint to checkpoint (rank correlation of their "
        "changes {size}){other_seeds}",
        FAILS: "the critic's estimate rises as the samples get better (rank correlation of its changes with those of "
        "SWD {signed})",
        OPEN: "whether the critic's estimate falls as the samples get better is not settled (rank correlation of its "
        "changes with those of SWD {signed})",
    },
    "6": {
        HOLDS: "samples of the 2018 port's preset are as far from held-out images as those of the authors' ({signed} "
        "SWD, within the margin of 5){port_detail}",
        FAILS: "samples of the 2018 port's preset are not as far from held-out images as those of the authors' "
        "({signed} SWD)",
        OPEN: "whether samples of the 2018 port's preset are as far from held-out images as those of the authors' is "
        "not settled ({signed} SWD)",
    },
}  # fmt: skip


def sentences(summary: Sequence[Verdict], portraits: Results) -> list[str]:
    """Return the five sentences in Markdown, each with its claim's name first.

    Parameters
    ----------
    summary
        The verdicts of the summary rows.
    portraits
        The rows that they come from.
    """
    found = {verdict.question.name: verdict for verdict in summary}
    swd = list(portraits.by_seed(BASE, "swd", END).values())
    beside = {"base": f"{sum(swd) / len(swd):.1f}" if swd else "none", **_clauses(Evidence(portraits))}
    return [
        f"**{title}** (32x32, {width}, {_seeds(portraits, runs)}): {_sentence([found[row] for row in rows], beside)}."
        for title, (width, runs, rows) in _CLAIMS.items()
    ]


def _clauses(evidence: Evidence) -> dict[str, str]:
    """Return what belongs beside a verdict so that it is not read as more; empty where it is not measured."""
    made: dict[str, Callable[[Evidence], str]] = {
        "images_apart": _images_apart,
        "detail": _detail,
        "iterations": _iterations,
        "other_seeds": _other_seeds,
        "port_detail": _port_detail,
    }
    clauses = {}
    for name, make in made.items():
        try:
            clauses[name] = make(evidence)
        except (KeyError, ValueError):
            clauses[name] = ""
    return clauses


def _images_apart(evidence: Evidence) -> str:
    return f" (the images themselves are {_between_images(evidence, 'cv2-bilinear', 'swd'):.1f} farther)"


def _detail(evidence: Evidence) -> str:
    samples = evidence.difference("cv2-bilinear", BASE, "detail")[0].estimate
    images = _between_images(evidence, "cv2-bilinear", "detail")
    return f" ({words(samples)} levels more detail, where the images have {images:.1f} more)"


def _iterations(evidence: Evidence) -> str:
    apart = evidence.difference("no-warmup", BASE, "swd", equal_steps=False)[0].estimate
    return f" ({words(apart, sign=True)} at equal generator iterations)"


def _other_seeds(evidence: Evidence) -> str:
    seeds = sorted(evidence.results.by_seed(BASE, "swd", END))
    own = mean_correlation([tracking(evidence.results, BASE, seed)["first_differences"] for seed in seeds])
    other = mean_correlation(between_seeds(evidence.results, BASE))
    if other.value < own.low:
        return f", more than with other seeds' SWD ({words(other)})"
    return f", but as much with other seeds' SWD ({words(other)}), so it shows how far training is, not how good a run"


def _port_detail(evidence: Evidence) -> str:
    samples = evidence.difference("port2018", "reference", "detail")[0].estimate
    images = _between_images(evidence, "mxnet-area", "detail")
    return f", with {words(samples, sign=True)} levels of detail where the images have {images:+.1f}"


def _between_images(evidence: Evidence, backend: str, quantity: str) -> float:
    """Return how much more of a measure real images of a backend have than those of Pillow bilinear."""
    ours, base = (evidence.results.value(f"data-{name}", quantity, 0) for name in (backend, "pil-bilinear"))
    return ours - base


def _sentence(verdicts: Sequence[Verdict], beside: Mapping[str, str]) -> str:
    if all(verdict.word == NOT_MEASURED for verdict in verdicts):
        return "not measured yet"
    return "; ".join(_phrase(verdict, beside) for verdict in verdicts)


def _phrase(verdict: Verdict, beside: Mapping[str, str]) -> str:
    row = verdict.question
    if verdict.word == NOT_MEASURED:
        return f"whether {row.claim[0].lower()}{row.claim[1:]} is not measured yet"
    size = _negative(row.interval) if row.signed and row.interval.value < 0 else row.interval
    return PHRASES[row.name][verdict.word].format(size=words(size), signed=words(row.interval, sign=True), **beside)


def _negative(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low)


def _seeds(results: Results, runs: Sequence[str]) -> str:
    """Return how many seeds the runs have, such as ``10 seeds``, or ``10 and 5 seeds`` where they differ."""
    counts = [len(results.by_seed(run, "swd", EQUAL_STEPS.get(run, END))) for run in runs]
    return f"{' and '.join(map(str, dict.fromkeys(counts)))} seeds"
