"""What every command-line tool does around its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.errors import UserError

NO_TOOLS = ("__init__.py", "document_options.py")
SCRIPT = """
import sys
from gluon_wgan.cli.runner import run_tool
sys.exit(run_tool("some.py", lambda: print("words")))
"""
# Prints enough to fill a pipe, and opens its file first, so that this gets the lowest free descriptor.
LONG_WORK = """
import sys
from gluon_wgan.cli.runner import run_tool

def work():
    with open("result", "w") as file:
        for number in range(20_000):
            print(number, "of 20,000")
            print(number, file=sys.stderr)
        file.write("done")

sys.exit(run_tool("some.py", work))
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
        (
            ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
            2,
            "The system library libGL.so.1 is missing: install it (on Debian and Ubuntu, OpenCV needs "
            "`apt-get install libgl1 libglib2.0-0`), then run the same again.",
        ),
        (
            MemoryError(),
            2,
            "There is not enough memory: free some, raise the limit (`ulimit -v`), or ask for less at once.",
        ),
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


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["met as it is flushed", "met as it is printed"])
@pytest.mark.parametrize("redirection", ["| true", "2>&1 | true", ">&-", "2>&-", ">&- 2>&- <&-"])
def test_work_is_done_whether_or_not_anybody_reads_what_it_prints(redirection, unbuffered, tmp_path, repository):
    done = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {redirection}; echo "${{PIPESTATUS[0]}}" > status', sys.executable, LONG_WORK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Error" not in done.stderr
    assert (tmp_path / "status").read_text() == "0\n"
    # A descriptor that was closed was not given to the file, into which a print would have gone.
    assert (tmp_path / "result").read_text() == "done"


def test_results_that_a_full_disk_refuses_are_reported(repository):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=repository,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No space left on device: make room on that disk" in done.stderr


def test_a_pipe_between_other_processes_that_breaks_is_no_success(capsys):
    assert run_tool("some.py", raising(BrokenPipeError(32, "Broken pipe"))) == 2
    assert "Broken pipe" in capsys.readouterr().err


def test_a_slow_reader_of_a_non_blocking_pipe_gets_everything(repository):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    code = SCRIPT.replace('print("words")', 'print("x" * 1_000_000, file=sys.stderr)')
    process = subprocess.Popen([sys.executable, "-c", code], cwd=repository, stderr=writer)
    os.close(writer)
    with open(reader) as pipe:
        assert pipe.read() == "x" * 1_000_000 + "\n"
    assert process.wait(timeout=300) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Bild\u00e9", os.fsdecode(b"odd\xe9")], ids=["another language", "no character"])
def test_names_that_the_locale_cannot_print_end_nothing(name, repository):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace('print("words")', "print(sys.argv[1])"), name],
        cwd=repository,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("ascii").encode().decode("unicode_escape").strip() == name


@pytest.mark.slow
def test_a_program_stops_without_a_traceback_while_its_modules_are_imported(tmp_path, repository):
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    tools = [path for path in sorted((repository / "tools").glob("*.py")) if path.name not in NO_TOOLS]
    commands = [[str(script)] for script in (repository / "train_wgan.py", *tools)]
    installed = tmp_path / "gluon-wgan"  # as pip writes it
    installed.write_text("import sys\nfrom gluon_wgan.cli.main import main\nsys.exit(main())\n")
    for command in (*commands, ["-m", "gluon_wgan", "evaluate"], [str(installed), "evaluate"]):
        done = subprocess.run(
            [sys.executable, *command, "x"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, repository)))},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (-signal.SIGINT, ""), command


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["tools/resize_parity.py"], ["-m", "gluon_wgan", "resize-parity"]], ids=["script", "command"]
)
def test_a_missing_system_library_of_opencv_is_named_with_what_to_install(command, tmp_path, repository):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file: No such file')\n")
    done = subprocess.run(
        [sys.executable, *command, "--out", str(tmp_path / "page")],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not (tmp_path / "page").exists()
    [line] = done.stderr.splitlines()
    assert "The system library libGL.so.1 is missing" in line and "apt-get install libgl1" in line
