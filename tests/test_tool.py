"""What every command-line tool does around its work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.tool import SentenceParser, run_tool

SCRIPT = """
import sys
from gluon_wgan.tool import run_tool
sys.exit(run_tool("some.py", lambda: print("words")))
"""


def raising(error: BaseException):
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(("own", "status"), [(None, 0), (0, 0), (1, 1), (143, 143)])
def test_the_works_own_status_is_the_tools(own, status, capsys):
    assert run_tool("some.py", lambda: own) == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (UserError("There is no x: name another."), 2, "There is no x: name another."),
        (ImportError("MXNet is missing."), 2, "MXNet is missing."),
        (OSError(28, "No space left on device"), 2, "No room: No space left on device"),
        (KeyboardInterrupt(), 130, "Stopped, and kept."),
    ],
)
def test_an_error_is_one_sentence(error, status, sentence, capsys):
    def unwritable(met: OSError) -> str:
        return f"No room: {met.strerror}"

    assert run_tool("some.py", raising(error), stopped="Stopped, and kept.", unwritable=unwritable) == status
    assert capsys.readouterr() == ("", f"some.py: {sentence}\n")


def test_what_nobody_foresaw_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_tool("some.py", raising(ZeroDivisionError()))


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["met as it is flushed", "met as it is printed"])
def test_a_closed_pipe_is_no_error(unbuffered, repository):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=repository,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_parser_says_one_sentence_and_guesses_no_flags(capsys):
    parser = SentenceParser(prog="some.py", description="First line.\n  Second line.")
    parser.add_argument("--seed", type=int)
    for words in (["--see", "1"], ["--seed", "x"]):
        with pytest.raises(SystemExit) as stopped:
            parser.parse_args(words)
        assert stopped.value.code == 2
        printed, said = capsys.readouterr()
        assert printed == "" and said.count("\n") == 1
        assert said.startswith("some.py: ") and said.endswith("; --help lists the options.\n")
    assert "First line.\n  Second line." in parser.format_help()
