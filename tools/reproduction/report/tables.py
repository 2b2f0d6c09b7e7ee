"""The report's tables: verdicts, every run beside real images, resize backends, tracking, and schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tools.reproduction.confirmation import END, EQUAL_STEPS, Evidence, across_runs, backend_of, between_seeds, tracking
from tools.reproduction.effects import number, of_few, words
from tools.reproduction.inference import mean_correlation
from tools.reproduction.markdown import table
from tools.reproduction.plan import BASE
from tools.reproduction.report.epsilon_figures import RULES
from tools.reproduction.report.figures import RESIZED
from tools.reproduction.results import Results
from tools.reproduction.verdicts import HOLDS, Verdict

_NEVER_NEGATIVE = ("frechet", "color_shift")
_SCHEDULES = (BASE, "warmup-only", "boost-only", "no-warmup")
_SAME_LENGTH = (
    BASE,
    "init-mxnet",
    "bn-unclipped",
    "clip-after",
    "pil-bicubic",
    "cv2-bilinear",
    "cv2-bicubic",
    "cv2-area",
    "port2018",
    "reference",
)


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Return a family's rows: the claim, its word, the model's effect, the row's own, and the corrected p."""
    rows = []
    for verdict in verdicts:
        row = verdict.question
        if math.isnan(row.interval.value):
            rows.append([f"{row.name}. {row.claim}", verdict.word, "", "", ""])
            continue
        effect, own = (words(one, sign=row.signed) for one in (row.interval, row.own))
        p = "< 0.001" if verdict.p < 0.001 else f"{verdict.p:.2g}"
        word = f"**{verdict.word}**"
        if row.name == "1b" and verdict.word != HOLDS:  # the preregistration words it so
            word = f"**not seen at this scale** ({verdict.word})"
        rows.append([f"{row.name}. {row.claim}", word, f"{effect} {row.unit}".strip(), own, p])
    return table(["claim", "verdict", "effect, one model", "effect, its own seeds", "corrected p"], rows)


def measures_table(results: Results) -> str:
    """Return every run's measures at its compared iteration, with those of real training images in the first row."""
    evidence = Evidence(results)
    head = ["", "seeds", "SWD", "SD over seeds", "SD over noises", "excess over own kind", "Frechet", "excess detail"]
    head += ["color shift", "contrast shift"]
    real = {
        quantity: number(results.value("data-pil-bilinear", quantity, 0))
        for quantity in ("swd", "frechet", "color_shift", "contrast_shift")
    }
    rows = [["real training images", "", real["swd"], "", "", "0", real["frechet"], "0"]]
    rows[0] += [real["color_shift"], real["contrast_shift"]]
    for run in evidence.runs:
        swd = evidence.values(run, "swd")
        cells = [words(of_few(list(swd.values())))]
        cells.append(number(float(np.std(list(swd.values()), ddof=1)), 2) if len(swd) > 1 else "")
        cells.append(_noise(results, run))
        for quantity in ("swd_excess_own", "frechet", "excess_detail", "color_shift", "contrast_shift"):
            values = list(evidence.values(run, quantity).values())
            cells.append(words(of_few(values), sign=quantity not in _NEVER_NEGATIVE) if values else "")
        rows.append([run, str(len(swd)), *cells])
    return table(head, rows)


def _noise(results: Results, run: str) -> str:
    """Return the standard deviation of SWD over the sampling noises, pooled over the seeds."""
    iteration = EQUAL_STEPS.get(run, END)
    noises = [results.by_seed(run, name, iteration) for name in ("swd", "swd_noise1", "swd_noise2")]
    seeds = sorted(set.intersection(*(set(noise) for noise in noises)))
    if not seeds:
        return ""
    return number(math.sqrt(np.mean([np.var([noise[seed] for noise in noises], ddof=1) for seed in seeds])), 2)


