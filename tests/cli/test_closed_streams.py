"""Every tool with a reader of its output that ends early, and with stdout, stderr or both closed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.commands import SCRIPTS
from gluon_wgan.data.store import open_store
from gluon_wgan.runs.checkpoints import check_checkpoint
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

REDIRECTIONS = ["| head -n 1", ">&-", "2>&-", ">&- 2>&-"]
NETWORKS = "--ngf 4 --ndf 4 --nz 4 --batch-size 8 --n-critic 1 --warmup-iters 0 --boost-every 0 --threads 1"
FACES = "--dataset built-in --limit 16 --image-size 16 --jobs 1"


def _whole_run(run: Path) -> None:
    check_checkpoint(run / "checkpoints" / "iter_000001")
    assert "Finished 1 generator iterations" in (run / "log.txt").read_text()


def _whole_images(folder: Path) -> None:
    for path in (found := sorted((folder / "images").glob("*.png"))):
        Image.open(path).load()
    assert len(found) == 3


def _whole_page(page: Path) -> None:
    assert page.read_text().rstrip().endswith("</html>")


def _whole_export(folder: Path) -> None:
    import onnx

    onnx.checker.check_model(str(folder / "generator.onnx"))
    assert (folder / "MODEL_CARD.md").stat().st_size


def _whole_torch_files(folder: Path) -> None:
    assert json.loads((folder / "generator_config.json").read_bytes())
    for pattern in ("netG_epoch_*.pth", "netD_epoch_*.pth"):
        (path,) = folder.glob(pattern)
        assert zipfile.ZipFile(path).testzip() is None


def _whole_evaluation(run: Path) -> None:
    lines = (run / "evaluation.jsonl").read_text().splitlines()
    assert lines and all(json.loads(line)["metric"] for line in lines)


def _whole_comparison(folder: Path) -> None:
    for name in ("parity.csv", "parity.json", "parity.html"):
        assert (folder / name).stat().st_size
    json.loads((folder / "parity.json").read_bytes())
    _whole_page(folder / "parity.html")


def _whole_animation(path: Path) -> None:
    with Image.open(path) as gif:
        assert getattr(gif, "n_frames", 1) == 2


def _nothing(_: Path) -> None:
    """Check nothing: the command only prints."""


@dataclass(frozen=True)
class Tool:
    """A command: RUN, COPY (of the run), IMAGES and OUT stand for paths; `check` looks at what `written` names."""

    script: str
    words: str
    written: str = "OUT"
    check: Callable[[Path], object] = _nothing


TOOLS = {
    "train": Tool("train_wgan.py", f"{FACES} {NETWORKS} --gen-iters 1 --cache-dir CACHE --out OUT", check=_whole_run),
    "train --dry-run": Tool("train_wgan.py", f"{FACES} {NETWORKS} --cache-dir CACHE --out OUT --dry-run"),
    "train --help": Tool("train_wgan.py", "--help"),
    "prepare": Tool("tools/prepare_data.py", f"{FACES} --out OUT", check=lambda path: open_store(path).verify()),
    "evaluate": Tool("tools/evaluate.py", "COPY --metrics swd --num 16", "COPY", _whole_evaluation),
    "evaluate --save-stats": Tool("tools/evaluate.py", "IMAGES --save-stats OUT.npz", "OUT.npz", np.load),
    "generate": Tool("tools/generate.py", "RUN --num 3 --out OUT", check=_whole_images),
    "export": Tool("tools/export_model.py", "RUN --format onnx --out OUT", check=_whole_export),
    "convert": Tool("tools/convert_weights.py", "RUN OUT", check=_whole_torch_files),
    "compare": Tool("tools/compare_runs.py", "RUN COPY --out OUT.html", "OUT.html", _whole_page),
    "report": Tool("tools/run_report.py", "COPY", "COPY/report.html", _whole_page),
    "resize-parity": Tool(
        "tools/resize_parity.py", "IMAGES --size 16 --backends pil cv2 --jobs 1 --out OUT", check=_whole_comparison
    ),
    "gpu-check": Tool(
        "tools/gpu_check.py", "--gpus= --parts a --out OUT.json", "OUT.json", lambda p: json.load(p.open())
    ),
    "launch": Tool("tools/launch.py", "-n 1 -s 1 -- PYTHON -c pass"),
    "reproduce --dry-run": Tool("tools/reproduce.py", "--plan quick --out OUT --dry-run"),
    "animate": Tool("tools/animate_samples.py", "RUN --columns 2 --rows 2 --out OUT.gif", "OUT.gif", _whole_animation),
    "gluon-wgan": Tool("-m", "gluon_wgan --help"),
}


def test_every_command_is_in_the_table():
    assert set(SCRIPTS) <= set(TOOLS)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Return a run of two iterations with a checkpoint at each."""
    folder = tmp_path_factory.mktemp("closed streams")
    words = f"{FACES} {NETWORKS} --gen-iters 2 --checkpoint-every 1".split()
    places = ["--cache-dir", str(folder / "cache"), "--out", str(folder / "run")]
    subprocess.run([sys.executable, str(REPOSITORY / "train_wgan.py"), *words, *places], check=True, timeout=300)
    return folder / "run"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_does_its_work_and_ends_with_status_0(name, run, images, tmp_path, require_torch):
    tool = TOOLS[name]
    if name == "convert":
        require_torch()
    for number, redirection in enumerate(REDIRECTIONS):
        here = tmp_path / str(number)
        here.mkdir()
        places = {
            "RUN": run,
            "COPY": here / "copy",
            "IMAGES": images,
            "OUT": here / "out",
            "CACHE": run.parent / "cache",
        }
        places["PYTHON"] = Path(sys.executable)
        if "COPY" in tool.words:
            shutil.copytree(run, places["COPY"])
        script = tool.script if tool.script == "-m" else str(REPOSITORY / tool.script)
        command = [sys.executable, script, *(_placed(word, places) for word in tool.words.split())]
        done = subprocess.run(
            ["bash", "-c", f'"$@" {redirection}; echo "${{PIPESTATUS[0]}}" > status', "bash", *command],
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        said = f"{name} {redirection}:\n{done.stdout}\n{done.stderr}"
        assert (here / "status").read_text() == "0\n", said
        assert "Traceback" not in said and "Exception ignored" not in said, said
        tool.check(Path(_placed(tool.written, places)))


def _placed(word: str, places: dict[str, Path]) -> str:
    """Return a word with the path that its first part stands for, if it stands for one."""
    name = re.match(r"[A-Z]*", word).group()  # type: ignore[union-attr]
    return f"{places[name]}{word[len(name) :]}" if name in places else word
