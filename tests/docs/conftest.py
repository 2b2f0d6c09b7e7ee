"""The site, built once, and a tiny run that the documents' code works on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training import trainer
from tests.browser import browse
from tests.docs.markdown import REPOSITORY

__all__ = ["browse"]


def build_site(pages: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build pages as ``make docs`` builds those in docs/."""
    [line] = [line for line in (REPOSITORY / "Makefile").read_text().splitlines() if "python -m sphinx" in line]
    flags = line.split("-m sphinx ")[1].split()[:-4]
    assert "-W" in flags
    # test_pages.py runs what the notebook says, on a smaller run.
    flags += ["-D", "nb_execution_mode=off"]
    command = [sys.executable, "-m", "sphinx", *flags, "-c", str(REPOSITORY / "docs"), "-d", str(out / "doctrees")]
    return subprocess.run([*command, str(pages), str(out / "html")], capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """Return the folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    done = build_site(REPOSITORY / "docs", out)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return out / "html"


@pytest.fixture(scope="session")
def place_with_a_run(tmp_path_factory) -> Path:
    """Return a folder with runs/0001 in it, whose latents have the default length."""
    place = tmp_path_factory.mktemp("place")
    config = TrainConfig(
        image_size=16,
        ngf=4,
        ndf=4,
        batch_size=8,
        limit=16,
        n_critic=1,
        warmup_iters=0,
        boost_every=0,
        gen_iters=1,
        cache_dir=str(place / "cache"),
        out=str(place / "runs" / "0001"),
    )
    trainer.train(config, progress=False)
    return place
