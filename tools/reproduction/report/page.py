"""The blocks of docs/reproduction.md between its prose, and of README.md, from the committed rows alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from tools.reproduction.confirmation import END, EQUAL_STEPS, verdicts
from tools.reproduction.markdown import image, listed, table
from tools.reproduction.plan import BASE, Run, read_plan
from tools.reproduction.report import epsilon_figures, figures, pair, tables
from tools.reproduction.report.sentences import sentences
from tools.reproduction.results import Results

ROOT = Path(__file__).resolve().parents[3]
PLANS, PAGE, README = ROOT / "plans", ROOT / "docs" / "reproduction.md", ROOT / "README.md"
ROWS = PAGE.with_suffix("")
ON_PORTRAITS = ("confirmation", "port", "schedule", "others", "epsilon")
PHOTOGRAPHS, SWEEP = "photographs", "epsilon-64"
"""Plans with images of their own; their rows are in folders of these names."""
PHOTOGRAPHS_SAMPLES = "photographs.png"
MISSING = "*Not measured yet.*"
SHOWN_SEEDS = {"confirmation": 12, PHOTOGRAPHS: 7}
"""By plan, the last seed: the one whose samples are shown."""
PARTIAL = (
    "**{trained} of the {wanted} preregistered runs are trained so far.** A verdict can still change: where "
    "[seeds](#what-was-run-and-how-to-repeat-it) are missing, and elsewhere through the variance of all runs and "
    "Holm's correction, in which rows that are not measured count as p = 1."
)
_EARLY_STEPS = "the first 25 iterations, step by step: "
COMPLETE = "All preregistered runs are trained."
_CAPTIONS = {
    figures.EFFECTS: (
        "SWD of one run minus that of another: dots are seeds, bars the model's means with 95 % intervals; the margin "
        "of 5 is shaded in the rows that have one"
    ),
    figures.SAMPLES: (
        f"Portraits at 32x32: real images, and samples after {END:,} generator iterations from the same noise, "
        f"seed {SHOWN_SEEDS['confirmation']}"
    ),
    PHOTOGRAPHS_SAMPLES: (
        f"Photographs of clothes at 32x32: real images, and samples after {END:,} generator iterations from the same "
        f"noise, seed {SHOWN_SEEDS[PHOTOGRAPHS]}"
    ),
    figures.RESIZE: (
        "Left: distance to held-out images resized with Pillow bilinear. Right: detail of the samples against that "
        "of their training images; dots are seeds"
    ),
    figures.TRACKING: (
        "The critic's estimate and SWD at ten checkpoints of each seed of `wgan`. Left: both, along training. "
        "Right: their changes from one checkpoint to the next"
    ),
    pair.SAMPLES: (
        "Photographs of clothes at 64x64: real images, and samples from the same noise after the table's last iteration"
    ),
    pair.CURVES: (
        "Left: -Loss_D over the generator iterations. Right: detail of the samples, and of their training images"
    ),
    epsilon_figures.LONG_CURVES: "-Loss_D per generator iteration under the three epsilon rules",
    epsilon_figures.STEP_RATIOS: (
        "How much epsilon 1e-8 inside the root shortens the steps of each layer, by the size of its gradients"
    ),
}


def blocks(
    portraits: Results, photographs: Results, sweep: Results, writeup: Results, folder: Path = ROWS
) -> dict[str, str]:
    """Return every block of the page.

    Parameters
    ----------
    portraits, photographs, sweep, writeup
        The rows; ``sweep``: of epsilon at 64x64; ``writeup``: of the write-up's own comparison.
    folder
        Where the figures are; one that is not there is said to be missing.
    """
    found = verdicts(portraits, photographs)
    trained, wanted = counts(portraits, photographs, sweep)
    written = {
        "state": COMPLETE if trained == wanted else PARTIAL.format(trained=trained, wanted=wanted),
        "sentences": "\n".join(f"- {sentence}" for sentence in sentences(found["summary"], portraits)),
        "summary": tables.verdict_table(found["summary"]),
        "secondary": tables.verdict_table(found["secondary"]),
        "seeds": _seeds_table(portraits, photographs, sweep),
        "resize-table": _measured(tables.resize_table, portraits),
        "photographs-table": _measured(tables.resize_table, photographs),
        "epsilon-table": _measured(tables.epsilon_table, portraits, f"eps-tuned-{END}"),
        "schedule-table": _measured(tables.schedule_table, portraits),
        "tracking-table": _measured(tables.tracking_table, portraits),
        "port-table": _measured(tables.port_table, portraits, "port2018"),
        "measures": _measured(tables.measures_table, portraits),
        "pair-table": _pair_table(writeup),
    }
    for file, caption in _CAPTIONS.items():
        written[Path(file).stem] = image(file, folder.name, caption) if (folder / file).is_file() else MISSING
    return written


def _measured(make: Callable[[Results], str], results: Results, run: str = BASE) -> str:
    return make(results) if results.by_seed(run, "swd", END) else MISSING


def _pair_table(writeup: Results) -> str:
    done, wanted = pair.iterations(writeup), read_plan(PLANS / f"{pair.PAIR}.toml").runs[BASE].moments
    if not done:
        return MISSING
    partial = f"**Trained and evaluated as far as {done[-1]:,} of {wanted[-1]:,} generator iterations.**\n\n"
    return (partial if done[-1] < wanted[-1] else "") + pair.pair_table(writeup)


def readme_blocks(portraits: Results, photographs: Results) -> dict[str, str]:
    """Return the block of README.md: the sentences about resize, about bicubic, and about curve and port."""
    found = sentences(verdicts(portraits, photographs)["summary"], portraits)
    return {"findings": "\n".join(f"- {found[place]}" for place in (1, 2, 4))}


def _found(portraits: Results, photographs: Results, sweep: Results) -> Iterator[tuple[str, Run, list[int]]]:
    """Yield each preregistered run with its plan and the seeds that have been trained, early steps among them."""
    by_plan = {**dict.fromkeys(ON_PORTRAITS, portraits), PHOTOGRAPHS: photographs, SWEEP: sweep}
    for name, results in by_plan.items():
        plan = read_plan(PLANS / f"{name}.toml")
        for run in plan.runs.values():
            yield name, run, sorted(results.by_seed(run.name, "swd", EQUAL_STEPS.get(run.name, run.moments[-1])))
        for run in plan.starts.values():
            seeds = sorted({row.seed for row in results.rows if row.run == run.name})
            yield name, dataclasses.replace(run, what=_EARLY_STEPS + run.what), seeds


def counts(portraits: Results, photographs: Results, sweep: Results) -> tuple[int, int]:
    """Return how many of the preregistered runs are trained, and how many there are."""
    found = list(_found(portraits, photographs, sweep))
    return sum(len(seeds) for _, _, seeds in found), sum(len(run.seeds) for _, run, _ in found)


def _seeds_table(portraits: Results, photographs: Results, sweep: Results) -> str:
    """Return which seeds of which run are there, and which are wanted."""
    rows = []
    for name, run, found in _found(portraits, photographs, sweep):
        missing = [seed for seed in run.seeds if seed not in found]
        state = "complete" if not missing else f"missing: {listed([str(seed) for seed in missing])}"
        rows.append([f"`{name}`", f"`{run.name}`", run.what, str(len(found)), state])
    return table(["plan", "run", "what", "seeds", ""], rows)
