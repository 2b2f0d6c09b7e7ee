"""A run's page: complete in itself, true to the run's files, and unmoved by hostile names."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from scipy.signal import medfilt

from gluon_wgan.cli.report import main
from gluon_wgan.errors import UserError
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.utils.formatting import UNKNOWN
from tests.reports.conftest import read_csv, write_metrics
from tests.reports.html import Page, check_closed_off

EVIL = "</script><img src=x onerror=alert(1)>\"'&<b>"


def page_of(path) -> Page:
    return Page(RunPage(RunDirectory(path)).write())


def curve(page: Page, name: str) -> dict:
    return next(one for chart in page.data["charts"] for one in chart["series"] if one["name"] == name)


def test_page_needs_nothing_else_and_tells_the_run(make_run):
    page = page_of(make_run(lr_d=0.25))
    check_closed_off(page)
    for words in ("230 of 400", "cv2-bicubic", "1,234", "abab", "3.11.7", "--resize cv2 aliases <here>", "--a<b>"):
        assert words in page.text
    assert ["--lr-d", "0.25", "0.0002"] in page.rows
    assert [row[1] for row in page.rows if row[0] == "--lr-g"] == ["0.0002"]  # among all, not among the changed
    assert [row[1] for row in page.rows if row[0] == "--lr-d"] == ["0.25", "0.25 changed"]
    assert "skipped 5 " in page.text
    assert [one["at"] for one in page.data["pictures"]] == [0, 100, 200]


def test_curves_are_those_of_metrics_csv(make_run):
    path = make_run(rows=230)
    page, rows = page_of(path), read_csv(path / "metrics.csv")
    assert page.data["axes"][0]["last"] == rows["gen_iter"]
    assert page.data["axes"][0]["seconds"] == pytest.approx(np.cumsum(rows["seconds"]), abs=0.006)
    for name in ("w_estimate", "loss_g", "d_real", "d_fake", "images_per_second"):
        found = curve(page, name)
        assert found["rawLow"] == pytest.approx(rows[name], rel=1e-6)
        assert found["medianLow"][50:-50] == pytest.approx(medfilt(rows[name], 101)[50:-50], rel=1e-6)
    assert [one["name"] for chart in page.data["charts"] for one in chart["series"]] == [
        "w_estimate",
        "loss_g",
        "d_real",
        "d_fake",
        "images_per_second",
    ]


def test_a_long_run_keeps_its_extremes_in_a_small_page(make_run):
    path = make_run(rows=9001)
    page, rows = page_of(path), read_csv(path / "metrics.csv")
    found = curve(page, "loss_g")
    assert len(found["rawLow"]) <= 2000
    assert (min(found["rawLow"]), max(found["rawHigh"])) == pytest.approx((min(rows["loss_g"]), max(rows["loss_g"])))
    assert "every 8 iterations" in page.text
    assert (path / "report.html").stat().st_size < 3_000_000


def test_writing_again_shows_what_is_new(make_run):
    path = make_run(rows=100)
    page = RunPage(RunDirectory(path))
    page.write()
    write_metrics(path / "metrics.csv", 150)
    (path / "evaluation.jsonl").write_text(
        '{"metric": "fid", "value": 41.26, "low": 40.5, "high": 42}\nnot json\n[1]\n'
    )
    parsed = Page(page.write())
    assert parsed.data == page_of(path).data
    assert parsed.data["axes"][0]["rows"] == 150
    assert ["fid", "41.26", "40.50 \N{EN DASH} 42", UNKNOWN, UNKNOWN, ""] in parsed.rows
    assert "2 lines of evaluation.jsonl could not be read" in parsed.text


def test_hostile_names_are_shown_and_do_nothing(make_run):
    path = make_run("run \"'&<b>", data_root=EVIL, dataset="folder")
    line = {"metric": EVIL, "value": EVIL, "low": [], "high": {}, "protocol": {EVIL: {EVIL: EVIL}}}
    (path / "evaluation.jsonl").write_text(json.dumps(line))
    (path / "environment.json").write_text(json.dumps({EVIL: EVIL}))
    (path / "samples" / "fake_1<script>.png").write_bytes(b"")
    page = page_of(path)
    check_closed_off(page)
    assert page.tags.count("img") == 2 and page.tags.count("script") == 2
    assert page.text.count("onerror=alert(1)") >= 4
    assert "run \"'&<b>" in page.text


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"preset": "nobody", "new_option": 3}', '{"data_root": 4}'])
def test_odd_files_beside_it_do_not_stop_a_page(make_run, content):
    path = make_run()
    for name in ("environment.json", "data.json", "environment_iter_000100.json", "evaluation.jsonl"):
        (path / name).write_text(content)
    if content.startswith("{") and len(content) > 1:
        (path / "config.json").write_text(content)
    check_closed_off(page_of(path))


def test_a_run_that_has_just_begun(make_run):
    page = page_of(make_run(rows=0, samples=()))
    check_closed_off(page)
    assert "No generator iteration has ended yet" in page.text and "No samples yet" in page.text


def test_the_dcgan_objective_shows_its_losses(make_run):
    path = make_run(preset="dcgan", gen_iters=400)
    text = (path / "metrics.csv").read_text().splitlines()
    place = text[0].split(",").index("w_estimate")
    rows = [line.split(",") for line in text[1:]]
    lines = [",".join([*row[:place], "nan", *row[place + 1 :]]) for row in rows]
    (path / "metrics.csv").write_text("\n".join([text[0], *lines]) + "\n")
    names = [one["name"] for chart in page_of(path).data["charts"] for one in chart["series"]]
    assert "loss_d" in names and "w_estimate" not in names


def test_resumed_runs_say_what_was_new(make_run):
    path = make_run()
    (path / "environment_iter_000100.json").write_text(
        json.dumps({"python": "3.12.1", "command": ["train_wgan.py", "--a<b>"]})
    )
    page = page_of(path)
    assert "from iter_000100" in page.text and "3.12.1" in page.text
    assert page.text.count("--a<b>") == 1


def test_nothing_foreign_is_overwritten(make_run, caplog):
    path = make_run()
    (path / "report.html").write_text("<p>my notes")
    page = RunPage(RunDirectory(path))
    with pytest.raises(UserError, match="not a page that this project wrote"):
        page.write()
    with caplog.at_level(logging.WARNING, "gluon_wgan"):
        page.write_if_possible()
        page.write_if_possible()
    assert len(caplog.records) == 1
    assert (path / "report.html").read_text() == "<p>my notes"


def test_the_tool_writes_or_says_why_not_in_one_sentence(make_run, tmp_path, capsys):
    path = make_run()
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == f"Wrote {path / 'report.html'}\n"
    (tmp_path / "empty").mkdir()
    broken = make_run("broken")
    (broken / "metrics.csv").unlink()
    (broken / "config.json").write_text((path / "config.json").read_text())
    damaged = make_run("damaged")
    (damaged / "config.json").write_text("{")
    for bad, words in (
        (tmp_path / "empty", "is an empty folder"),
        (tmp_path / "none", "is not a folder"),
        (tmp_path, "has no config.json"),
        (path / "config.json", "is not a folder"),
        (broken, "metrics.csv"),
        (damaged, "config.json"),
    ):
        assert main([str(bad)]) == 2
        said = capsys.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1
        assert said.err.startswith("run_report.py: ") and words in said.err and str(bad) in said.err
