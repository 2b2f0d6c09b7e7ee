"""Accidents around a run: lost terminals, signals, file systems without locks, starts that are refused or die."""

from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.errors import UserError, remedy, shell_word
from gluon_wgan.runs import checkpoints
from gluon_wgan.runs.directory import RunDirectory, refuse_taken
from gluon_wgan.training.signals import InterruptWatch
from gluon_wgan.utils import atomic_files, locks
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

SMALL = (
    "--image-size 16 --ngf 4 --ndf 4 --batch-size 8 --limit 24 --n-critic 1 --warmup-iters 0 --boost-every 0 "
    "--threads 1 --jobs 1 --sample-every 1000000"
)
ENDLESS = ("--gen-iters", "10000000")
FLOCK = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
int flock(int descriptor, int operation) { errno = atoi(getenv("FLOCK_ERRNO")); return -1; }
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def words(cache, tmp_path):
    """Return a function from further words to a command that trains a small run into tmp_path/run."""

    def command(*more: str) -> list[str]:
        places = ("--cache-dir", str(cache), "--out", str(tmp_path / "run"))
        return [sys.executable, str(REPOSITORY / "train_wgan.py"), *SMALL.split(), *places, *more]

    return command


def start(command: Sequence[str], **more) -> subprocess.Popen[str]:
    return subprocess.Popen(command, text=True, **{"stdin": subprocess.DEVNULL, **more})


