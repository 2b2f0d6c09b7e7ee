"""The launcher starts on other hosts over ssh, here a program of that name, which only notes what it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_wgan import compat
from gluon_wgan.cli.launch import main

# Notes its arguments and runs the line for the remote shell with hardly any variables, as sshd would.
SSH = """#!/bin/sh
printf '%s\\n' "$*" >> {log}
for line; do :; done
cd /
exec env -i PATH="$PATH" sh -c "$line"
"""
NOTE = """
import json, os, sys
role, number = os.environ["DMLC_ROLE"], os.environ.get("DMLC_WORKER_ID", "")
known = {name: value for name, value in os.environ.items() if name.startswith("DMLC_") or name == "OMP_NUM_THREADS"}
with open(f"{role}{number}-{os.getpid()}.json", "w") as file:
    json.dump({"cwd": os.getcwd(), "words": sys.argv[1:], "known": known}, file)
sys.exit(7 if number == sys.argv[2] else 0)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder to start in, with a name that a shell would cut up, and with a program ssh on the PATH."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH.format(log=tmp_path / "log"))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(compat, "_chosen_here", False)
    folder = tmp_path / "a $folder's"
    folder.mkdir()
    (folder / "hosts").write_text("# two hosts\n127.0.0.1 slots=1\n\nuser@127.0.0.2\n")
    monkeypatch.chdir(folder)
    return folder


def launch(*command: str) -> int:
    return main(["-n", "3", "-s", "2", "-H", "hosts", "--port", "9123", "--", *command])


def test_roles_go_round_the_hosts(folder: Path) -> None:
    assert launch(sys.executable, "-c", NOTE, "it's $HOME", "none") == 0
    started = {path.name.split("-")[0]: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert len(list(folder.glob("*.json"))) == 6
    assert started.keys() == {"scheduler", "server", "worker0", "worker1", "worker2"}
    for role, one in started.items():
        assert one["cwd"] == str(folder) and one["words"] == ["it's $HOME", "none"]
        common = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": "9123"}
        assert one["known"] == {
            **{**common, "DMLC_NUM_WORKER": "3", "DMLC_NUM_SERVER": "2", "OMP_NUM_THREADS": "3"},
            **{"DMLC_ROLE": role.rstrip("012")},
            **({"DMLC_WORKER_ID": role[-1]} if role[-1].isdigit() else {}),
        }
    calls = (folder.parent / "log").read_text().splitlines()
    hosts = sorted(line.split("BatchMode=yes ")[1].split()[0] for line in calls if line.startswith("-tt"))
    assert hosts == ["127.0.0.1"] * 3 + ["user@127.0.0.2"] * 2  # the scheduler is started here


def test_threads_that_the_user_did_not_give_are_left_to_each_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "_chosen_here", True)
    assert launch(sys.executable, "-c", NOTE, "word", "none") == 0
    started = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    assert len(started) == 6 and not any("OMP_NUM_THREADS" in one["known"] for one in started)


def test_the_status_is_that_of_the_worker_that_fails(folder: Path) -> None:
    assert launch(sys.executable, "-c", NOTE, "word", "1") == 7


WAIT = """
import os, pathlib, signal, sys, time
if os.environ["DMLC_ROLE"] == "worker":
    def end(signum, frame):
        pathlib.Path("ended").write_text("by SIGTERM")
        sys.exit()
    signal.signal(signal.SIGTERM, end)
    pathlib.Path("ready").touch()
    time.sleep(100)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_a_killed_launcher_stops_its_workers(tmp_path: Path) -> None:
    program = "import sys; from gluon_wgan.cli.launch import main; sys.exit(main(sys.argv[1:]))"
    words = ["-n", "1", "-s", "1", "--", sys.executable, "-c", WAIT]
    with subprocess.Popen([sys.executable, "-c", program, *words], cwd=tmp_path) as launcher:
        for name in ("ready", "ended"):
            until = time.monotonic() + 60
            while not (tmp_path / name).exists():
                assert time.monotonic() < until, name
                time.sleep(0.05)
            launcher.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("hosts", "said"), [("# none\n", "names no host"), ("-oProxyCommand=x\n", "hyphen")])
def test_hosts_that_are_none_are_refused(folder: Path, hosts: str, said: str) -> None:
    (folder / "hosts").write_text(hosts)
    program = "import sys; from gluon_wgan.cli.launch import main; sys.exit(main(sys.argv[1:]))"
    words = ["-n", "1", "-H", "hosts", "--", "true"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1
