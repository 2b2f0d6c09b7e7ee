"""Parts e, f and h: whole runs of the command, which must repeat, resume and refuse as documented."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from gluon_wgan.compat import child_environment
from gluon_wgan.gpu_check.rows import Row

ITERATIONS = 20
_TRAIN = (sys.executable, "-m", "gluon_wgan", "train")
_NETWORK = ("--image-size", "16", "--ngf", "4", "--ndf", "4", "--batch-size", "8", "--limit", "64")
_SCHEDULE = ("--warmup-iters", "0", "--boost-every", "0", "--n-critic", "2", "--sample-every", "10")
_PROCESSES = ("--checkpoint-every", "5", "--keep-checkpoints", "0", "--jobs", "1")


def check_repeats(gpus: str) -> Iterator[Row]:
    """Yield whether two fresh processes give the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("first", "second"):
            yield _ended(name, _train(root, name, gpus))
        yield _same(f"two processes, {ITERATIONS} iterations", root, ["first", "second"])


def check_resumes(gpus: str) -> Iterator[Row]:
    """Yield whether a run that was ended and one that was killed go on with the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield _ended("straight", _train(root, "straight", gpus))
        yield _ended("ended", _train(root, "ended", gpus, "--gen-iters", str(ITERATIONS // 2)))
        yield _ended("ended", _resume(root, "ended"))
        yield _kill(root, gpus)
        yield _ended("killed", _resume(root, "killed"))
        yield _same("straight, ended and killed", root, ["straight", "ended", "killed"])


def check_errors(gpus: str) -> Iterator[Row]:
    """Yield whether errors that are provoked give one sentence and the documented exit status."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield _refused("--tf32 without a GPU", _train(root, "tf32", "", "--tf32"), 2)
        yield _refused("a GPU is required and none named", _train(root, "none", "", "--require-gpu"), 2)
        if gpus:
            yield _refused("a GPU that does not exist", _train(root, "missing", "99", "--require-gpu"), 2)
            large = ("--image-size", "1024", "--batch-size", "65536", "--gen-iters", "1")
            yield _refused("more memory than the GPU has", _train(root, "large", gpus, *large), 3)


def _new(root: Path, name: str, gpus: str, *more: str) -> list[str]:
    """Return the command of a new run."""
    place = ("--out", str(root / name), "--cache-dir", str(root / "cache"), "--gpus", gpus)
    required = ("--require-gpu",) if gpus else ()
    schedule = (*_SCHEDULE, *_PROCESSES, "--gen-iters", str(ITERATIONS))
    return [*_TRAIN, *_NETWORK, *schedule, *place, *required, *more]


def _train(root: Path, name: str, gpus: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_new(root, name, gpus, *more), capture_output=True, text=True, env=child_environment())


def _resume(root: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = [*_TRAIN, "--resume", str(root / name), "--gen-iters", str(ITERATIONS)]
    return subprocess.run(command, capture_output=True, text=True, env=child_environment())


def _kill(root: Path, gpus: str) -> Row:
    """Kill a run as soon as its first checkpoint is there."""
    command, nowhere = _new(root, "killed", gpus), subprocess.DEVNULL
    child = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=child_environment())
    while child.poll() is None and not (root / "killed" / "checkpoints" / "iter_000005").is_dir():
        time.sleep(0.01)
    child.kill()
    status = child.wait()
    return Row("the run to be killed", f"exit status {status}", ok=status in (0, -signal.SIGKILL))


def _ended(name: str, run: subprocess.CompletedProcess[str]) -> Row:
    said = run.stderr.strip().splitlines()
    how = f"exit status {run.returncode}" + (f": {said[-1]}" if run.returncode and said else "")
    return Row(f"run {name}", how, ok=run.returncode == 0)


def _refused(what: str, run: subprocess.CompletedProcess[str], status: int) -> Row:
    said = run.stderr.strip().splitlines()
    ok = run.returncode == status and bool(said) and "Traceback" not in run.stderr
    return Row(what, f"exit status {run.returncode}: {said[-1] if said else 'nothing said'}", ok=ok)


def _same(what: str, root: Path, names: list[str]) -> Row:
    digests = {name: _digest(root / name / "checkpoints" / f"iter_{ITERATIONS:06d}") for name in names}
    return Row(what, digests, ok=len(set(digests.values())) == 1 and None not in digests.values())


def _digest(checkpoint: Path) -> Optional[str]:
    files = sorted(checkpoint.glob("*.params"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16] if files else None
