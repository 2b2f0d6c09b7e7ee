"""The comparison's command line and the files that it leaves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tools.reference.comparison.cli import main

SMALL = ["--image-size", "16", "--ngf", "4", "--ndf", "4", "--nz", "5", "--batch-size", "4", "--limit", "9"]


@pytest.mark.slow
def test_the_tool_writes_a_table_json_csv_and_figures_that_agree(require_torch, tmp_path, capsys):
    require_torch()
    out = tmp_path / "report"
    words = ["--preset", "gluon", "paper", "--eps-rule", "mxnet", *SMALL]
    words += ["--critic-steps", "2", "--generator-steps", "2", "--cache-dir", str(tmp_path / "cache")]
    assert main([*words, "--out", str(out)]) == 0
    files = {path.name for path in out.iterdir()}
    assert files == {"gluon.svg", "paper.svg", "trajectory.csv", "trajectory.json"}

    written = json.loads((out / "trajectory.json").read_text())
    assert written["command"].startswith("python tools/compare_with_pytorch.py --preset gluon paper --eps-rule mxnet")
    assert set(written["versions"]) == {"gluon_wgan", "mxnet", "torch", "numpy", "python"}
    gluon, paper = (written["presets"][name] for name in ("gluon", "paper"))
    assert gluon["config"]["running_var"] == "unbiased"
    assert paper["reference_options"]["clip_when"] == "after"
    with (out / "trajectory.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["preset"] for row in rows} == {"gluon", "paper"}
    for step in paper["steps"]:
        for who, groups in step["differences"].items():
            for group, measures in groups.items():
                key = ("paper", str(step["step"]), who, group)
                listed = [row for row in rows if (row["preset"], row["step"], row["contender"], row["group"]) == key]
                assert len(listed) >= (0 if group == "statistics" else 1)
                for measure, spread in measures.items():
                    largest = max((float(row[measure]) for row in listed), default=0)
                    assert spread["largest"] == pytest.approx(largest, rel=1e-5)
    for name in ("gluon", "paper"):
        assert ET.parse(out / f"{name}.svg").getroot().get("viewBox") == "0 0 800 520"
    printed = capsys.readouterr().out
    assert "paper: 4 critic and 2 generator steps, 16x16, batch 4" in printed
    largest = paper["summary"]["max_rel"]["gradients"]["largest"]
    assert f"{largest:.1e}" in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--steps", "5", "--critic-steps", "2"], "own schedule"),
        (["--steps", "0"], "--steps 0 is too few"),
        (["--generator-steps", "-1"], "--generator-steps -1"),
        (["--preset", "nonsense"], "no preset 'nonsense'"),
        (["--gen-iters", "5"], "--gen-iters does not apply to this comparison"),
        (["--running-var", "population"], "--running-var population has no counterpart"),
        (["--dataset", "folder"], "needs --data-root"),
        (["--image-size", "48"], "--image-size 48"),
        (["--limit", "3"], "--batch-size"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_before_anything_is_made(words, sentence, require_torch, tmp_path, capsys):
    require_torch()
    out = tmp_path / "report"
    assert main([*SMALL, "--cache-dir", str(tmp_path / "cache"), *words, "--out", str(out)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("compare_with_pytorch.py: ")]
    assert sentence in line and line.endswith(".")
    assert not out.exists()


def test_unknown_flags_are_refused_under_the_tools_own_name(tmp_path, capsys):
    for words in (["--nonsense"], ["--steps", "many"], ["--batch-size", "x"]):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--out", str(tmp_path / "report")])
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("compare_with_pytorch.py: ")


def test_an_existing_folder_is_left_as_it_is(require_torch, tmp_path, capsys):
    require_torch()
    (tmp_path / "mine.txt").write_text("precious")
    assert main([*SMALL, "--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_ctrl_c_leaves_no_empty_folder_behind(require_torch, tmp_path, capsys, monkeypatch):
    require_torch()
    from tools.reference.comparison import run

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "trace", stopped)
    assert main([*SMALL, "--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path / "report")]) == 130
    assert "compare_with_pytorch.py: Stopped." in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_without_torch_one_sentence_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main([*SMALL, "--out", str(tmp_path / "report")]) == 2
    assert capsys.readouterr().err.startswith("compare_with_pytorch.py: The reference needs PyTorch")


def test_the_script_itself_runs(repository: Path):
    script = repository / "tools" / "compare_with_pytorch.py"
    run = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, cwd="/")
    assert run.returncode == 0 and "--critic-steps" in run.stdout


@pytest.mark.slow
def test_presets_may_be_named_one_by_one_and_reports_get_free_folders(require_torch, tmp_path, monkeypatch):
    require_torch()
    monkeypatch.chdir(tmp_path)
    words = [*SMALL, "--cache-dir", str(tmp_path / "cache"), "--preset", "paper", "--preset", "gluon"]
    for number in (1, 2):
        assert main(words) == 0
        folder = tmp_path / "runs" / f"trajectory-{number}"
        assert sorted(path.stem for path in folder.glob("*.svg")) == ["gluon", "paper"]
