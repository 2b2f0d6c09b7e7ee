"""Commands in messages work where the reader is: scripts in a clone, sub-commands of gluon-wgan elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import gluon_wgan
from gluon_wgan import commands


@pytest.mark.parametrize(
    ("started_as", "named"),
    [
        ("/usr/bin/gluon-wgan", "gluon-wgan evaluate"),
        (str(Path(commands.__file__).with_name("__main__.py")), "gluon-wgan evaluate"),
        # `python -m pytest`, and every other package that can be run.
        ("/usr/lib/python3/pytest/__main__.py", "evaluate.py"),
        ("tools/evaluate.py", "evaluate.py"),
        ("", "evaluate.py"),
    ],
)
def test_the_name_in_a_clone_follows_how_the_program_was_started(
    started_as: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started_as])
    assert commands.program("evaluate") == named


def test_outside_a_clone_every_script_becomes_a_sub_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "__file__", str(tmp_path / "gluon_wgan" / "commands.py"))
    monkeypatch.setattr(sys, "argv", ["my_script.py"])
    text = "; ".join(f"python {script} x, or `{script}`" for script in commands.SCRIPTS.values())
    assert commands.localize(text) == "; ".join(
        f"gluon-wgan {name} x, or `gluon-wgan {name}`" for name in commands.SCRIPTS
    )
    assert not any(script in commands.localize(text) for script in commands.SCRIPTS.values())


def test_in_another_folder_the_scripts_are_named_with_their_clone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clone, text = Path(commands.__file__).parents[1], "Continue with: python train_wgan.py --resume r"
    monkeypatch.setattr(sys, "argv", [str(clone / "train_wgan.py")])
    monkeypatch.chdir(clone)
    assert commands.localize(text) == text
    monkeypatch.chdir(tmp_path)
    assert commands.localize(text) == f"Continue with: python {clone}/train_wgan.py --resume r"
    tmp_path.rmdir()
    assert commands.localize(text) == f"Continue with: python {clone}/train_wgan.py --resume r"


def test_an_extra_is_installed_from_the_clone_or_the_wheels_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "run `pip install 'gluon-wgan[torch]'`."
    clone = Path(commands.__file__).parents[1]
    monkeypatch.chdir(clone)
    assert commands.localize(text) == "run `pip install -e '.[torch]'`."
    monkeypatch.chdir(tmp_path)
    assert commands.localize(text) == f"run `pip install -e '{clone}[torch]'`."
    monkeypatch.setattr(commands, "__file__", str(tmp_path / "gluon_wgan" / "commands.py"))
    wheel = f"gluon_wgan-{gluon_wgan.__version__}-py3-none-any.whl"
    assert commands.localize(text) == f"run `pip install '{wheel}[torch]'`."
