"""The parts of the check, and the processes in which they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gluon_wgan import compat, cuda
from gluon_wgan.devices import choose_contexts, parse_gpus
from gluon_wgan.errors import UserError, last_line
from gluon_wgan.gpu_errors import explain

# What a child process runs; its last line on stdout is JSON. With this exit status it says one sentence instead.
REFUSED = 2
CHILD = "import sys; from gluon_wgan.gpu_check.parts import run_child; run_child(*sys.argv[1:])"


@dataclass(frozen=True)
class Part:
    """A part of the check, and how many seconds each of its processes may take.

    Its modes are the arithmetics in which it runs on a GPU, each in a process of its own; a CPU knows ``strict`` alone.
    """

    title: str
    seconds: float
    modes: tuple[str, ...] = ("strict",)


PARTS = {
    "a": Part("versions and loaded libraries", 300),
    "b": Part("operators, forward and backward, against NumPy in float64", 600),
    "c": Part("arithmetic of float32 products", 300, ("strict", "tf32")),
    "d": Part("training steps of every preset against the CPU", 900),
    "e": Part("two fresh processes give the same bits", 600),
    "f": Part("ended and killed runs go on with the same bits", 900),
    "g": Part("time and memory of a step", 600, ("strict", "fast", "tf32")),
    "h": Part("provoked errors give one sentence", 600),
}


def check(letter: str, gpus: Sequence[int]) -> dict[str, Any]:
    """Run a part in child processes and return its JSON-able result: title, ok, rows, and errors in one line each."""
    part = PARTS[letter]
    rows: list[dict[str, Any]] = []
    errors = []
    for mode in part.modes if gpus else part.modes[:1]:
        found, error = _run(letter, gpus, mode, part.seconds)
        rows += found
        errors += [] if error is None else [error]
    ok = not errors and bool(rows) and all(row["ok"] for row in rows)
    return {"title": part.title, "ok": ok, "rows": rows, "errors": errors}


def run_child(letter: str, gpus: str, mode: str) -> None:
    """Run a part in this process, on the GPUs, or on CPU contexts where there is none, and print its rows as JSON."""
    if gpus:
        cuda.set_arithmetic(tf32=mode == "tf32", fast=mode == "fast")
    try:
        compat.check_mxnet_loads()
        choose_contexts(parse_gpus(gpus), require_gpu=bool(gpus))
    except (UserError, ImportError) as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    print(json.dumps([asdict(row) for row in _rows(letter, gpus, mode)]))


def _rows(letter: str, gpus: str, mode: str) -> Iterable[Any]:
    # Imported here because the arithmetic must be set before MXNet is imported.
    from mxnet import cpu, gpu

    from gluon_wgan.gpu_check import libraries, networks, operators, runs

    contexts = [gpu(int(number)) for number in gpus.split(",")] if gpus else [cpu(0), cpu(1)]
    work = {
        "a": lambda: libraries.check_libraries(contexts),
        "b": lambda: operators.check_operators(contexts if gpus else contexts[:1]),
        "c": lambda: networks.check_products(contexts if gpus else contexts[:1], tf32=mode == "tf32"),
        "d": lambda: networks.check_presets(contexts),
        "e": lambda: runs.check_repeats(gpus),
        "f": lambda: runs.check_resumes(gpus),
        "g": lambda: networks.measure_steps(contexts[:1], mode),
        "h": lambda: runs.check_errors(gpus),
    }
    return work[letter]()


def _run(letter: str, gpus: Sequence[int], mode: str, seconds: float) -> tuple[list[dict[str, Any]], Any]:
    """Return the rows of a child process, and in one line what went wrong with it, or None."""
    command = [sys.executable, "-c", CHILD, letter, ",".join(map(str, gpus)), mode]
    # A session of its own, so that the time limit also ends the training runs that the part has started.
    with subprocess.Popen(
        command,
        env=compat.child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(timeout=seconds)
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return [], f"{mode}: not done after {seconds:g} s; look at nvidia-smi and dmesg"
            raise
    lines = out.splitlines()
    if child.returncode or not lines:
        said = err.strip() or out.strip()
        if child.returncode == REFUSED:
            return [], f"{mode}: {said}"
        reason = explain(said, "try again") or (last_line(RuntimeError(said)) if said else "nothing said")
        return [], f"{mode}: exit status {child.returncode}: {reason}"
    return json.loads(lines[-1]), None


def table(letter: str, result: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a part for the terminal."""
    yield f"{letter}  {'PASS' if result['ok'] else 'FAIL'}  {result['title']}"
    for row in result["rows"]:
        limit = "" if row["limit"] is None else f" (at most {row['limit']:.0e})"
        value = f"{row['value']:.2e}" if row["limit"] is not None else str(row["value"])
        yield f"   {'    ' if row['ok'] else 'FAIL'}  {row['what']}: {value}{limit}"
    for error in result["errors"]:
        yield f"   FAIL  {error}"
