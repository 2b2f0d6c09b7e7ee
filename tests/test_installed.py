"""The wheel, installed into a fresh environment and used outside the checkout; the source distribution."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TINY = "--gen-iters 2 --warmup-iters 0 --n-critic 1 --limit 64 --batch-size 8 --ngf 8 --ndf 8 --cache-dir cache"


def run(*command: str, cwd: Path, **environment: str) -> str:
    environment = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source distribution of a copy of the checkout, so that nothing is built in the checkout."""
    root = Path(__file__).parents[1]
    place = tmp_path_factory.mktemp("sdist")
    # Without egg-info, whose list of files would be added to the copy's own.
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")

    def ignore(folder: str, names: list[str]) -> set[str]:
        made = {".git", "build", "dist", "runs"} if Path(folder) == root else set()
        return made | left_out(folder, names) | {name for name in names if name.startswith(".venv")}

    shutil.copytree(root, place / "checkout", ignore=ignore)
    run(sys.executable, "setup.py", "-q", "sdist", "-d", str(place), cwd=place / "checkout")
    [archive] = place.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(place / "unpacked")
    [unpacked] = (place / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from the source distribution."""
    place = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-deps"]
    run(*pip, "--no-build-isolation", "-w", str(place), str(sdist), cwd=place)
    [file] = place.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a fresh environment with the wheel in it.

    Its requirements come from the environment that runs the tests, through a path file: nothing is downloaded.
    """
    place = tmp_path_factory.mktemp("environment")
    venv.create(place / "venv", with_pip=False)
    bin_folder = place / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(bin_folder / "python"), "install", "-q", "--no-deps"]
    run(*pip, str(wheel), cwd=place)
    [packages] = (place / "venv").glob("lib/python*/site-packages")
    ours = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "requirements.pth").write_text("".join(f"{path}\n" for path in ours))
    for path in ours:  # brings distutils to Python 3.12, as an installed setuptools does
        with suppress(FileNotFoundError):
            shutil.copyfile(Path(path) / "distutils-precedence.pth", packages / "setuptools.pth")
    return bin_folder


def test_the_source_distribution_holds_every_tracked_file(sdist: Path, repository: Path) -> None:
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("git does not know this checkout")
    tracked = run("git", "ls-files", "-z", cwd=repository).split("\0")[:-1]
    there = [name for name in tracked if (repository / name).exists()]
    assert [name for name in there if not (sdist / name).exists()] == []


def test_the_source_distribution_runs_its_own_tests(sdist: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0"]
    some = ["tests/config", "tests/utils", "tests/test_names.py", "tests/training/test_schedule.py"]
    said = run(*command, *some, cwd=sdist, PYTHONPATH=str(sdist))
    assert " passed" in said.splitlines()[-1] and "failed" not in said


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    with ZipFile(wheel) as file:
        tops = {name.split("/")[0] for name in file.namelist()}
        [metadata] = [file.read(name).decode() for name in file.namelist() if name.endswith("METADATA")]
        for name in ("py.typed", "data/portraits/portraits.zip", "data/portraits/README.md"):
            assert f"gluon_wgan/{name}" in file.namelist()
    assert {top.split("-")[0] for top in tops} == {"gluon_wgan"}
    assert "Description-Content-Type: text/markdown" in metadata and "# gluon_wgan" in metadata


def test_the_commands_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    def command(words: str) -> str:
        return run(str(installed / "gluon-wgan"), *words.split(), cwd=tmp_path)

    where = "import gluon_wgan; print(gluon_wgan.__file__)"
    assert str(installed.parent) in run(str(installed / "python"), "-c", where, cwd=tmp_path)
    overview = command("--help")
    for name in ["train", "prepare", "evaluate", "generate", "export", "convert", "compare", "report", "resize-parity"]:
        assert name in overview
        assert "python tools/" not in command(f"{name} --help")

    for name, lr in (("a", "5e-5"), ("b", "5e-4")):
        command(f"train --preset demo {TINY} --lr-g {lr} --out runs/{name}")
    assert (tmp_path / "runs" / "a" / "report.html").stat().st_size > 10_000
    command("generate runs/a -n 3 --out images")
    with Image.open(sorted((tmp_path / "images").rglob("*.png"))[0]) as image:
        assert image.size == (32, 32)
    assert "swd" in command("evaluate runs/a --metrics swd --num 32").lower()
    command("compare runs/a runs/b --out compared")
    assert list((tmp_path / "compared").glob("*.html"))
    image = tmp_path / "photo.png"
    Image.effect_noise((200, 150), 80).convert("RGB").save(image)
    assert "cv2" in command(f"resize-parity {image} --size 64")
