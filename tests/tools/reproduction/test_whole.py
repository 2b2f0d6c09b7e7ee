"""From trained runs to the page, and the committed page against its own result files."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys

import pytest

from gluon_wgan.utils import atomic_files
from tests.conftest import REPOSITORY
from tests.tools.reproduction.committed import check_page
from tools.reproduction import cli, training
from tools.reproduction.plan import read_plan
from tools.reproduction.results import read_rows

pytestmark = pytest.mark.slow


def test_a_trained_plan_of_all_names_becomes_a_page_and_the_same_page_again(whole, tool, monkeypatch):
    monkeypatch.setattr(training, "_train", None)  # everything has been trained
    template = cli.PAGE.read_bytes()
    status, printed, said = tool("--plan", whole.file, "--out", whole.out)
    assert status == 0, said
    page = whole.out / "exploration.md"
    assert printed == f"Wrote {page} and {whole.out / 'exploration'}\n"
    blocks = check_page(page, whole.plan)
    assert all(f"<!-- {name} -->" in template.decode() for name in blocks)
    assert "Not in this plan" not in page.read_text()
    assert cli.PAGE.read_bytes() == template

    rows = read_rows(whole.out / "exploration" / "results.csv")
    assert {row.run for row in rows} == {
        *whole.plan.runs,
        *whole.plan.starts,
        *(f"data-{resize}" for resize in ("pil-bilinear", "pil-bicubic", "cv2-bilinear", "cv2-bicubic", "cv2-area")),
    }
    assert all(math.isfinite(row.value) for row in rows)
    with (whole.out / "exploration" / "runs.csv").open(newline="") as file:
        runs = {(line["run"], int(line["seed"])): line for line in csv.DictReader(file)}
    assert set(runs) == {(task.run.name, task.seed) for task in whole.tasks}
    for task in whole.tasks:
        line, last = runs[task.run.name, task.seed], task.checkpoint(task.run.moments[-1])
        assert line["generator_sha256"] == atomic_files.sha256_of(last / "generator.params")
        assert int(line["critic_steps"]) == training._critic_steps(task, task.run.moments[-1])
        assert line["flags"] == " ".join(training.flags_of(task.run.options))
    assert runs["wgan", 0]["options_sha256"] != runs["wgan", 1]["options_sha256"]
    assert runs["wgan", 0]["images_sha256"] != runs["cv2-area", 0]["images_sha256"]
    about = json.loads((whole.out / "exploration" / "surroundings.json").read_text())
    assert about["plan_sha256"] == atomic_files.sha256_of(whole.file) and about["count"] == 512

    before = {path: path.read_bytes() for path in (page, *(whole.out / "exploration").iterdir())}
    assert tool("--plan", whole.file, "--out", whole.out)[0] == 0
    assert {path: path.read_bytes() for path in before} == before

    # A number changed by hand, in the page or in the files, is noticed.
    text = page.read_text()
    for path in (page, whole.out / "exploration" / "results.csv"):
        changed = path.read_text().replace("data-pil-bilinear,0,0,swd,", "data-pil-bilinear,0,0,swd,9")
        path.write_text(changed.replace("real training images |  |  | ", "real training images |  |  | 9"))
        with pytest.raises(AssertionError):
            check_page(page, whole.plan)
        path.write_bytes(before[path])
    assert page.read_text() == text


def test_a_part_of_the_quick_plan_trained_by_its_command_becomes_a_page(plan_file, tmp_path):
    text = (REPOSITORY / "plans" / "quick.toml").read_text(encoding="utf-8")
    kept = ("[runs.wgan]", "[runs.cv2-bilinear]", "[starts.eps-1e-8]")
    common, *parts = re.split(
        r"^(?=\[(?:runs|starts)\.)", text.replace("seeds = [0, 1]", "seeds = [0]"), flags=re.MULTILINE
    )
    file = plan_file(common + "".join(part for part in parts if part.startswith(kept)))
    words = [sys.executable, REPOSITORY / "tools" / "reproduce.py", "--plan", file, "--out", tmp_path / "out"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    check_page(tmp_path / "out" / "exploration.md", read_plan(file))
    runs = (tmp_path / "out" / "exploration" / "runs.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in runs[1:]] == [["cv2-bilinear", "0"], ["wgan", "0"]]


def test_the_quick_plan_has_every_run_that_the_page_asks_for():
    assert (
        read_plan(REPOSITORY / "plans" / "quick.toml").runs.keys()
        >= read_plan(REPOSITORY / "plans" / "standard.toml").runs.keys()
    )


def test_the_committed_page_is_what_the_committed_results_give():
    page = REPOSITORY / "docs" / "exploration.md"
    if not (page.with_suffix("") / "results.csv").is_file():
        pytest.skip("docs/exploration/ holds no results yet: python tools/reproduce.py --plan standard writes them")
    plan = REPOSITORY / "plans" / "standard.toml"
    check_page(page, read_plan(plan))
    about = json.loads((page.with_suffix("") / "surroundings.json").read_text(encoding="utf-8"))
    assert about["plan_sha256"] == atomic_files.sha256_of(plan), "the plan has changed since the page was written"
