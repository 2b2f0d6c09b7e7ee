"""The page of the confirmation: the verdicts of docs/preregistration.md, written from its result rows.

``python -m tools.reproduction.confirmation_page`` writes docs/confirmation.md from the rows under docs/.
"""

from __future__ import annotations

import math
from pathlib import Path

from gluon_wgan.utils import atomic_files
from tools.reproduction.confirmation import EQUAL_STEPS, NOT_MEASURED, read_folder, verdicts
from tools.reproduction.effects import words
from tools.reproduction.plan import read_plan
from tools.reproduction.results import Results
from tools.reproduction.verdicts import Verdict

ROOT = Path(__file__).resolve().parents[2]
ROWS, PAGE = ROOT / "docs" / "reproduction" / "confirmation", ROOT / "docs" / "confirmation.md"
PORTRAITS = ("confirmation", "port", "schedule", "others")
"""The plans whose runs are trained on portraits and have one row of the table of seeds each."""
RATIOS = ("times", "of the curve")

_INTRODUCTION = """# Confirmation

What the runs of the [preregistration](preregistration.md) show: new seeds, whose runs, measures, margins and words of a
verdict were fixed before any of them was trained. {state}

Every number comes from the rows in `docs/reproduction/confirmation/`, by
`python -m tools.reproduction.confirmation_page`. At 32x32, a quarter of the paper's width and 1,000 generator
iterations; intervals are 95 %, and p is corrected by Holm's method over all rows of the table, those that are not
measured yet among them.
"""
_PARTIAL = """**It is not complete: {done} of the {wanted} runs of its first plan are trained.** The words
below are what the rows say so far; they become verdicts when all ten seeds are there."""
_COMPLETE = "All ten seeds of its first plan are trained."
_CONTINUE = """## Continue it

Runs whose rows are there are not trained again.

```bash
mkdir -p runs/confirmation && cp -r docs/reproduction/confirmation/rows runs/confirmation/
python tools/reproduce.py --plan confirmation --data PORTRAITS --out runs/confirmation --jobs 2
```

Then copy `runs/confirmation/rows` back and write this page again.
"""


def page(portraits: Results, photographs: Results) -> str:
    """Return the page's text, in Markdown."""
    plan = read_plan(ROOT / "plans" / "confirmation.toml")
    done = {run.name: sorted(_seeds(portraits, run.name)) for run in plan.runs.values()}
    wanted = sum(len(run.seeds) for run in plan.runs.values())
    trained = sum(map(len, done.values()))
    state = _COMPLETE if trained == wanted else _PARTIAL.format(done=trained, wanted=wanted)
    found = verdicts(portraits, photographs)
    lines = [_INTRODUCTION.format(state=state), "## Summary rows", "", *_table(found["summary"]), ""]
    lines += ["## Secondary rows", "", *_table(found["secondary"]), ""]
    lines += ["## Seeds so far", "", "| plan | run | seeds |", "| --- | --- | --- |"]
    for name in PORTRAITS:
        for run in read_plan(ROOT / "plans" / f"{name}.toml").runs.values():
            lines.append(f"| `{name}` | `{run.name}` | {_listed(sorted(_seeds(portraits, run.name)))} |")
    for run in read_plan(ROOT / "plans" / "photographs.toml").runs.values():
        lines.append(f"| `photographs` | `{run.name}` | {_listed(sorted(_seeds(photographs, run.name)))} |")
    return "\n".join([*lines, "", _CONTINUE])


def _seeds(results: Results, run: str) -> set[int]:
    return set(results.by_seed(run, "swd", EQUAL_STEPS.get(run, 1000)))


def _listed(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"


def _table(rows: list[Verdict]) -> list[str]:
    lines = ["| | claim | so far | effect | the row's own seeds | p |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        question = row.question
        if row.word == NOT_MEASURED:
            lines.append(f"| {question.name} | {question.claim} | {row.word} | | | |")
            continue
        effect, own = (words(one, sign=question.unit not in RATIOS) for one in (question.interval, question.own))
        p = "" if math.isnan(row.p) else "< 0.001" if row.p < 0.001 else f"{row.p:.2g}"
        lines.append(
            f"| {question.name} | {question.claim} | **{row.word}** | {effect} {question.unit} | {own} | {p} |"
        )
    return lines


def main() -> None:
    """Write the page."""
    atomic_files.write_bytes(PAGE, page(read_folder(ROWS), read_folder(ROWS / "photographs")).encode())
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
