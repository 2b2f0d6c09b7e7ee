"""What README and documents point at exists, and what they say to type works."""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional
from urllib.parse import unquote

import matplotlib.pyplot
import pytest

import gluon_wgan
from gluon_wgan.cli.flags import chosen_options
from gluon_wgan.cli.train import resolve
from tests.docs.markdown import PAGES, REPOSITORY, Command, anchors, commands, python_blocks, targets

MAX_IMAGE_BYTES = 300_000
MAX_ANIMATION_BYTES = 1_000_000


def name_of(value: object) -> str:
    return str(value.relative_to(REPOSITORY)) if isinstance(value, Path) else ""


def broken(page: Path) -> list[str]:
    """Return the targets of a page that point at nothing."""
    found = []
    for target in targets(page):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_and_anchor_points_at_something(page: Path) -> None:
    assert not broken(page)


def test_what_points_at_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What is *it*, `--now`?\n## Again\n## Again\n[a](#what-is-it---now) [b](page.md#again-1) [c](https://x.y/#z)\n\n"
        "[d](none.md) ![e](none.png) [f](page.md#again-2)\n\n```\n[g](code.md)\n```\n\n| [h](none.csv) |\n|---|\n"
    )
    assert broken(page) == ["none.md", "none.png", "page.md#again-2", "none.csv"]


def test_the_readmes_name_each_other_first_and_show_the_same() -> None:
    english, chinese = REPOSITORY / "README.md", REPOSITORY / "README.zh-CN.md"
    for page, other in ((english, chinese), (chinese, english)):
        assert f"({other.name})" in page.read_text(encoding="utf-8").splitlines()[0]
    assert commands(english) == commands(chinese)
    assert python_blocks(english) == python_blocks(chinese)
    assert targets(english)[1:] == targets(chinese)[1:]
    one, two = (re.findall(r"\d[\d,.]*\d", page.read_text(encoding="utf-8")) for page in (english, chinese))
    assert sorted(one) == sorted(two)


def test_images_stay_small() -> None:
    images = sorted((REPOSITORY / "docs").rglob("*.png")) + sorted((REPOSITORY / "docs").rglob("*.svg"))
    assert len(images) > 5
    assert not [image.name for image in images if image.stat().st_size > MAX_IMAGE_BYTES]
    animations = sorted((REPOSITORY / "docs").rglob("*.gif"))
    assert animations
    assert not [image.name for image in animations if image.stat().st_size > MAX_ANIMATION_BYTES]


BLOCKS = [(page, code) for page in PAGES for code in python_blocks(page)]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "code"), BLOCKS, ids=name_of)
def test_python_blocks_run_in_a_fresh_process(page: Path, code: str, place_with_a_run: Path) -> None:
    # A thousand iterations take longer than a test may.
    trained = code.replace("import gluon_wgan\n", 'import gluon_wgan\ngluon_wgan.train = lambda _: "runs/0001"\n', 1)
    program = trained if "gen_iters=1000" in code else code
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=place_with_a_run,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


NOTEBOOKS = sorted((REPOSITORY / "docs").rglob("*.ipynb"))
# As little of a run as the notebook's cells need.
LITTLE: dict[str, Any] = {
    "ngf": 4,
    "ndf": 4,
    "batch_size": 8,
    "limit": 32,
    "n_critic": 1,
    "warmup_iters": 0,
    "sample_every": 1,
}


@pytest.mark.slow
@pytest.mark.parametrize("page", NOTEBOOKS, ids=name_of)
def test_notebooks_run_and_keep_no_outputs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = gluon_wgan.train

    def train_less(*arguments: Any, resume: Optional[Path] = None, **options: Any) -> Path:
        less = {**options, **LITTLE, "cache_dir": str(tmp_path / "cache"), "gen_iters": 2 if resume is None else 3}
        return train(*arguments, resume=resume, **less)

    monkeypatch.setattr(gluon_wgan, "train", train_less)
    monkeypatch.chdir(tmp_path)
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    with matplotlib.rc_context({"backend": "agg"}):
        exec(compile("\n".join("".join(cell["source"]) for cell in code), str(page), "exec"), {"__name__": "__main__"})
        matplotlib.pyplot.close("all")


# The authors' scripts, and LSUN's.
OF_OTHERS = ("main.py", "generate.py", "download.py")
COMMANDS = {command: page for page in PAGES for command in commands(page)}


def command_name(value: object) -> str:
    return " ".join([value.script, *value.words])[:60] if isinstance(value, Command) else ""


class Parsed(Exception):
    """The parser has accepted everything."""


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs a script until its parser has read its words, and returns what it read."""
    original = argparse.ArgumentParser.parse_args

    def parse_args(self, *arguments, **more):
        raise Parsed(original(self, *arguments, **more))

    def run(command: Command) -> argparse.Namespace:
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        monkeypatch.setattr(sys, "argv", [command.script, *command.words])
        monkeypatch.setattr(sys, "path", list(sys.path))
        # A script lets Ctrl-C end Python while its modules are imported.
        before = signal.getsignal(signal.SIGINT)
        try:
            with pytest.raises(Parsed) as parsed:
                runpy.run_path(str(REPOSITORY / command.script), run_name="__main__")
        finally:
            signal.signal(signal.SIGINT, before)
        return parsed.value.args[0]

    return run


def test_commands_are_found_in_blocks_and_sentences() -> None:
    assert len(COMMANDS) > 60
    assert len({command.script for command in COMMANDS}) > 12


@pytest.mark.parametrize("command", COMMANDS, ids=command_name)
def test_commands_parse(command: Command, parse) -> None:
    if command.script in OF_OTHERS:
        return
    assert (REPOSITORY / command.script).is_file(), COMMANDS[command]
    if not command.script.startswith(("train_wgan.py", "tools/")):
        return
    arguments = parse(command)
    given = set(command.words)
    if command.script == "train_wgan.py" and not given & {"--resume", "--branch", "--data"}:
        resolve(chosen_options(arguments), None)


@pytest.mark.parametrize(
    "words", [("--resize-with", "pil"), ("--batch-size", "many"), ("--crop",)], ids=lambda words: words[0]
)
def test_a_command_that_would_be_refused_is_found(words: tuple[str, ...], parse) -> None:
    with pytest.raises(SystemExit):
        parse(Command("train_wgan.py", words))
