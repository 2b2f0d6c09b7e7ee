"""tools/reproduce.py: what a user can get wrong is said in one sentence, with exit status 2."""

from __future__ import annotations

import fcntl
import os

import pytest

from tools.reproduction import cli
from tools.reproduction.training import command


def refused(tool, *words, expected: int = 2) -> str:
    status, out, said = tool(*words)
    lines = said.splitlines()
    assert status == expected and out == "" and len(lines) == 1, said
    assert lines[0].startswith("reproduce.py: ") and lines[0].endswith(".")
    return lines[0]


def test_wrong_words_are_refused_before_anything_is_made(tool, plan_file, tmp_path):
    plan, out = plan_file(), tmp_path / "out"
    known = "choose one of confirmation, epsilon, epsilon-64, full, others, photographs, photographs-64, port, quick"
    assert f"There is no plan nonsense: {known}" in refused(tool, "--plan", "nonsense")
    assert "There is no plan" in refused(tool, "--plan", tmp_path / "none.toml")
    assert "--plan" in refused(tool)
    assert "has no run 'x': choose one of wgan, gp, begin" in refused(tool, "--plan", plan, "--out", out, "--only", "x")
    for jobs in (0, -3):
        assert f"--jobs {jobs} trains nothing" in refused(tool, "--plan", plan, "--out", out, "--jobs", jobs)
    assert "many" in refused(tool, "--plan", plan, "--out", out, "--jobs", "many")
    assert "nowhere" in refused(tool, "--plan", plan, "--out", out, "--data", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(tool, "--plan", plan, "--out", out, "--data", tmp_path / "empty")
    assert "'first' is no list of GPUs" in refused(tool, "--plan", plan, "--out", out, "--gpus", "first")
    assert "no_such_flag" in refused(tool, "--plan", plan, "--no_such_flag")
    assert not out.exists()


def test_a_missing_gpu_is_refused(tool, plan_file, tmp_path):
    assert "gpus" in refused(
        tool, "--plan", plan_file(), "--out", tmp_path / "out", "--gpus", "63", "--dry-run", expected=3
    )


@pytest.mark.parametrize("where", ["file", "below-file", "/proc/nowhere"])
def test_an_unwritable_out_is_refused(where, tool, plan_file, tmp_path):
    (tmp_path / "file").write_text("mine")
    out = {"file": tmp_path / "file", "below-file": tmp_path / "file" / "out"}.get(where, where)
    assert "name another place" in refused(tool, "--plan", plan_file(), "--out", out)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_second_reproduction_into_one_folder_is_refused(tool, plan_file, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = refused(tool, "--plan", plan_file(), "--out", out)
    assert said == f"reproduce.py: Another process is reproducing into {out}: wait for it, or give another --out."
    assert os.listdir(out) == [".lock"]


def test_a_dry_run_prints_the_command_of_every_run_and_writes_nothing(tool, plan_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed, _ = tool("--plan", plan_file(), "--dry-run")
    out = tmp_path / "runs" / "reproduction" / "tiny"
    assert status == 0 and not out.exists()
    lines = printed.splitlines()
    assert [line.split(" --out ")[1].split()[0] for line in lines] == [
        str(out / "runs" / name) for name in ("wgan-seed0", "gp-seed0", "wgan-seed1")
    ]
    assert all("--threads 1" in line and f"--data {out}/data/train-pil-bilinear" in line for line in lines)
    assert " --seed 1 " in lines[2] and "--preset wgan-gp" in lines[1]


def test_the_command_of_a_plan_is_the_same_from_any_folder(tool, plan_file, tmp_path, monkeypatch):
    file = plan_file()
    printed = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        printed.append(tool("--plan", file, "--out", tmp_path / "out", "--dry-run")[1])
    assert printed[0] == printed[1] != ""


def test_the_page_in_docs_is_that_of_the_standard_plan():
    assert cli.COMMITTED == "standard" and (cli.PLANS / "standard.toml").is_file() and cli.PAGE.is_file()
    assert cli.PAGE.name == "exploration.md" and callable(command)
