"""What several tests need: the shared images, torch, a fresh interpreter, a compiled stub library."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("any_speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_speed")

REPOSITORY = Path(__file__).resolve().parents[1]

# A shell ignores Ctrl-C in the jobs that it starts in the background, and nohup ignores the loss of the terminal;
# every program that a test starts would inherit both.
signal.signal(signal.SIGINT, signal.default_int_handler)
for ignored_by_nohup in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(ignored_by_nohup, signal.SIG_DFL)


# The fixture that a test needs says what it needs.
MARKED_BY_FIXTURE = {"require_torch": "torch", "browse": "browser"}


# Files that take minutes: begun first, so that no process is left alone with one of them at the end.
LONGEST = ("test_whole.py", "test_installed.py", "test_failures.py", "test_training.py", "test_equality.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need PyTorch or a browser, and begin with the files that take longest."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        for fixture in MARKED_BY_FIXTURE.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKED_BY_FIXTURE[fixture])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was left out and why, above the last line, which is pytest's own."""
    left_out: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        left_out[reason.removeprefix("Skipped: ")].append(report.nodeid.split("[")[0])
    for reason, tests in sorted(left_out.items()):
        terminalreporter.write_line(f"Left out because {reason}: {len(tests)} tests")
        for test in dict.fromkeys(tests):
            terminalreporter.write_line(f"    {test}")


def skip_unless_ci(reason: str) -> NoReturn:
    """Skip the test, or fail it where CI is set: what CI does not find, nobody has tested."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def repository() -> Path:
    """Return the root of the checkout."""
    return REPOSITORY


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Return a function from the name of a shared data set, `portraits` or `photos`, to its folder."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("GLUON_WGAN_SHARED", REPOSITORY.parent / "shared")) / "data" / name
        if not folder.is_dir():
            skip_unless_ci(f"{folder} is missing: set GLUON_WGAN_SHARED to the folder that holds data/{name}")
        return folder

    return find


@pytest.fixture(scope="session")
def require_torch() -> Callable[[], ModuleType]:
    """Return a function that imports torch, the independent reference, or skips the test.

    In CI it fails wherever the test extra names torch.
    """

    def load() -> ModuleType:
        try:
            import torch
        except ImportError:
            if sys.version_info < (3, 10):
                pytest.skip("the pinned torch has no wheel for Python 3.9, so the test extra leaves it out")
            skip_unless_ci("torch is missing: install the test extra")
        return torch

    return load


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs code in a fresh interpreter that sees the checkout.

    Folders given as `path` come before the checkout; with `bare` there are no site-packages,
    only the standard library and those folders. Other keywords are environment variables.
    """

    def run(
        code: str, *, path: tuple[Path, ...] = (), bare: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        python_path = os.pathsep.join(map(str, [*path, REPOSITORY]))
        return subprocess.run(
            [sys.executable, *(["-S"] if bare else []), "-c", code],
            env={**inherited, "PYTHONPATH": python_path, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def compile_library(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that compiles C source into a shared library at the given path."""

    def build(target: Path, source: str, *flags: str) -> Path:
        compiler = shutil.which("gcc")
        if compiler is None:
            pytest.skip("gcc is missing")
        target.parent.mkdir(parents=True, exist_ok=True)
        code = tmp_path / f"{target.name}.c"
        code.write_text(source)
        options = ["-shared", "-fPIC", f"-Wl,-soname,{target.name}"]
        subprocess.run([compiler, *options, "-o", str(target), str(code), *flags], check=True)
        return target

    return build
