"""A run's page: complete in itself, true to the run's files, and unmoved by hostile names."""

from __future__ import annotations

import base64
import io
import json
import logging
from typing import Any, Optional

import numpy as np
import pytest
from PIL import Image
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
    hashed = next(text for text in page.texts if text.startswith("ab"))
    assert hashed == "ab" * 5 + "…" and "ab" * 32 in page.texts
    assert [one["at"] for one in page.data["grids"]] == [0, 100, 200]


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
    assert ["fid", "41.2640.50 \N{EN DASH} 42", UNKNOWN, UNKNOWN] in parsed.rows
    assert "2 lines of evaluation.jsonl could not be read" in parsed.text


def test_metrics_stand_with_their_protocol_once_and_their_history(make_run):
    path, digest = make_run(), "0f" * 32
    protocol = {"real": {"content_sha256": digest}, "seed": 0}
    lines = [evaluated("fid", value, at, protocol | {"k": 5}) for at, value in ((100, 90.0), (200, 40.0), (100, 80.0))]
    lines += [evaluated("swd", value, at, protocol) for at, value in ((100, 9.0), (200, None))]
    lines += [evaluated("fid", 35.0, 200, protocol | {"k": 5, "ema": 0.99})]
    (path / "evaluation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = page_of(path)
    check_closed_off(page)
    assert page.text.count(digest) == 1 and page.text.count("k 5") == 1
    rows = [row for row in page.rows if row[0].startswith(("fid", "swd"))]
    assert rows[:3] == [
        ["fid", "80.0079.00 \N{EN DASH} 81.00", "1.500", "100"],
        ["fidema 0.99", "35.0034.00 \N{EN DASH} 36.00", "1.500", "200"],
        ["swd", UNKNOWN, "1.500", "200"],
    ]
    assert len(rows) == 3 + len(lines)
    (chart,) = page.data["evaluations"]
    assert [(one["label"], one["at"], one["values"], one["baseline"]) for one in chart["series"]] == [
        ("fid", [100, 200], [80.0, 40.0], 1.5),
        ("fid ema 0.99", [200], [35.0], 1.5),
    ]
    assert chart["series"][0]["low"] == [79.0, 39.0] and chart["series"][0]["high"] == [81.0, 41.0]


def evaluated(metric: str, value: Optional[float], at: int, protocol: dict[str, Any]) -> dict[str, Any]:
    interval = {} if value is None else {"low": value - 1, "high": value + 1}
    where = {"checkpoint": f"iter_{at:06d}", "weights_sha256": "ee" * 32}
    rest = {"baseline": {"value": 1.5}, "protocol": protocol, "evaluated": where}
    return {"metric": metric, "value": value, **interval, **rest}


def test_the_last_grids_are_in_the_page_itself(make_run):
    path = make_run(ema=0.99)
    for stem, level in (("ema_000100", 10), ("ema_000200", 200)):
        Image.new("RGB", (146, 146), (level, 0, 90)).save(path / "samples" / f"{stem}.png")
    page = page_of(path)
    check_closed_off(page)
    inside = [link for link in page.loads if link.startswith("data:image/jpeg;base64,")]
    pixels = [np.asarray(Image.open(io.BytesIO(base64.b64decode(link.split(",")[1])))).astype(int) for link in inside]
    assert len(inside) == 3 and np.abs(pixels[1] - (200, 0, 90)).max() <= 3
    for copy, name in ((pixels[0], "fake_000200"), (pixels[2], "real")):
        whole = np.asarray(Image.open(path / "samples" / f"{name}.png")).astype(int)
        assert (
            copy.shape == whole.shape and np.abs(copy - whole).mean() < 8
        )  # white noise is hardest; another image would be off by 85
    assert [one.get("averaged") for one in page.data["grids"]] == [
        None,
        "samples/ema_000100.png",
        "samples/ema_000200.png",
    ]
    assert "averaged generator, decay 0.99" in page.text


def test_workers_hosts_and_engine_come_first(make_run):
    path = make_run()
    about = {"kvstore": "dist_sync", "workers": 3, "servers": 1, "hosts": ["one", "two", "two"]}
    (path / "environment.json").write_text(json.dumps(about))
    page = page_of(path)
    assert "workers 3 on one, two" in page.text and "engine dist_sync" in page.text
    (path / "environment.json").write_text(json.dumps({**about, "engine": "ring", "hosts": None}))
    assert "workers 3 engine ring" in page_of(path).text


def test_hostile_names_are_shown_and_do_nothing(make_run):
    path = make_run("run \"'&<b>", data_root=EVIL, dataset="folder")
    line = {"metric": EVIL, "value": EVIL, "low": [], "high": {}, "protocol": {EVIL: {EVIL: EVIL}}}
    (path / "evaluation.jsonl").write_text(json.dumps(line))
    (path / "environment.json").write_text(json.dumps({EVIL: EVIL}))
    (path / "samples" / "fake_1<script>.png").write_bytes(b"")
    page = page_of(path)
    check_closed_off(page)
    assert page.tags.count("img") == 2 and page.tags.count("script") == 2  # samples and real images
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
