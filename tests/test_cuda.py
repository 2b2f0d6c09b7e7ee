"""The arithmetic of a GPU: which variables decide it, and that they are set before any CUDA library is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gluon_wgan import cuda
from gluon_wgan.errors import UserError
from tests.test_compat import HEALTHY, fake_packages

Runner = Callable[..., subprocess.CompletedProcess[str]]

# A CUDA library that says, as it is loaded, what it would read then.
LIBRARY = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) {{
    const char *names[] = {{{}}};
    for (int i = 0; i < 6; i++)
        printf("%s=%s\\n", names[i], getenv(names[i]) ? getenv(names[i]) : "unset");
    fflush(stdout);
}}
""".format(", ".join(f'"{name}"' for name in cuda.VARIABLES))

STRICT = {
    "NVIDIA_TF32_OVERRIDE": "0",
    "MXNET_CUDA_TENSOR_OP_MATH_ALLOW_CONVERSION": "0",
    "MXNET_CUDNN_AUTOTUNE_DEFAULT": "0",
    "MXNET_ENFORCE_DETERMINISM": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "MXNET_USE_FUSION": "0",
}
FAST = {
    "MXNET_CUDNN_AUTOTUNE_DEFAULT": "1",
    "MXNET_ENFORCE_DETERMINISM": "0",
    "CUBLAS_WORKSPACE_CONFIG": "unset",
    "MXNET_USE_FUSION": "1",
}


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("", {}),
        ("gluon_wgan.cuda.set_arithmetic(); ", {}),
        ("gluon_wgan.cuda.set_arithmetic(tf32=True); ", {"NVIDIA_TF32_OVERRIDE": "unset"}),
        ("gluon_wgan.cuda.set_arithmetic(fast=True); ", FAST),
    ],
)
def test_the_variables_are_set_when_a_cuda_library_is_loaded(
    run_python: Runner, compile_library: Callable[..., Path], tmp_path: Path, call: str, changes: dict[str, str]
) -> None:
    for name in cuda.LIBRARIES[:1]:
        compile_library(tmp_path / "nvidia" / name, LIBRARY)
    fake_packages(tmp_path, "mxnet-cu112", **HEALTHY)
    code = f"import gluon_wgan; print('imported', flush=True); {call}import mxnet; print('loaded')"
    # What the environment says before is another arithmetic.
    run = run_python(code, path=(tmp_path,), bare=True, NVIDIA_TF32_OVERRIDE="1", MXNET_CUDNN_AUTOTUNE_DEFAULT="2")
    lines = [f"{name}={value}" for name, value in {**STRICT, **changes}.items()]
    assert run.stdout.splitlines() == ["imported", *lines, "loaded"], run.stderr


@pytest.mark.slow
def test_without_the_cuda_wheel_nothing_is_set(run_python: Runner) -> None:
    code = f"import gluon_wgan, mxnet, os; print([os.environ.get(name) for name in {cuda.VARIABLES}])"
    assert run_python(code).stdout == "[None, None, None, None, None, None]\n"


def test_an_arithmetic_that_comes_too_late_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cuda.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "mxnet", sys)
    with pytest.raises(UserError, match=r"set_arithmetic\(tf32=True, fast=False\) before MXNet is imported"):
        cuda.set_arithmetic(tf32=True)
    assert not set(cuda.VARIABLES) & set(os.environ)


def test_training_sets_what_its_options_say(run_python: Runner, tmp_path: Path) -> None:
    """The command line knows the arithmetic before MXNet is imported."""
    code = (
        "import json, os, sys, gluon_wgan\n"
        "from gluon_wgan import compat, cuda\n"
        "from gluon_wgan.cli import train\n"
        "cuda.is_installed = lambda name='': True\n"
        "def loads():\n"
        "    assert 'mxnet' not in sys.modules\n"
        f"    print(json.dumps([os.environ.get(name) for name in {cuda.VARIABLES}])); sys.exit()\n"
        "compat.check_mxnet_loads = loads\n"
        "train.main(['--gpus', '0', '--tf32', '--fast'])"
    )
    values = dict(zip(cuda.VARIABLES, json.loads(run_python(code).stdout)))
    wanted = {**STRICT, "NVIDIA_TF32_OVERRIDE": "unset", **FAST}
    assert values == {name: None if value == "unset" else value for name, value in wanted.items()}
