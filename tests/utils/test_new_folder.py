"""A new folder keeps what was made in it, and what somebody else puts in its place meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.utils.new_folder import new_folder


def folder_with_a_file(path: Path) -> None:
    path.mkdir(exist_ok=True)
    (path / "thesis.txt").write_text("x")


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize(
    "appear",
    [folder_with_a_file, lambda path: path.write_text("x"), lambda path: path.symlink_to("nowhere")],
    ids=["folder", "file", "dangling link"],
)
def test_what_appears_meanwhile_stays_and_so_does_the_work(
    appear: Callable[[Path], None], existed: bool, tmp_path: Path
) -> None:
    out, same = tmp_path / "out", tmp_path / "same"
    (tmp_path / "out-2").mkdir()
    if existed:
        out.mkdir()
    with pytest.raises(UserError, match="appeared while it was being made") as caught, new_folder(out) as folder:
        (folder / "work").write_text("made")
        if existed:
            out.rmdir()
        appear(out)
    appear(same)
    assert out.is_symlink() == same.is_symlink() and out.is_dir() == same.is_dir()
    assert not same.is_dir() or os.listdir(out) == os.listdir(same)
    assert str(caught.value).endswith(f"what was made is in {out}-3.")
    assert (tmp_path / "out-3" / "work").read_text() == "made"
    assert sorted(os.listdir(tmp_path)) == ["out", "out-2", "out-3", "same"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        (folder / "work").write_text("made")
    assert os.listdir(tmp_path) == ["out"] and os.listdir(tmp_path / "out") == ["work"]
