"""``--decoders`` and ``--out`` against hostile files and a user's own: nothing runs, crashes or is overwritten."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from gluon_wgan.cli.resize_parity import main
from gluon_wgan.resize_parity import decoders
from gluon_wgan.resize_parity.header_oddities import oddities
from gluon_wgan.utils.disposable_process import Died, ExpendableProcess

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) print\nshowpage\n%%EOF\n"


def answerer(name: str):
    return {"crash": crash, "sleep": time.sleep, "add": lambda a, b: a + b, "refuse": refuse}[name]


def crash(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def refuse(*_: object) -> None:
    raise ValueError("no")


@pytest.mark.slow
def test_a_process_may_crash_hang_or_refuse_and_answers_again() -> None:
    with pytest.raises(Died, match=r"crashed \(SIGSEGV\)"):
        ExpendableProcess(answerer, "crash", seconds=60).call()
    started = time.monotonic()
    with pytest.raises(Died, match=r"took more than 0\.5 seconds"):
        ExpendableProcess(answerer, "sleep", seconds=0.5).call(3600)
    assert time.monotonic() - started < 60
    adding = ExpendableProcess(answerer, "add", seconds=60)
    with pytest.raises(TypeError):
        adding.call(1, "2")
    assert adding.call(1, 2) == 3
    assert adding._process is not None
    os.kill(adding._process.pid, signal.SIGKILL)
    with pytest.raises(Died, match="SIGKILL"):
        adding.call(1, 2)
    assert adding.call(1, 2) == 3
    adding.close()


def test_an_eps_named_jpg_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(EPS)
    with Image.open(path) as image:
        assert image.format == "EPS"  # which Pillow gives to Ghostscript
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was called"))
    agreements: dict[tuple[str, str], decoders.Agreement] = {}
    decoders.compare_decoders(agreements, str(path), oddities(path), list(decoders.DECODERS))
    assert {kind for kind, _ in agreements} == {"unreadable, plain"}
    assert all(decoders.decode_with(name, EPS) is None for name in decoders.DECODERS)


def test_a_decoder_that_dies_refuses(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    process = ExpendableProcess(answerer, "crash", seconds=60)
    monkeypatch.setattr(decoders, "_process", lambda: process)
    assert decoders.decode_with("cv2", b"P6 1 1 255\n123") is None
    assert "cv2 crashed (SIGSEGV) on a damaged image" in caplog.text


@pytest.mark.slow
def test_the_decoders_in_the_other_process_are_the_libraries(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    encoded = (tmp_path / "a.png").read_bytes()
    for name in decoders.DECODERS:
        decoded = decoders.decode_with(name, encoded)
        assert decoded is not None
        np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("name", ["parity.csv", "parity.json", "parity.html", "figures/ratios.md", "thesis.txt"])
def test_a_folder_with_anything_in_it_is_refused_as_out(name: str, tmp_path: Path, capsys) -> None:
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert main(["--size", "16", "--backends", "pil-box", "--out", str(tmp_path / "out"), "--figures"]) == 2
    assert f"{tmp_path / 'out'} exists already and would be overwritten" in capsys.readouterr().err
    assert mine.read_text() == "mine" and len(list(tmp_path.rglob("*"))) == len(mine.relative_to(tmp_path).parts)


def test_without_out_each_report_gets_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gluon_wgan.data.aliasing_options.BUILT_IN_IMAGES", 2)
    for _ in range(2):
        assert main(["--size", "8", "--backends", "pil-box", "--quiet", "--jobs", "1"]) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["parity", "parity-2"]
