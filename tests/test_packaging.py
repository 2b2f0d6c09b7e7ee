"""Metadata, pinned versions, and the first commands that a stranger types."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import gluon_wgan
from gluon_wgan import compat

APACHE_2_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.fixture
def setup_arguments(repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what setup.py tells setuptools."""
    setuptools = pytest.importorskip("setuptools")
    told: dict[str, Any] = {}
    monkeypatch.chdir(repository)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: told.update(arguments))
    script = repository / "setup.py"
    # As pip runs it: not as the command that was called, which sys.argv names.
    exec(compile(script.read_text(), script, "exec"), {"__file__": str(script), "__name__": "__main__"})
    return told


@pytest.fixture
def constraints(repository: Path) -> dict[str, Requirement]:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


def test_metadata(setup_arguments: dict[str, Any]) -> None:
    assert setup_arguments["name"] == "gluon-wgan"
    assert setup_arguments["version"] == gluon_wgan.__version__
    assert setup_arguments["license"] == "Apache-2.0"


def test_every_package_is_installed(repository: Path, setup_arguments: dict[str, Any]) -> None:
    folders = {file.parent.relative_to(repository) for file in (repository / "gluon_wgan").rglob("*.py")}
    assert set(setup_arguments["packages"]) == {".".join(folder.parts) for folder in folders}


def test_every_other_file_of_a_package_is_installed(repository: Path, setup_arguments: dict[str, Any]) -> None:
    installed = {
        path
        for package, patterns in setup_arguments["package_data"].items()
        for pattern in patterns
        for path in (repository / package.replace(".", "/")).glob(pattern)
    }
    files = {path for path in (repository / "gluon_wgan").rglob("*") if path.is_file()}
    assert {path for path in files if path.suffix not in (".py", ".pyc")} == installed


def test_the_two_wheels_of_mxnet_are_extras_and_never_meet(setup_arguments: dict[str, Any]) -> None:
    def names(requirements: list[str]) -> set[str]:
        return {Requirement(line).name for line in requirements}

    extras = {name: names(lines) for name, lines in setup_arguments["extras_require"].items()}
    wheels = {"mxnet", "mxnet-cu112"}
    assert not wheels & names(setup_arguments["install_requires"])
    assert {name: found & wheels for name, found in extras.items() if found & wheels} == {
        "cpu": {"mxnet"},
        "cu112": {"mxnet-cu112"},
    }


