"""The confirmation's tables, from synthetic results whose cells are known."""

from __future__ import annotations

from tests.tools.reproduction.test_confirmation import changed, falling, synthetic
from tools.reproduction.confirmation import verdicts
from tools.reproduction.report import tables
from tools.reproduction.results import Results, Row

REAL = [
    Row("data-pil-bilinear", 0, 0, name, value)
    for name, value in (
        ("swd", 9.0),
        ("frechet", 0.1),
        ("detail", 20.0),
        ("swd_own", 9.0),
        ("color_shift", 0.3),
        ("contrast_shift", 0.01),
    )
]


def cells(text: str, row: str) -> list[str]:
    """Return the cells of the row that begins with these words."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_verdicts_stand_with_their_effects_and_what_is_missing_with_none():
    found = verdicts(synthetic({("cv2-bilinear", "swd"): 9.0}))
    text = tables.verdict_table(found["summary"])
    row = cells(text, "2a.")
    assert (
        row[1] == "**holds**" and row[2].startswith(("+9.0", "+8.9")) and row[2].endswith("SWD") and row[4] == "< 0.001"
    )
    assert cells(text, "5.")[1:] == ["not measured", "", "", ""]
    assert len(text.splitlines()) == 12


def test_an_unstable_curve_that_is_not_shown_is_called_not_seen_at_this_scale():
    for factor, word in ((1.5, "**holds**"), (1.0, "**not seen at this scale** (not settled)")):
        found = verdicts(changed(synthetic({}), "eps-1e-8-1000", "curve_noise", factor))
        assert cells(tables.verdict_table(found["summary"]), "1b.")[1] == word


def test_measures_stand_beside_those_of_real_images():
    rows = [*REAL]
    for seed, swd in ((3, 20.0), (4, 24.0)):
        for name, value in (("swd", swd), ("swd_noise1", swd + 1), ("swd_noise2", swd - 1), ("frechet", 0.5)):
            rows.append(Row("wgan", seed, 1000, name, value))
        for name, value in (("detail", 23.0), ("color_shift", 5.0), ("contrast_shift", -0.1)):
            rows.append(Row("wgan", seed, 1000, name, value))
    text = tables.measures_table(Results(rows))
    assert cells(text, "real training images")[2::2] == ["9.00", "", "0.100", "0.300"]
    row = cells(text, "wgan")
    # The two seeds' deviation is the root of 8, the noises' is 1; 13 is 22 less the real images' 9.
    assert row[1] == "2" and row[2].startswith("22.0") and row[3:5] == ["2.8", "1.0"]
    assert row[5].startswith("+13.0") and row[7].startswith("+3.0") and row[8].startswith("5.0")
    assert row[9].startswith("-0.1")


def test_tracking_has_a_row_for_each_seed_and_their_mean():
    text = tables.tracking_table(Results([row for seed in (3, 4, 5) for row in falling(1, seed)]))
    assert cells(text, "seed 4")[3] == "1.00" and float(cells(text, "seed 4")[1]) > 0.8
    assert cells(text, "mean")[1].startswith(("0.9", "1.0")) and "Among the seeds of one kind of run" in text


def test_schedules_are_compared_in_both_ways():
    rows = [
        Row(run, seed, iteration, "swd", value + seed)
        for seed in (3, 4)
        for run, iteration, value in (
            ("wgan", 1000, 20.0), ("no-warmup", 1000, 30.0), ("no-warmup", 1494, 10.0), ("no-warmup", 100, 70.0)
        )
    ]  # fmt: skip
    text = tables.schedule_table(Results(rows))
    assert cells(text, "wgan")[4][:4] == cells(text, "wgan")[5][:4] == "23.5"
    row = cells(text, "no-warmup")
    assert [cell[:4] for cell in row[1:]] == ["73.5", "", "", "33.5", "13.5"]


def test_each_backend_stands_beside_its_own_real_images():
    rows = [*REAL, *(Row("data-cv2-bilinear", 0, 0, name, value) for name, value in (("swd", 24.0), ("detail", 36.0)))]
    for seed in (3, 4):
        for run, swd, detail in (("wgan", 27.0, 25.0), ("cv2-bilinear", 33.0, 38.0)):
            rows += [Row(run, seed, 1000, "swd", swd + seed), Row(run, seed, 1000, "detail", detail + seed / 10)]
    text = tables.resize_table(Results(rows))
    own, other = cells(text, "pil-bilinear"), cells(text, "cv2-bilinear")
    assert own[1:3] == ["2", "9.00"] and own[3].startswith("30.5") and own[4] == "" and own[7].startswith("+5.3")
    assert other[2] == "24.0" and other[3].startswith("36.5") and other[4].startswith("+6.0") and other[5] == "36.0"
    assert other[6].startswith("38.3") and other[7].startswith("+2.3")
    assert len(text.splitlines()) == 4  # backends without rows are left out


def test_the_port_is_also_measured_as_it_draws_its_own_samples():
    rows = [
        Row(run, seed, 1000, quantity, value + seed)
        for seed in (3, 4)
        for run, quantity, value in (
            ("port2018", "swd", 20.0), ("port2018", "swd_running", 40.0), ("reference", "swd", 30.0)
        )
    ]  # fmt: skip
    text = tables.port_table(Results(rows))
    assert [cell[:4] for cell in cells(text, "port2018")[1:4]] == ["2", "23.5", "43.5"]
    assert [cell[:4] for cell in cells(text, "reference")[1:4]] == ["2", "33.5", ""]


def test_epsilon_rules_stand_at_500_and_1000_iterations():
    rows = [
        Row(f"eps-{rule}-1000", seed, iteration, "frechet", value + seed / 100)
        for rule, value in (("tuned", 0.5), ("1e-8", 0.7))
        for iteration in (500, 1000)
        for seed in (3, 4, 5)
    ]
    text = tables.epsilon_table(Results(rows))
    assert cells(text, "epsilon")[3::3] == ["Frechet at 500", "Frechet at 1,000"]
    assert all(cell.startswith("0.540 (") for cell in cells(text, "1e-12 and 1e-14 inside")[3::3])
    assert all(cell.startswith("0.740 (") for cell in cells(text, "1e-8 inside")[3::3])
    assert cells(text, "1e-8 outside (PyTorch)")[1:] == [""] * 6