def wait_for_rows(run: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if (run / "metrics.csv").exists() and (run / "metrics.csv").read_text().count("\n") > 2:
            return
        time.sleep(0.05)
    raise AssertionError("the run did not begin")


def names(run: Path) -> list[str]:
    return [path.name for path in checkpoints.list_checkpoints(run / "checkpoints")]


def test_a_log_reader_that_ends_does_not_end_the_run(words, tmp_path):
    process = start(words("--gen-iters", "3"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=300) == 0
    assert names(tmp_path / "run") == ["iter_000003"]
    assert "Finished 3 generator iterations" in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_saves_and_gives_its_status_though_nobody_reads(words, tmp_path, signum):
    process = start(words(*ENDLESS), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.close()
    wait_for_rows(tmp_path / "run", process)
    process.send_signal(signum)
    assert process.wait(timeout=300) == 128 + signum
    (name,) = names(tmp_path / "run")
    checkpoints.check_checkpoint(tmp_path / "run" / "checkpoints" / name)
    assert f"saved {tmp_path / 'run' / 'checkpoints' / name}" in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.parametrize("ignored", [False, True], ids=["plain", "nohup"])
def test_a_lost_terminal_saves_the_run_or_is_ignored_as_nohup_wants(words, tmp_path, ignored):
    master, terminal = pty.openpty()
    code = "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    if ignored:
        code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + code
    length = ("--gen-iters", "200") if ignored else ENDLESS
    process = start(
        [sys.executable, "-c", code, *words(*length)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    run = tmp_path / "run"
    wait_for_rows(run, process)
    os.close(master)
    assert process.wait(timeout=300) == (0 if ignored else 128 + signal.SIGHUP)
    assert len(names(run)) == 1 and (names(run) == ["iter_000200"]) == ignored


def test_further_signals_wait_for_the_save_and_say_so(capfd):
    with InterruptWatch() as watch:
        for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), signum)
        assert watch.signum == signal.SIGHUP
    said = capfd.readouterr().err
    assert said.count("Stopping after this step, and saving.") == 1 and said.count("Still saving") == 3
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_a_file_system_without_locks_is_warned_of_once(words, tmp_path, compile_library, number):
    library = compile_library(tmp_path / "libflock.so", FLOCK)
    environment = {**os.environ, "LD_PRELOAD": str(library), "FLOCK_ERRNO": str(number)}
    own_cache = ("--cache-dir", str(tmp_path / "own cache"), "--gen-iters", "1")
    process = start(words(*own_cache), env=environment, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert said.count("has no locks") == 1 and os.strerror(number) in said


def test_only_a_held_lock_means_another_process(words, tmp_path, compile_library):
    library = compile_library(tmp_path / "libflock.so", FLOCK)
    environment = {**os.environ, "LD_PRELOAD": str(library), "FLOCK_ERRNO": str(errno.EWOULDBLOCK)}
    assert start(words("--gen-iters", "1")).wait(timeout=300) == 0
    command = [*words()[:2], "--resume", str(tmp_path / "run"), "--gen-iters", "2"]
    process = start(command, env=environment, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2 and "Another process is training into" in said


def test_a_lock_excludes_and_its_absence_is_told(tmp_path, monkeypatch):
    with open(tmp_path / "lock", "a") as first, open(tmp_path / "lock", "a") as second:
        assert locks.take_lock(first)
        with pytest.raises(BlockingIOError):
            locks.take_lock(second)

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    with open(tmp_path / "lock", "a") as file:
        assert not locks.take_lock(file) and not locks.take_lock(file, wait=True)


def new_run(out: Path) -> RunDirectory:
    return RunDirectory.create(TrainConfig(out=str(out)), {"store": "x"})


def test_a_start_that_died_before_its_configuration_can_be_started_again(tmp_path):
    out = tmp_path / "run"
    for name in ("samples", "checkpoints"):
        (out / name).mkdir(parents=True)
    (out / ".config.json.4711.tmp").write_text("{")
    assert new_run(out).config() == TrainConfig(out=str(out))
    assert sorted(path.name for path in out.iterdir()) == ["checkpoints", "config.json", "data.json", "samples"]


@pytest.mark.parametrize(
    "name", ["samples/photo.png", "checkpoints", "thesis.txt", ".config.json.x.tmp", "config.json"]
)
def test_what_somebody_else_put_there_is_not_touched(tmp_path, name):
    out = tmp_path / "run"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(UserError, match="exists already: give another name") as refused:
        refuse_taken(str(out))
    assert ("--resume" in str(refused.value)) == (name == "config.json")
    with pytest.raises(UserError):
        new_run(out)
    assert (out / name).read_text() == "mine"


@pytest.mark.parametrize("failing", ["config.json", "data.json"])
@pytest.mark.parametrize("existed", [False, True])
def test_a_start_on_a_full_disk_leaves_nothing_and_can_be_repeated(tmp_path, monkeypatch, failing, existed):
    out = tmp_path / "run"
    if existed:
        out.mkdir()
    write_json = atomic_files.write_json

    def full(path: Path, value: object) -> None:
        if path.name == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_json(path, value)

    monkeypatch.setattr(atomic_files, "write_json", full)
    with pytest.raises(
        UserError, match=r"No space left on device\): make room on that disk, or give another with --out"
    ):
        new_run(out)
    assert list(tmp_path.rglob("*")) == ([out] if existed else [])
    monkeypatch.undo()
    new_run(out)


@pytest.mark.parametrize(
    ("number", "first"),
    [
        (errno.ENOSPC, "make room on that disk"),
        (errno.EDQUOT, "make room on that disk"),
        (errno.EACCES, "change its permissions, or run as its owner"),
        (errno.EPERM, "change its permissions, or run as its owner"),
        (errno.EROFS, "that file system is read-only"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "check that disk"),
    ],
)
def test_the_remedy_fits_the_error(number, first):
    said = remedy(OSError(number, os.strerror(number)), "name another")
    assert first in said and said.endswith(", or name another")
    assert ("room" in said) == (number in (errno.ENOSPC, errno.EDQUOT))


@pytest.mark.parametrize(
    "raw", [b"plain", b"two words", b"it's", b"od\xe9d", b"od\xe9 d's $x \\", "Bild\u00e9".encode()]
)
def test_a_path_in_a_message_can_be_pasted_into_bash(raw):
    word = shell_word(os.fsdecode(raw))
    word.encode()
    told = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert told.stdout == raw
