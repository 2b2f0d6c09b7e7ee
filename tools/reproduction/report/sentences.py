"""The report's first five sentences: what the rows of each claim show, with scale and size."""

from __future__ import annotations

from collections.abc import Sequence

from gluon_wgan.metrics.confidence_intervals import Estimate
from tools.reproduction.confirmation import END, EQUAL_STEPS, NOT_MEASURED
from tools.reproduction.effects import words
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
        "those learned from Pillow's own have {base}",
        FAILS: "samples learned from OpenCV-bilinear images are closer to Pillow's images, by {size} SWD where those "
        "learned from Pillow's own have {base}",
        OPEN: "whether samples learned from OpenCV-bilinear images are farther from Pillow's images is not settled "
        "({signed} SWD where those learned from Pillow's own have {base})",
    },
    "2c": {
        HOLDS: "they are messier than their training images explain, by {size} levels of detail",
        FAILS: "their false detail is that of their training images and no more (beyond the images' own they have "
        "{size} levels *less* than with Pillow)",
        OPEN: "whether they have detail that their training images do not explain is not settled ({signed} levels)",
    },
    "3a": {
        HOLDS: "OpenCV's bicubic comes closer to Pillow's images than its bilinear, by {size} SWD",
        FAILS: "OpenCV's bicubic is farther from Pillow's images than its bilinear, by {size} SWD",
        EQUAL: "OpenCV's bicubic is no closer to Pillow's images than its bilinear ({signed} SWD, within the margin "
        "of 5)",
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
        FAILS: "100 critic steps in each of the first 25 iterations and every 500th do not help: at equal critic steps "
        "five always give {size} SWD less",
        OPEN: "whether 100 critic steps in each of the first 25 iterations and every 500th help is not settled "
        "(without them {signed} SWD at equal critic steps)",
    },
    "4b": {
        HOLDS: "N(0, 0.02) initialisation helps, by {size} SWD against MXNet's default",
        FAILS: "N(0, 0.02) initialisation harms, by {size} SWD against MXNet's default",
        OPEN: "whether N(0, 0.02) initialisation helps is not settled (MXNet's default gives {signed} SWD)",
    },
    "5": {
        HOLDS: "the critic's estimate falls as the samples get better, from checkpoint to checkpoint (rank correlation "
        "of its changes with those of SWD {size})",
        FAILS: "the critic's estimate rises as the samples get better (rank correlation of its changes with those of "
        "SWD {signed})",
        OPEN: "whether the critic's estimate falls as the samples get better is not settled (rank correlation of its "
        "changes with those of SWD {signed})",
    },
    "6": {
        HOLDS: "the 2018 port's samples are as good as those of the authors' code ({signed} SWD, within the margin "
        "of 5)",
        FAILS: "the 2018 port's samples are not as good or bad as those of the authors' code ({signed} SWD)",
        OPEN: "whether the 2018 port's samples are as good as those of the authors' code is not settled ({signed} SWD)",
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
    base = f"{sum(swd) / len(swd):.1f}" if swd else "none"
    return [
        f"**{title}** (32x32, {width}, {_seeds(portraits, runs)}): {_sentence([found[row] for row in rows], base)}."
        for title, (width, runs, rows) in _CLAIMS.items()
    ]


def _sentence(verdicts: Sequence[Verdict], base: str) -> str:
    if all(verdict.word == NOT_MEASURED for verdict in verdicts):
        return "not measured yet"
    return "; ".join(_phrase(verdict, base) for verdict in verdicts)


def _phrase(verdict: Verdict, base: str) -> str:
    row = verdict.question
    if verdict.word == NOT_MEASURED:
        return f"whether {row.claim[0].lower()}{row.claim[1:]} is not measured yet"
    size = _negative(row.interval) if row.signed and row.interval.value < 0 else row.interval
    return PHRASES[row.name][verdict.word].format(size=words(size), signed=words(row.interval, sign=True), base=base)


def _negative(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low)


def _seeds(results: Results, runs: Sequence[str]) -> str:
    """Return how many seeds the runs have, such as ``10 seeds``, or ``10 and 5 seeds`` where they differ."""
    counts = [len(results.by_seed(run, "swd", EQUAL_STEPS.get(run, END))) for run in runs]
    return f"{' and '.join(map(str, dict.fromkeys(counts)))} seeds"