def test_package_and_metadata_admit_the_same_pythons(
    setup_arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted = SpecifierSet(setup_arguments["python_requires"])
    for minor in range(7, 16):
        monkeypatch.setattr(sys, "version_info", (3, minor, 0))
        if f"3.{minor}.0" in admitted:
            compat.prepare()
        else:
            with pytest.raises(compat.IncompatibleEnvironment, match=rf"3\.{minor},"):
                compat.prepare()


def test_constraints_agree_with_the_requirements(
    setup_arguments: dict[str, Any], constraints: dict[str, Requirement]
) -> None:
    extras = setup_arguments["extras_require"]
    for line in [*setup_arguments["install_requires"], *extras["cpu"], *extras["test"]]:
        wanted = Requirement(line)
        pin = constraints.get(canonicalize_name(wanted.name), wanted)
        [exact] = pin.specifier
        assert exact.operator == "==", f"{wanted.name} is pinned nowhere"
        assert exact.version in wanted.specifier, f"{pin} contradicts {wanted}"


def test_the_environment_that_make_builds_is_the_constrained_one(
    repository: Path, constraints: dict[str, Requirement]
) -> None:
    if Path(sys.prefix) != repository / ".venv":
        pytest.skip("only .venv is held to constraints.txt")
    # Only its own folder: setuptools puts copies of some distributions on the path.
    for distribution in metadata.distributions(path=[sysconfig.get_path("purelib")]):
        pin = constraints.get(canonicalize_name(distribution.metadata["Name"]))
        assert pin is None or distribution.version in pin.specifier, f"{distribution.version}, not {pin}"


def test_public_names_arrive_when_first_used() -> None:
    assert set(gluon_wgan.__all__) <= set(dir(gluon_wgan))
    for name in gluon_wgan.__all__:
        assert callable(getattr(gluon_wgan, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = gluon_wgan.no_such_name


def test_pip_is_told_nothing_but_the_python_range_where_numpy_would_not_build(
    repository: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    arguments = request.getfixturevalue("setup_arguments")
    assert arguments["install_requires"] == []
    extras = ("cpu", "cu112", "docs", "lsun", "onnx", "parquet", "safetensors", "test", "torch", "zstd")
    assert arguments["extras_require"] == {name: [] for name in extras}


def test_setup_py_refuses_a_wrong_python_in_one_sentence(repository: Path) -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 13, 0, 'final', 0); sys.argv = ['setup.py', '--version']\n"
        "runpy.run_path('setup.py', run_name='__main__')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1
    assert "not 3.13" in run.stderr


def test_the_licence_is_the_standard_text(repository: Path) -> None:
    assert hashlib.sha256((repository / "LICENSE").read_bytes()).hexdigest() == APACHE_2_SHA256


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """Return a folder with the build files alone, as in a fresh clone."""
    for name in ("Makefile", "setup.py", "constraints.txt", ".ci/run"):
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


@pytest.fixture
def stub_command(tmp_path: Path) -> Callable[[str, str], str]:
    """Return a function that puts a shell script on a PATH of its own, and returns that PATH."""

    def write(name: str, script: str) -> str:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return f"{file.parent}:/bin:/usr/bin"

    return write


def call(folder: Path, *command: str, path: str) -> subprocess.CompletedProcess[str]:
    # Nothing else of this environment: a make above this one would pass its own options and PYTHON down.
    return subprocess.run(command, cwd=folder, env={"PATH": path}, capture_output=True, text=True)


def pretend_python(minor: int) -> str:
    """Return a shell script that runs this Python's `-c CODE` as if it were another version."""
    code = f"import sys; sys.version_info = (3, {minor}, 0); exec(sys.argv[2])"
    return f"exec '{sys.executable}' -c '{code}' \"$@\""


@pytest.mark.parametrize("minor", [8, 13])
def test_make_refuses_a_wrong_python_in_one_sentence(
    checkout: Path, stub_command: Callable[[str, str], str], minor: int
) -> None:
    path = stub_command("other-python", pretend_python(minor))
    run = call(checkout, "make", "PYTHON=other-python", "test", path=path)
    assert (run.returncode, run.stdout) == (2, "")
    assert len(run.stderr.splitlines()) == 1
    assert "Python 3.9 to 3.12" in run.stderr
    assert "other-python" in run.stderr
    assert not (checkout / ".venv").exists()


def test_make_takes_the_first_python_that_really_runs(checkout: Path, stub_command: Callable[[str, str], str]) -> None:
    stub_command("python3.11", "echo 'python3.11: command not found' >&2; exit 127")
    path = stub_command("python3.12", pretend_python(12))
    run = call(checkout, "make", "--dry-run", "venv", path=path)
    assert "python3.12 -m venv .venv" in run.stdout, run.stderr


def test_make_alone_lists_its_targets_without_any_python(
    checkout: Path, stub_command: Callable[[str, str], str]
) -> None:
    run = call(checkout, "make", path=stub_command("python3.11", "exit 1"))
    assert run.returncode == 0
    for target in ("demo", "test", "test-fast", "coverage", "lint", "docs", "bench", "venv", "clean"):
        assert f"make {target} " in run.stdout


@pytest.mark.parametrize("status", [0, 2])
def test_ci_passes_the_status_on_and_ends_with_what_pytest_said(
    checkout: Path, stub_command: Callable[[str, str], str], status: int
) -> None:
    failure = f"echo 'make: *** [test] Error {status}' >&2" if status else ":"
    path = stub_command("make", f"echo '3 passed in 1.25s'; {failure}; exit {status}")
    run = call(checkout, ".ci/run", path=path)
    assert run.returncode == status
    assert run.stdout.splitlines()[-1] == "3 passed in 1.25s"


def test_ci_passes_the_status_on_where_pytest_said_nothing(
    checkout: Path, stub_command: Callable[[str, str], str]
) -> None:
    assert call(checkout, ".ci/run", path=stub_command("make", "exit 3")).returncode == 3