def tracking_table(results: Results) -> str:
    """Return how the critic's estimate and SWD go together: over each seed's checkpoints, and across runs."""
    seeds = sorted(results.by_seed(BASE, "swd", END))
    each = [tracking(results, BASE, seed) for seed in seeds]
    columns = [[found[name] for found in each] for name in ("first_differences", "partial", "levels")]
    columns.append(between_seeds(results, BASE))
    rows = [[f"seed {seed}", *map(_correlation, values)] for seed, *values in zip(seeds, *columns)]
    known = [[value for value in values if not math.isnan(value)] for values in columns]
    rows.append(["mean (Fisher's z)", *(words(mean_correlation(values)) for values in known)])
    head = ["", "of changes (rank)", "given the iteration (partial, logarithms)", "of the falling series (rank)"]
    head.append("of changes, with the SWD of the other seeds (rank)")
    across, count = across_runs(results, [run for run in _SAME_LENGTH if len(results.by_seed(run, "swd", END)) > 1])
    return table(head, rows) + (
        f"\n\nAmong the seeds of one kind of run at {END:,} iterations, over all kinds of the same clip bound and "
        f"length: {words(across)}, {count} runs."
    )


def epsilon_table(results: Results) -> str:
    """Return the epsilon rules half-way through 1,000 generator iterations and at their end."""
    columns = [(quantity, iteration) for iteration in (END // 2, END) for quantity in ("w_estimate", "swd", "frechet")]
    names = {"w_estimate": "-Loss_D", "swd": "SWD", "frechet": "Frechet"}
    rows = []
    for rule, label in RULES.items():
        found = [
            list(results.by_seed(f"{rule}-{END}", quantity, iteration).values()) for quantity, iteration in columns
        ]
        rows.append([label.replace("\n", " "), *(words(of_few(values)) if values else "" for values in found)])
    return table(["epsilon", *(f"{names[quantity]} at {iteration:,}" for quantity, iteration in columns)], rows)


def schedule_table(results: Results) -> str:
    """Return the four schedules at equal generator iterations, at equal critic steps, and early on."""
    head = ["", "SWD at 100", "SWD at 200", "noise of -Loss_D, iterations 26 to 225", f"SWD at {END:,}"]
    head.append("SWD at 7,470 critic steps")
    rows = []
    for run in _SCHEDULES:
        end = EQUAL_STEPS.get(run, END)
        columns = [("swd", 100), ("swd", 200), ("early_noise", end), ("swd", END), ("swd", end)]
        found = [list(results.by_seed(run, quantity, iteration).values()) for quantity, iteration in columns]
        rows.append([run, *(words(of_few(values)) if values else "" for values in found)])
    return table(head, rows)


def port_table(results: Results) -> str:
    """Return the 2018 port beside the authors' code; the port's samples also as it draws them itself."""
    quantities = ("swd", "swd_running", "frechet", "detail", "color_shift")
    rows = []
    for run in ("port2018", "reference"):
        backend = backend_of(run)
        if results.by_seed(f"data-{backend}", "swd", 0):
            known = [results.by_seed(f"data-{backend}", name, 0) for name in quantities]
            rows.append([f"real images, {backend}", "", *(number(value[0]) if value else "" for value in known)])
        columns = [list(results.by_seed(run, quantity, END).values()) for quantity in quantities]
        rows.append([run, str(len(columns[0])), *(words(of_few(values)) if values else "" for values in columns)])
    return table(["", "seeds", "SWD", "SWD, running statistics", "Frechet", "detail", "color shift"], rows)


def resize_table(results: Results) -> str:
    """Return each backend's distances and detail, those of its real training images beside its samples'."""
    evidence = Evidence(results)
    head = ["trained on", "seeds", "SWD, real images", "SWD, samples", "minus pil-bilinear"]
    head += ["detail, real images", "detail, samples", "excess detail"]
    rows = []
    for run in RESIZED:
        backend = backend_of(run)
        swd = list(results.by_seed(run, "swd", END).values())
        if not swd:
            continue
        real = [results.value(f"data-{backend}", quantity, 0) for quantity in ("swd", "detail")]
        apart = "" if run == BASE else words(evidence.difference(run, BASE, "swd")[0].estimate, sign=True)
        detail = words(of_few(list(results.by_seed(run, "detail", END).values())))
        excess = words(of_few(list(evidence.values(run, "excess_detail").values())), sign=True)
        rows.append([backend, len(swd), number(real[0]), words(of_few(swd)), apart, number(real[1]), detail, excess])
    return table(head, rows)


def _correlation(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"
