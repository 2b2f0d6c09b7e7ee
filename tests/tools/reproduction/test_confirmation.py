"""Verdicts from synthetic results whose answer is known, settled in both directions, for every row."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.conftest import REPOSITORY
from tools.reproduction import confirmation
from tools.reproduction.confirmation import NOT_MEASURED, across_runs, tracking, verdicts
from tools.reproduction.results import Results, Row
from tools.reproduction.verdicts import EQUAL, FAILS, HOLDS, OPEN, Question, conclude

RUNS = {
    "wgan": 1000, "cv2-bilinear": 1000, "cv2-bicubic": 1000, "cv2-area": 1000, "pil-bicubic": 1000, "init-mxnet": 1000,
    "clip-002": 1000, "clip-0005": 1000, "clip-after": 1000, "bn-unclipped": 1000, "no-warmup": 1494,
    "warmup-only": 1019, "boost-only": 1437, "port2018": 1000, "reference": 1000,
}  # fmt: skip
# Written out from docs/preregistration.md and not read from the code: the row, the run whose values move, what moves,
# and the size of a move in the direction in which the claim holds.
ROWS = [
    ("2a", "cv2-bilinear", "swd", +9), ("2c", "cv2-bilinear", "detail", +9),
    ("3a", "cv2-bicubic", "swd", -9), ("3c", "cv2-area", "swd", -9),
    ("4a", "no-warmup", "swd", +9), ("4b", "init-mxnet", "swd", +9),
    ("2b", "cv2-bilinear", "frechet", +9), ("2d", "cv2-bilinear", "swd_own", +9),
    ("3b", "cv2-bicubic", "frechet", -9), ("3d", "cv2-area", "frechet", -9),
    ("4d", "clip-0005", "swd", +9), ("4e", "clip-002", "swd", +9), ("4f", "bn-unclipped", "swd", +9),
    ("4g", "warmup-only", "swd", -9), ("4h", "boost-only", "swd", -9),
    ("2p", "cv2-bilinear", "swd", +9), ("2q", "cv2-bilinear", "detail", +9),
    ("3p", "cv2-bicubic", "swd", -9), ("3q", "cv2-area", "swd", -9),
]  # fmt: skip
SAME = [("4c", "clip-after"), ("6", "port2018")]


def synthetic(
    moves: dict[tuple[str, str], float], *, iteration: int = 0, spread: float = 0.05, seeds: int = 6
) -> Results:
    """Return results of all runs, equal but for a little noise and the moves, turned round at other moments."""
    rng = np.random.default_rng(1)
    rows = [
        Row(f"data-{backend}", 0, 0, name, value)
        for backend in ("pil-bilinear", "pil-bicubic", "cv2-bilinear", "cv2-bicubic", "cv2-area", "mxnet-area")
        for name, value in (("detail", 20.0), ("swd_own", 9.0))
    ]
    for seed in range(3, 3 + seeds):
        pairing = rng.normal(0, 3)
        for run, end in RUNS.items():
            for quantity in ("swd", "frechet", "detail", "swd_own"):
                value = 30 + pairing + rng.normal(0, spread) * (0.1 if quantity == "frechet" else 1)
                move = moves.get((run, quantity), 0.0)
                for place in {1000, end}:
                    rows.append(Row(run, seed, place, quantity, value + (move if iteration in (0, place) else -move)))
        for run in ("eps-1e-8", "eps-tuned"):
            rows.append(Row(run, seed, 25, "step/generator/main.0.weight", 0.8 * np.exp(rng.normal(0, 0.01))))
            rows.append(Row(run, seed, 25, "step/generator/main.3.weight", 5.0 if run == "eps-tuned" else 0.1))
            rows.append(Row(f"{run}-1000", seed, 1000, "curve_noise", np.exp(rng.normal(0, 0.01))))
            rows.append(Row(f"{run}-1000", seed, 1000, "curve_variation", np.exp(rng.normal(0, 0.01))))
        rows.append(Row("eps-tuned", seed, 25, "curve_from/eps-outside", 0.001 * np.exp(rng.normal(0, 0.1))))
    return Results(rows)


def words_of(portraits: Results, photographs: Results) -> dict[str, str]:
    """Return the word of every row."""
    return {row.question.name: row.word for rows in verdicts(portraits, photographs).values() for row in rows}


def changed(results: Results, run: str, quantity: str, factor: float) -> Results:
    """Return results in which one quantity of a run is multiplied."""
    return Results(
        Row(row.run, row.seed, row.gen_iter, row.quantity, row.value * factor)
        if (row.run, row.quantity) == (run, quantity)
        else row
        for row in results.rows
    )


@pytest.mark.parametrize(("row", "run", "quantity", "move"), ROWS, ids=[row[0] for row in ROWS])
def test_every_difference_has_the_word_of_its_direction(row: str, run: str, quantity: str, move: float):
    for factor, word in ((1, HOLDS), (-1, FAILS)):
        # Compared at equal critic steps, but for 4g and 4h.
        iteration = 1000 if row in ("4g", "4h") else RUNS[run]
        moved = synthetic({(run, quantity): factor * move}, iteration=iteration)
        assert words_of(moved, moved)[row] == word


def test_a_difference_without_effect_is_open_unless_its_row_has_a_margin():
    none = synthetic({})
    found = words_of(none, none)
    assert {row for row, word in found.items() if word == EQUAL} == {"3a", "3b", "3p"}
    assert {row for row, word in found.items() if word == HOLDS} == {"1d", "4c", "6"}
    assert not any(word == FAILS for word in found.values())
    vague = synthetic({}, spread=30)
    found = words_of(vague, vague)
    assert all(found[row] == OPEN for row, *_ in (*ROWS, *SAME))


@pytest.mark.parametrize(("row", "run"), SAME)
def test_no_difference_fails_with_a_difference_in_either_direction(row: str, run: str):
    for move, word in ((9, FAILS), (-9, FAILS), (1, HOLDS)):
        assert words_of(synthetic({(run, "swd"): move}), Results([]))[row] == word


@pytest.mark.parametrize("quantity", ["curve_noise", "curve_variation"])
def test_the_instability_of_epsilon(quantity: str):
    for factor, word in ((1.5, HOLDS), (1 / 1.5, FAILS)):
        assert words_of(changed(synthetic({}), "eps-1e-8-1000", quantity, factor), Results([]))["1b"] == word
    assert words_of(synthetic({}), Results([]))["1b"] == OPEN


def test_the_epsilon_steps_are_those_of_the_first_layer():
    for factor, word in ((1 / 4, HOLDS), (4, FAILS)):
        steps = changed(synthetic({}), "eps-1e-8", "step/generator/main.0.weight", factor)
        assert words_of(steps, Results([]))["1a"] == word
    # A tenth of PyTorch's curve away is not the same curve, and a distance near the margin settles nothing.
    for factor, word in ((100, OPEN), (9, OPEN), (1, HOLDS)):
        far = changed(synthetic({}), "eps-tuned", "curve_from/eps-outside", factor)
        assert words_of(far, Results([]))["1d"] == word


def falling(sign: int, seed: int) -> list[Row]:
    """Return the rows of a run whose estimate and SWD both fall, and whose changes agree or contradict each other."""
    rng = np.random.default_rng(seed)
    changes = rng.uniform(0.5, 1.5, 9)
    estimate = 20 - np.concatenate([[0], np.cumsum(changes)])
    distance = 60 - np.concatenate([[0], np.cumsum(2 + sign * (changes + rng.normal(0, 0.05, 9)))])
    places = range(100, 1001, 100)
    return [
        Row("wgan", seed, place, name, value)
        for name, series in (("w_estimate", estimate), ("swd", distance))
        for place, value in zip(places, series)
    ]


@pytest.mark.parametrize(("sign", "word"), [(1, HOLDS), (-1, FAILS)])
def test_tracking_is_that_of_changes_and_not_of_two_falling_series(sign: int, word: str):
    results = Results([row for seed in range(3, 9) for row in falling(sign, seed)])
    assert words_of(results, Results([]))["5"] == word
    found = tracking(results, "wgan", 3)
    assert found["levels"] == pytest.approx(1.0) and sign * found["first_differences"] > 0.8


def test_tracking_across_runs_is_within_runs():
    # Within each run the estimate rises with SWD; between the runs it falls.
    rows = []
    for run, estimate, distance in (("a", 9.0, 10.0), ("b", 1.0, 50.0)):
        for seed in range(3):
            rows += [Row(run, seed, 1000, "w_estimate", estimate + seed), Row(run, seed, 1000, "swd", distance + seed)]
    found, count = across_runs(Results(rows), ["a", "b"])
    assert count == 6 and found.low < found.value == pytest.approx(0.995) and found.high < 1
    rng = np.random.default_rng(0)
    rows = [Row("a", seed, 1000, name, rng.normal()) for seed in range(40) for name in ("w_estimate", "swd")]
    found, _ = across_runs(Results(rows), ["a"])
    values = [Results(rows).by_seed("a", name, 1000) for name in ("w_estimate", "swd")]
    reference = stats.pearsonr(*(list(value.values()) for value in values)).confidence_interval(0.95)
    # SciPy counts the mean as known; 36 and 37 degrees of freedom differ by 1.4 % of the width.
    assert found.low == pytest.approx(reference.low, abs=0.01) and found.high == pytest.approx(reference.high, abs=0.01)


def test_what_is_not_measured_yet_counts_in_the_correction():
    found = verdicts(Results([]))
    assert {row.word for rows in found.values() for row in rows} == {NOT_MEASURED}
    one = Question("x", "", 1.0, 1, *[(1.0, 0.5, 1.5)] * 2, "SWD", p=0.01)
    other = Question("y", "", 1.0, 1, *[(1.0, 0.5, 1.5)] * 2, "SWD", p=1.0)
    assert [verdict.word for verdict in conclude([one])] == [HOLDS]
    assert [verdict.word for verdict in conclude([one, *[other] * 9])] == [OPEN] * 10


def test_the_rows_are_those_of_the_preregistration():
    page = (REPOSITORY / "docs" / "preregistration.md").read_text(encoding="utf-8")
    summary, secondary = re.split(r"\| secondary row \|", page.split("| summary row |")[1])

    def names(part: str) -> set[str]:
        first = re.findall(r"^\| (\d[a-z]?(?:, \d[a-z])*) \|", part, re.MULTILINE)
        return {name for cell in first for name in cell.split(", ")}

    assert names(summary) == set(confirmation.SUMMARY) and len(confirmation.SUMMARY) <= 10
    assert names(secondary) == {*confirmation.SECONDARY, *confirmation.PHOTOGRAPHS}
    wanted: dict[str, Any] = {"margin 5": confirmation.MARGIN_SWD, "0.1 is a quarter": confirmation.MARGIN_FRECHET}
    assert all(text in page for text in wanted) and list(wanted.values()) == [5.0, 0.1]


def test_the_explorations_seeds_are_left_out(tmp_path):
    from tools.reproduction.results import write_rows

    write_rows(tmp_path / "rows" / "a.csv", [Row("wgan", seed, 1000, "swd", 1.0) for seed in range(6)])
    write_rows(tmp_path / "rows" / "b.csv", [Row("data-pil-bilinear", 0, 0, "swd", 9.0)])
    found = confirmation.read_folder(tmp_path)
    assert [row.seed for row in found.rows if row.run == "wgan"] == [3, 4, 5] and len(found.rows) == 4
