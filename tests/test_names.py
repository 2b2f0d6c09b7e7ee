"""Names that others chose, in terminals, logs, tables, spreadsheets and Markdown."""

from __future__ import annotations

import csv
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli import resize_parity as parity_cli
from gluon_wgan.cli.prepare import main as prepare
from gluon_wgan.cli.runner import run_tool
from gluon_wgan.data.store import open_store
from gluon_wgan.reports.template import _MARK, write_page
from gluon_wgan.runs.log import log_to_file
from gluon_wgan.utils import atomic_files
from gluon_wgan.utils.text import csv_name, markdown_text, name_in_csv, printable

EVIL = "\x1b]0;owned\x07\x1b[2Ja\rb\x9b31m\u202e"


def test_control_characters_are_spelled_out() -> None:
    assert printable(EVIL) == r"\x1b]0;owned\x07\x1b[2Ja\rb\x9b31m\u202e"
    assert printable("Zürich, 東京\tand\nso on") == "Zürich, 東京\tand\nso on"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "'=1", "''=1", "'quoted'", "plain.png", "", "'", "\t=1"])
def test_csv_names_are_no_formulas_and_come_back(name: str) -> None:
    assert name_in_csv(csv_name(name)) == name
    assert csv_name(name)[:1] not in tuple("=+-@\t")


def test_markdown_shows_html_and_links_as_text() -> None:
    assert markdown_text("<script>a</script>\n|[x](y)&lt;") == r"&lt;script&gt;a&lt;/script&gt; \|\[x\](y)&amp;lt;"


def test_names_reach_terminal_log_and_tables_without_escape_sequences(tmp_path: Path, capfd) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("=cmd|' calc'!A0.png", "good.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / name)
    (folder / f"@{EVIL}.png").write_bytes(b"no image")
    assert prepare([str(folder), "--out", str(tmp_path / "s"), "--image-size", "16", "--jobs", "1"]) == 0
    assert [name for name, _ in open_store(tmp_path / "s").skipped] == [f"@{EVIL}.png"]
    with (tmp_path / "s" / "skipped.csv").open(newline="") as file:
        assert list(csv.reader(file))[1][0] == f"'@{EVIL}.png"
    words = [str(folder), "--size", "8", "--backends", "pil-box", "--jobs", "1", "--out", str(tmp_path / "p")]
    assert parity_cli.main(words) == 0
    with (tmp_path / "p" / "parity.csv").open(newline="") as file:
        assert {row["image"][0] for row in csv.DictReader(file)} == {"'", "g"}
    assert prepare([str(tmp_path / EVIL), "--out", str(tmp_path / "t")]) == 2
    said = "".join(capfd.readouterr())
    assert r"\x1b]0;owned" in said
    assert not [part for part in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e") if part in said]


def test_the_log_and_what_tools_print_hold_no_escape_sequences(tmp_path: Path, capsys) -> None:
    with log_to_file(tmp_path / "log.txt", f"shown before {EVIL}"):
        logging.getLogger("gluon_wgan").warning("Skipped %s.", EVIL)
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert "\x1b" not in text and text.count(r"\x1b]0;owned\x07") == 2 and "WARNING shown before" in text
    assert run_tool("tool.py", lambda: print(EVIL)) == 0
    assert capsys.readouterr().out == printable(EVIL) + "\n"


def test_an_empty_page_is_replaced_and_a_users_page_is_not(tmp_path: Path) -> None:
    page, mine = tmp_path / "report.html", tmp_path / "mine.html"
    page.touch()
    write_page(page, f"<html>{_MARK}")
    assert _MARK in page.read_text()
    mine.write_text("x")
    with pytest.raises(Exception, match="not a page"):
        write_page(mine, "")
    assert mine.read_text() == "x"


def test_temporary_files_of_killed_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    dead = 2**22 + 1  # beyond the largest process number of Linux
    stale = tmp_path / f".report.html.{dead}.tmp"
    kept = [".report.html.1.tmp", f".other.html.{dead}.tmp", f"report.html.{dead}.tmp", ".report.html.x.tmp"]
    for path in (stale, *(tmp_path / name for name in kept)):
        path.write_text("half")
    write_page(tmp_path / "report.html", _MARK)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "report.html"])


def test_a_store_tells_who_trains_on_it_that_its_backend_aliases(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(noise).save(tmp_path / "in" / "noise.png")
    for backend, warned in (("cv2-nearest", True), ("pil", False)):
        out = tmp_path / backend
        assert prepare([str(tmp_path / "in"), "--out", str(out), "--image-size", "16", "--resize", backend]) == 0
        assert (open_store(out).resize_warning is not None) == warned
        assert ("cv2-nearest aliases" in json.dumps(open_store(out).meta)) == warned


def test_atomic_files_leave_nothing_behind(tmp_path: Path) -> None:
    atomic_files.write_bytes(tmp_path / "a", b"x")
    assert os.listdir(tmp_path) == ["a"]
