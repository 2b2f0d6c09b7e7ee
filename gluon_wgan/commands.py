"""The commands that messages and help texts name, in the form that works where the reader is."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path

# Sub-command of gluon-wgan -> the script of a clone that does the same, and what that is.
COMMANDS = {
    "train": ("train_wgan.py", "train a WGAN, WGAN-GP or DCGAN, resume a run or branch from it"),
    "prepare": ("tools/prepare_data.py", "decode, crop and resize images once, into a store"),
    "evaluate": (
        "tools/evaluate.py",
        "measure how far generated images are from real ones: SWD, FID, KID, PRDC and more",
    ),
    "generate": ("tools/generate.py", "draw images with a trained generator"),
    "export": ("tools/export_model.py", "export a generator to Gluon, ONNX or PyTorch, with a model card"),
    "convert": ("tools/convert_weights.py", "convert the authors' .pth files to checkpoints, and back"),
    "compare": ("tools/compare_runs.py", "compare runs in one table and on one page"),
    "report": ("tools/run_report.py", "write a run's report.html"),
    "resize-parity": ("tools/resize_parity.py", "compare how OpenCV, Pillow and MXNet resize your images"),
    "launch": ("tools/launch.py", "start a training run on several machines, or several workers on this one"),
    "gpu-check": ("tools/gpu_check.py", "check that a GPU computes what training needs"),
}
SCRIPTS = {name: script for name, (script, _) in COMMANDS.items()}


def in_a_clone() -> bool:
    """Whether to name the scripts of a clone instead of the installed command.

    True when the package lies beside train_wgan.py and was not started as ``gluon-wgan`` or ``python -m gluon_wgan``.
    """
    package, started = Path(__file__).resolve().parent, Path(sys.argv[0])
    if started.name == "gluon-wgan" or started.resolve() == package / "__main__.py":
        return False
    return (package.parent / SCRIPTS["train"]).is_file()


def _root() -> Path:
    return Path(__file__).resolve().parents[1]


def _is_here(root: Path) -> bool:
    """Whether the process works in this folder; its own folder may have been deleted meanwhile."""
    with suppress(OSError):
        return Path.cwd() == root
    return False


def _installable() -> str:
    """Return what pip can install this package from, with an opening quotation mark."""
    root = _root()
    if (root / SCRIPTS["train"]).is_file():
        return f"-e '{'.' if _is_here(root) else root}"
    return f"'gluon_wgan-{package_version()}-py3-none-any.whl"


def package_version() -> str:
    """Return this package's version, which no lower layer could import."""
    return str(sys.modules["gluon_wgan"].__version__)


def program(name: str) -> str:
    """Return the name with which a sub-command's messages begin: ``evaluate.py``, or ``gluon-wgan evaluate``."""
    return Path(SCRIPTS[name]).name if in_a_clone() else f"gluon-wgan {name}"


def localize(text: str) -> str:
    """Return a text whose commands work where the reader is.

    Outside a clone ``python tools/evaluate.py`` becomes ``gluon-wgan evaluate``, and in a clone from another folder
    ``python CLONE/tools/evaluate.py``. ``'gluon-wgan[torch]'``, the package
    with an extra, becomes the clone or the wheel's file, since no package index has it.
    """
    text = text.replace("'gluon-wgan[", f"{_installable()}[")
    if in_a_clone():
        root = _root()
        for script in () if _is_here(root) else SCRIPTS.values():
            text = text.replace(f"python {script}", f"python {shlex.quote(str(root / script))}")
        return text
    for name, script in SCRIPTS.items():
        text = text.replace(f"python {script}", f"gluon-wgan {name}").replace(f"`{script}", f"`gluon-wgan {name}")
    return text
