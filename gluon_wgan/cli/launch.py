"""Command-line interface of launch: a scheduler, servers and workers, here or over ssh, ended together."""

from __future__ import annotations

import argparse
import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Optional

from gluon_wgan import compat
from gluon_wgan.cli.flags import whole_number
from gluon_wgan.cli.runner import SentenceParser, run_tool
from gluon_wgan.commands import program
from gluon_wgan.errors import UserError, shell_word

DESCRIPTION = """Start a training run of several workers: a scheduler, servers and workers, each with the same command
line and its role in DMLC_* variables. When one of them fails, the others are given --grace seconds to save.

    python tools/launch.py -n 2 -s 2 -- python train_wgan.py --kvstore dist_sync --threads 1
    python tools/launch.py -n 2 -s 2 -H hosts -- python train_wgan.py --kvstore dist_sync

exit status: that of the first worker that fails, 0 when none does
"""
# Variables that reach processes on other hosts.
_FORWARDED = ("OMP_NUM_THREADS", "DMLC_INTERFACE", "PYTHONPATH")
_POLL = 0.2
# Linux, prctl(2): the signal that this process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Start what the command line says and return the exit status."""
    parser = SentenceParser(prog=program("launch"), description=DESCRIPTION)
    add = parser.add_argument
    add("-n", "--workers", type=whole_number, required=True, metavar="N", help="how many workers")
    add("-s", "--servers", type=whole_number, metavar="N", help="how many servers (default: as many as workers)")
    add("-H", "--hosts", metavar="FILE", help="hosts to start on over ssh, one a line (default: here)")
    add("--address", help="this machine's address for the others (default: found out)")
    add("--port", type=whole_number, help="the scheduler's port (default: a free one)")
    add("--grace", type=float, default=60, metavar="S", help="seconds to save in (default: 60)")
    add("command", nargs=argparse.REMAINDER, help="the command after --")
    arguments = parser.parse_args(argv)
    return run_tool(program("launch"), lambda: launch(arguments))


def launch(arguments: argparse.Namespace) -> int:
    """Start all processes and return the exit status when all have ended."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    servers = arguments.workers if arguments.servers is None else arguments.servers
    if not command:
        raise UserError("No command is given: add -- python train_wgan.py --kvstore dist_sync.")
    if arguments.workers < 1 or servers < 1:
        raise UserError(f"-n {arguments.workers} -s {servers}: both must be at least 1.")
    hosts = _read_hosts(arguments.hosts) if arguments.hosts else []
    address = arguments.address or (_address_towards(hosts[0]) if hosts else "127.0.0.1")
    common = {
        "DMLC_PS_ROOT_URI": address,
        "DMLC_PS_ROOT_PORT": str(arguments.port or _free_port(address)),
        "DMLC_NUM_WORKER": str(arguments.workers),
        "DMLC_NUM_SERVER": str(servers),
    }
    if not hosts:
        common["DMLC_NODE_HOST"] = address
    roles = [
        ("scheduler", 0),
        *(("server", i) for i in range(servers)),
        *(("worker", i) for i in range(arguments.workers)),
    ]
    children: list[tuple[str, subprocess.Popen[bytes]]] = []
    try:
        for role, index in roles:
            variables = {**common, "DMLC_ROLE": role}
            if role == "worker":
                variables["DMLC_WORKER_ID"] = str(index)
            host = hosts[index % len(hosts)] if hosts and role != "scheduler" else None
            children.append((role, _start(command, variables, host, stop_with_parent=role == "worker")))
        return _wait(children, arguments.grace)
    finally:
        for _, child in children:
            if child.poll() is None:
                child.kill()
                child.wait()


def _start(
    command: list[str], variables: dict[str, str], host: Optional[str], stop_with_parent: bool
) -> subprocess.Popen[bytes]:
    """Start one process in a session of its own, so that Ctrl-C reaches it once only, through this program.

    With `stop_with_parent` it gets SIGTERM also where this program is killed, on Linux. Workers then save and leave,
    and servers and scheduler end with them.
    """
    prepare = _stop_with_parent if stop_with_parent and sys.platform == "linux" else None
    inherited = dict(os.environ)
    if not compat.threads_were_given():
        # This process's own choice, where each worker makes one for its network and its host.
        inherited.pop("OMP_NUM_THREADS", None)
    if host is None:
        return subprocess.Popen(command, env={**inherited, **variables}, start_new_session=True, preexec_fn=prepare)
    variables.update({name: inherited[name] for name in _FORWARDED if name in inherited})
    remote = ["env", *(f"{name}={value}" for name, value in variables.items()), *command]
    line = f"cd {shell_word(os.getcwd())} && exec {shlex.join(remote)}"
    # With a terminal the remote process ends when this one does.
    words = ["ssh", "-tt", "-o", "BatchMode=yes", host, line]
    return subprocess.Popen(words, start_new_session=True, preexec_fn=prepare)


def _stop_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(children: list[tuple[str, subprocess.Popen[bytes]]], grace: float) -> int:
    """Wait for all; pass signals on to the workers; return the first worker's status that is not 0."""
    status, deadline = 0, float("inf")

    def forward(signum: int, frame: Optional[FrameType]) -> None:
        for role, child in children:
            if role == "worker" and child.poll() is None:
                child.send_signal(signum)

    previous = {signum: signal.signal(signum, forward) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        while any(child.poll() is None for _, child in children) and time.monotonic() < deadline:
            for role, child in children:
                code = child.poll()
                if code and role == "worker" and not status:
                    status = code if code > 0 else 128 - code
                if code and deadline == float("inf"):
                    deadline = time.monotonic() + grace
            time.sleep(_POLL)
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    codes = [child.poll() for role, child in children if role == "worker"]
    first = next((code for code in codes if code != 0), 0)
    return status or (first if first is not None and first >= 0 else 128 + signal.SIGKILL)


def _read_hosts(file: str) -> list[str]:
    words = [line.split() for line in Path(file).read_text(encoding="utf-8").splitlines()]
    hosts = [line[0] for line in words if line and not line[0].startswith("#")]
    if not hosts:
        raise UserError(f"{file} names no host: write one a line.")
    if any(host.startswith("-") for host in hosts):
        raise UserError(f"{file} names a host that begins with a hyphen: write names or addresses, one a line.")
    return hosts


def _address_towards(host: str) -> str:
    """Return the address from which this machine reaches a host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((host.rsplit("@", 1)[-1], 9))
        return str(udp.getsockname()[0])


def _free_port(address: str) -> int:
    with socket.socket() as tcp:
        tcp.bind((address, 0))
        return int(tcp.getsockname()[1])
