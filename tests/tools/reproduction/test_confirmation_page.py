"""The page of the confirmation, from rows that are committed and from made-up ones; and runs that only have rows."""

from __future__ import annotations

import re

from tests.tools.reproduction.test_confirmation import synthetic
from tools.reproduction import confirmation_page
from tools.reproduction.confirmation import read_folder
from tools.reproduction.confirmation_page import PAGE, ROWS, page
from tools.reproduction.results import Results, Row, write_rows


def cells(text: str, name: str) -> list[str]:
    """Return the cells of a row of a table."""
    [line] = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_committed_page_is_what_the_committed_rows_give():
    assert PAGE.read_text(encoding="utf-8") == page(read_folder(ROWS), read_folder(ROWS / "photographs"))


def test_no_committed_row_is_of_a_seed_of_the_exploration():
    rows = [row for path in ROWS.rglob("*.csv") for row in path.read_text().splitlines()[1:]]
    assert rows and {int(row.split(",")[1]) for row in rows if not row.startswith("data-")} <= set(range(3, 13))


def test_every_row_has_its_word_and_what_is_missing_is_said():
    text = page(synthetic({("cv2-bilinear", "swd"): 9.0}), Results([]))
    assert cells(text, "2a")[2] == "**holds**" and cells(text, "2a")[3].startswith("+8.99 (")
    assert cells(text, "2p")[2:] == ["not measured", "", "", ""]
    assert "**It is not complete: 48 of the 80 runs" in text  # eight runs of six seeds
    assert "| `confirmation` | `wgan` | 3, 4, 5, 6, 7, 8 |" in text
    assert "| `photographs` | `wgan` | none |" in text


def test_with_all_seeds_it_is_complete():
    text = page(synthetic({}, seeds=10), synthetic({}, seeds=5))
    assert "All ten seeds of its first plan are trained." in text and "not complete" not in text


def test_the_page_says_how_the_words_are_meant():
    assert re.search(r"fixed before any of them was trained", page(Results([]), Results([])).replace("\n", " "))


def test_the_command_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(confirmation_page, "PAGE", tmp_path / "confirmation.md")
    confirmation_page.main()
    assert (tmp_path / "confirmation.md").read_bytes() == PAGE.read_bytes()


def test_a_run_that_has_rows_alone_is_not_trained_again(tool, plan_file, tmp_path):
    out = tmp_path / "out"
    for seed in (0, 1):
        write_rows(out / "rows" / f"wgan-seed{seed}.csv", [Row("wgan", seed, 8, "swd", 12.5)])
    status, printed, said = tool("--plan", plan_file(), "--out", out, "--only", "wgan")
    assert status == 0, said
    assert "2 runs were measured before and are not trained again" in printed
    assert "wgan,0,8,swd,12.5" in printed.splitlines() and not (out / "runs").exists()
