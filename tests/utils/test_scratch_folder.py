"""The temporary folder of a killed process is removed by the next one, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gluon_wgan.utils.new_folder import scratch_folder

HOLD = """
import sys
from gluon_wgan.utils.new_folder import scratch_folder
with scratch_folder("work") as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.read()
"""


def holding() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().rstrip("\n"))


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (killed, left), (alive, kept) = holding(), holding()
    killed.kill()
    killed.wait()
    # Neither a folder of another kind nor what is behind a link is ours.
    for name in (f".other-1.{killed.pid}.tmp", "target"):
        (tmp_path / name).mkdir()
    (tmp_path / f".work-2.{killed.pid}.tmp").symlink_to("target")
    assert (left / "file").exists()
    with scratch_folder("work") as own:
        assert own.parent == tmp_path and own.is_dir()
        assert not left.exists() and (kept / "file").exists()
    assert not own.exists() and (tmp_path / "target").exists() and (tmp_path / f".other-1.{killed.pid}.tmp").exists()
    alive.communicate()
    assert alive.returncode == 0 and not kept.exists()
