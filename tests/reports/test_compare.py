"""Comparing runs: the table, the page, the choice of samples, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import medfilt

from gluon_wgan.cli.compare import main, page_path
from gluon_wgan.reports.comparison import short_names
from gluon_wgan.reports.comparison_images import chosen_iterations, frames
from gluon_wgan.utils.formatting import UNKNOWN
from tests.reports.conftest import read_csv
from tests.reports.html import Page, check_closed_off

ITERATIONS = st.lists(st.lists(st.integers(0, 40), max_size=30), min_size=1, max_size=4)


@pytest.fixture
def compare(tmp_path, capsys):
    """Return a function that compares runs and returns the page and what the terminal showed."""

    def run(*words):
        out = tmp_path / "out.html"
        assert main([*map(str, words), "--out", str(out)]) == 0
        return Page(out), capsys.readouterr().out

    return run


def refused(capsys, *words) -> str:
    assert main([*map(str, words)]) == 2
    said = capsys.readouterr()
    left = said.err.split("\r")[-1]  # a progress bar wipes itself away
    assert len(left.splitlines()) == 1 and left.startswith("compare_runs.py: ")
    return left


def image(page: Page, run: int, iteration: int) -> np.ndarray:
    uri = page.data["images"][run][str(iteration)]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def test_table_and_page_show_what_differs(make_run, compare):
    first, second = make_run("a", lr_d=0.25), make_run("b", rows=90, n_critic=3, threads=7)
    page, said = compare(first, second)
    check_closed_off(page)
    lines = [re.split(r" {2,}", line.strip()) for line in said.splitlines()]
    assert lines[0] == ["a", "b"]
    for row in (["--lr-d", "0.25", "0.0002"], ["--n-critic", "5", "3"], ["--threads", "\N{EN DASH}", "7"]):
        assert row in lines and row in page.rows
    assert ["generator iterations", "230 of 400", "90 of 400"] in lines
    assert "--preset" not in said and "--out" not in said and "--preset" not in page.text
    estimate = [np.median(read_csv(run / "metrics.csv")["w_estimate"][-101:]) for run in (first, second)]
    shown = next(line for line in lines if line[0] == "Wasserstein estimate")[1:]
    assert [float(text.replace("\N{MINUS SIGN}", "-")) for text in shown] == pytest.approx(estimate, rel=1e-3)


def test_curves_are_each_runs_own(make_run, compare):
    runs = [make_run("a"), make_run("b", rows=210), make_run("short", rows=120)]
    page, _ = compare(*runs)
    assert "but short as it is: shorter than 202 iterations" in page.text
    loss = next(chart for chart in page.data["charts"] if chart["title"] == "Generator's loss")
    for run, path in enumerate(runs):
        rows, one = read_csv(path / "metrics.csv"), loss["series"][run]
        assert (one["label"], one["axis"]) == (path.name, run)
        if path.name == "short":
            assert one["rawLow"] == pytest.approx(rows["loss_g"], rel=1e-6)
        else:
            assert one["rawLow"][50:-50] == pytest.approx(medfilt(rows["loss_g"], 101)[50:-50], rel=1e-6)
        assert page.data["axes"][run]["last"] == rows["gen_iter"]
        assert page.data["axes"][run]["seconds"] == pytest.approx(np.cumsum(rows["seconds"]), abs=0.006)


def test_samples_are_the_corner_of_the_grids(make_run, compare):
    first, second = make_run("a"), make_run("b", samples=(0, 50, 100))
    page, _ = compare(first, second)
    assert page.data["iterations"] == [0, 100, 200]
    assert page.data["frames"] == [[0, 0], [100, 100], [200, 100]]
    whole = np.asarray(Image.open(first / "samples" / "fake_000100.png"))
    assert np.array_equal(image(page, 0, 100), whole[: 4 * 18 + 2, : 4 * 18 + 2])
    assert "all from the same latents" in page.text


@pytest.mark.parametrize(
    ("options", "words"), [({"seed": 5}, "seeds differ (0, 5)"), ({"nz": 7}, "latents differ (100, 7)")]
)
def test_other_latents_are_pointed_out(make_run, compare, options, words):
    page, _ = compare(make_run("a"), make_run("b", **options))
    assert words in page.text and "--redraw" in page.text and "all from the same latents" not in page.text


def test_metrics_stand_side_by_side_with_what_differs_in_protocol(make_run, compare):
    first, second = make_run("a"), make_run("b")
    old = {"metric": "fid", "value": 99, "protocol": {"num": 1}}
    new = {
        "metric": "fid",
        "value": 41.26,
        "low": 40.5,
        "high": 42,
        "protocol": {"num": 1000, "features": {"name": "inception"}},
    }
    (first / "evaluation.jsonl").write_text(f"{json.dumps(old)}\n{json.dumps(new)}\nbroken\n")
    other = {**new, "value": 38.0, "protocol": {"num": 500, "features": {"name": "inception"}}}
    (second / "evaluation.jsonl").write_text(json.dumps(other) + "\n")
    page, said = compare(first, second)
    assert ["fid", "41.2640.50 \N{EN DASH} 42num 1000", "38.0040.50 \N{EN DASH} 42num 500"] in page.rows
    assert "1 lines of a's evaluation.jsonl" in page.text
    assert re.search(r"fid \(protocols differ\) +41.26 \(40.50 \N{EN DASH} 42\) +38.00 \(", said)
    assert "99" not in page.text


def test_metrics_of_two_checkpoints_are_a_curve(make_run, compare):
    runs = [make_run("a"), make_run("b")]
    for run, values in zip(runs, ((90, 40), (80,))):
        lines = [
            {"metric": "fid", "value": value, "protocol": {"num": 9}, "evaluated": {"checkpoint": f"iter_{at:06d}"}}
            for at, value in zip((100, 200), values)
        ]
        (run / "evaluation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page, _ = compare(*runs)
    (chart,) = page.data["evaluations"]
    found = [(one["label"], one["axis"], one["at"], one["values"]) for one in chart["series"]]
    assert found == [("a", 0, [100, 200], [90, 40]), ("b", 1, [100], [80])]
    assert "The same for all of them num 9" in page.text


def test_samples_and_curves_come_first_and_options_without_effect_are_left_out(make_run, compare):
    page, said = compare(
        make_run("a", eps_d=1e-7, beta1=0.3, gp_lambda=3.0), make_run("b", optimizer="adam", beta1=0.2)
    )
    order = ["samples", "curves", "results", "metrics", "options"]
    assert [one for one in page.ids if one in order] == order
    for row in (["--optimizer", "rmsprop", "adam"], ["--eps-d", "1e-07", UNKNOWN], ["--beta1", UNKNOWN, "0.2"]):
        assert row in page.rows
    assert "--gp-lambda" not in page.text + said


def test_runs_that_have_just_begun(make_run, compare):
    page, said = compare(make_run("a", rows=0, samples=()), make_run("b", rows=0, samples=()))
    check_closed_off(page)
    assert "0 of 400" in said and "saved images yet" in page.text


def test_hostile_names_do_nothing(make_run, compare):
    name = "<!--<script><img src=x onerror='alert(1)'>&\""
    page, _ = compare(make_run(name), make_run("b", data_root=name, dataset="folder"))
    check_closed_off(page)
    assert page.tags.count("img") == 2 and name in page.text


def test_unreadable_runs_name_themselves(make_run, capsys, tmp_path):
    good, out = make_run("good"), tmp_path / "out.html"
    (tmp_path / "empty").mkdir()
    missing, damaged, foreign, image = (make_run(name) for name in ("missing", "damaged", "foreign", "image"))
    (missing / "metrics.csv").unlink()
    with (damaged / "metrics.csv").open("a") as file:
        file.write("231,4,what\n")
    (foreign / "metrics.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    (image / "samples" / "fake_000100.png").write_bytes(b"no image")
    for bad, words in (
        (tmp_path / "empty", "empty folder"),
        (tmp_path / "nothing", "not a folder"),
        (good / "config.json", "not a folder"),
        (missing, "metrics.csv"),
        (damaged, "line 232"),
        (foreign, "not a metrics.csv"),
        (image, "fake_000100.png"),
    ):
        said = refused(capsys, good, bad, "--out", out)
        assert str(bad) in said and words in said
    assert "named twice" in refused(capsys, good, good, "--out", out)
    assert not out.exists()


def test_nothing_foreign_is_overwritten_and_own_pages_are(make_run, capsys, tmp_path):
    run, out = make_run("a"), tmp_path / "mine.html"
    out.write_text("my page")
    assert str(out) in refused(capsys, run, "--out", out)
    assert out.read_text() == "my page"
    for _ in range(2):
        assert main([str(run), "--out", str(tmp_path / "new")]) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["comparison.html"]
    assert "choose another --out" in refused(capsys, run, "--out", out / "below")


def test_redrawing_without_checkpoints_or_one_length_of_latents(make_run, capsys, tmp_path):
    first, second = make_run("a"), make_run("b", nz=7)
    words = ("--redraw", "--out", tmp_path / "out.html")
    assert f"{first} has no checkpoint" in refused(capsys, first, second, *words)
    for run in (first, second):
        (run / "checkpoints" / "iter_000100").mkdir()
    assert "lengths (100, 7)" in refused(capsys, first, second, *words)
    (second / "config.json").write_text((first / "config.json").read_text())
    assert "There is no generator" in refused(capsys, first, second, *words)


@pytest.mark.parametrize("value", [[], [1], {}, "x", True, None, 1.5, -1, 10**18])
@pytest.mark.parametrize("name", ["nz", "latent"])
def test_odd_latents_in_a_configuration_are_refused(make_run, capsys, tmp_path, name, value):
    run = make_run()
    (run / "checkpoints" / "iter_000100").mkdir()
    values = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**values, name: value}))
    assert name in refused(capsys, run, "--redraw", "--out", tmp_path / "out.html")


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", ""])
def test_odd_seeds_are_refused(make_run, capsys, seed):
    with pytest.raises(SystemExit) as stopped:
        main([str(make_run()), f"--noise-seed={seed}"])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_out_may_be_a_file_or_a_folder(tmp_path):
    (tmp_path / "odd.html").mkdir()
    assert page_path(tmp_path / "a.HTML") == tmp_path / "a.HTML"
    assert page_path(tmp_path / "a") == tmp_path / "a" / "comparison.html"
    assert page_path(tmp_path / "odd.html") == tmp_path / "odd.html" / "comparison.html"


def test_names_are_as_short_as_they_can_be(tmp_path):
    paths = [tmp_path / "a" / "0001", tmp_path / "b" / "0001"]
    assert short_names(paths) == ["a/0001", "b/0001"]
    assert short_names(paths[:1]) == ["0001"]


@given(ITERATIONS, st.integers(3, 12))
def test_iterations_that_are_chosen(available, most):
    chosen = chosen_iterations(available, most)
    everything = {one for iterations in available for one in iterations}
    assert len(chosen) <= most and chosen == sorted(set(chosen)) and set(chosen) <= everything
    if everything:
        assert {min(everything), max(everything)} <= set(chosen)
        shared = set.intersection(*map(set, available))
        assert not shared or max(shared) in chosen
    for moment, row in zip(chosen, frames(available, chosen)):
        for iterations, at in zip(available, row):
            earlier = [one for one in iterations if one <= moment]
            assert at == (max(earlier) if earlier else None)


def test_iterations_are_spread_evenly_over_what_all_runs_have():
    chosen = chosen_iterations([range(0, 1001, 10), range(0, 1001, 25)], 11)
    assert chosen == [0, 50, 150, 250, 400, 500, 600, 750, 850, 950, 1000]
