"""gpu-check on CPU contexts: it passes, and fails where an operator, a process or a promise is broken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mxnet as mx
import psutil
import pytest
from mxnet import nd

from gluon_wgan.cli.main import main
from gluon_wgan.gpu_check import networks, operators, parts, runs
from gluon_wgan.gpu_check.rows import Row, at_most


def failures() -> set[str]:
    return {row.what.split(",")[0] for row in operators.check_operators([mx.cpu()]) if not row.ok}


def test_every_operator_passes_on_the_cpu() -> None:
    assert failures() == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Convolution", "Deconvolution", "dot", "tanh", "rmsprop_update"])
def test_a_result_that_is_off_by_a_thousandth_fails(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As where products are rounded to TF32."""
    function = "Activation" if name == "tanh" else name
    whole: Callable[..., Any] = getattr(nd, function)

    def broken(*inputs: Any, **options: Any) -> Any:
        result = whole(*inputs, **options)
        return nd.broadcast_mul(result, nd.full((1,), 1.001, dtype=result.dtype), out=options.get("out"))

    monkeypatch.setattr(nd, function, broken)
    assert name in failures()


def test_a_gradient_that_is_off_fails_though_the_result_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nd.square
    monkeypatch.setattr(nd, "square", lambda x: whole(x) * 2 - nd.BlockGrad(whole(x)))
    assert [row.what for row in operators.check_operators([mx.cpu()]) if not row.ok] == [
        f"square, {dtype}, cpu(0): gradients" for dtype in ("float32", "float64")
    ]


def test_nan_does_not_pass() -> None:
    assert not at_most("x", float("nan"), 1.0).ok and at_most("x", 1.0, 1.0).ok


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu.json"
    assert main(["gpu-check", "--gpus", "", "--parts", "c", "--out", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "c  PASS  arithmetic of float32 products" and said[-1] == "PASS"
    report = json.loads(out.read_text())
    assert report["ok"] and [row["limit"] for row in report["parts"]["c"]["rows"]] == [1e-5] * 3
    assert main(["gpu-check", "--gpus", "", "--parts", "c", "--out", str(out)]) == 2  # nothing is overwritten
    assert main(["gpu-check", "--gpus", "", "--parts", "cz"]) == 2


def test_a_peak_of_memory_is_measured() -> None:
    rows = list(networks.measure_steps([mx.cpu()], "strict"))
    [peak] = [row for row in rows if "peak memory of the process" in row.what]
    assert peak.value >= psutil.Process().memory_info().rss / 2**20 / 2  # MiB, not KiB or bytes
    assert peak.value <= psutil.virtual_memory().total / 2**20


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(17)", "exit status 17"),
        ("import time; time.sleep(60)", "not done after 1 s"),
        ("raise SystemExit('CUDA: unspecified launch failure')", "unspecified launch failure"),
        ('print(\'[{"what": "x", "value": 2, "limit": 1, "ok": false}]\')', "FAIL  x: 2.00e+00"),
    ],
)
def test_a_process_that_fails_fails_its_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str, words: str
) -> None:
    monkeypatch.setattr(parts, "CHILD", code)
    monkeypatch.setitem(parts.PARTS, "c", parts.Part("products", 1 if "sleep" in code else 60))
    assert main(["gpu-check", "--gpus", "", "--parts", "c"]) == 1
    said = capsys.readouterr().out
    assert words in said and said.splitlines()[-1] == "FAIL"


@pytest.mark.slow
def test_a_time_limit_also_ends_what_the_part_has_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A training run that goes on would keep the GPU busy for the parts that follow."""
    number = tmp_path / "pid"
    started = "import subprocess; child = subprocess.Popen(['sleep', '600']); "
    code = f"{started}open({str(number)!r}, 'w').write(str(child.pid)); child.wait()"
    monkeypatch.setattr(parts, "CHILD", code)
    monkeypatch.setitem(parts.PARTS, "c", parts.Part("products", 10))
    result = parts.check("c", [])
    assert not result["ok"] and "not done after 10 s" in result["errors"][0]
    deadline = time.monotonic() + 60  # a busy machine takes a moment to deliver a signal
    while _runs(int(number.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(number.read_text()))


def _runs(number: int) -> bool:
    """Return whether a process has this number and has not ended."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_runs_of_other_weights_are_not_the_same(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        folder = tmp_path / name / "checkpoints" / f"iter_{runs.ITERATIONS:06d}"
        folder.mkdir(parents=True)
        (folder / "generator.params").write_bytes(content)
    assert runs._same("", tmp_path, ["a", "b"]).ok
    assert not runs._same("", tmp_path, ["a", "c"]).ok
    missing: Row = runs._same("", tmp_path, ["d", "e"])
    assert not missing.ok
