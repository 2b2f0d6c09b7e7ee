"""Which checkpoints count, and which are deleted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.runs.checkpoints import (
    Progress,
    check_checkpoint,
    checkpoint_name,
    list_checkpoints,
    prune_checkpoints,
    read_checkpoint,
    remove_leftovers,
    write_checkpoint,
)


def write(parent: Path, gen_iter: int) -> Path:
    progress = Progress(gen_iter, gen_iter, [], 0, 0.0, {"epoch": 0, "position": 0}, "hash")

    def files(folder: Path) -> dict[str, Any]:
        (folder / "weights").write_bytes(b"%d" % gen_iter)
        return {}

    return write_checkpoint(parent, checkpoint_name(progress), progress, 1, files)


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


@pytest.mark.parametrize("keep", [1, 2])
def test_only_whole_checkpoints_count(tmp_path: Path, keep: int) -> None:
    for gen_iter in (1, 2, 3):
        write(tmp_path, gen_iter)
    (tmp_path / "iter_000003" / "weights").write_bytes(b"damaged")
    prune_checkpoints(tmp_path, keep, tmp_path / "iter_000002")
    assert names(tmp_path) == ["iter_000001", "iter_000002", "iter_000003"][2 - keep :]
    check_checkpoint(tmp_path / "iter_000002")


def test_the_one_just_written_stays_though_others_are_newer(tmp_path: Path) -> None:
    for gen_iter in (1, 2, 5):
        write(tmp_path, gen_iter)
    prune_checkpoints(tmp_path, 1, tmp_path / "iter_000002")
    assert names(tmp_path) == ["iter_000002"]
    prune_checkpoints(tmp_path, 0, tmp_path / "iter_000002")
    assert names(tmp_path) == ["iter_000002"]


@pytest.mark.parametrize("content", [b"", b"{}", b"true", b"[" * 100_000, b'{"../iter_000001/weights": "0"}', b"\0"])
def test_a_manifest_that_says_nothing_makes_no_whole_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    (path / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match="not a whole checkpoint"):
        check_checkpoint(path)


NO_DATA: tuple[object, ...] = (None, 1, [], {"epoch": "0"}, {"epoch": -1})
NO_LINEAGE: tuple[object, ...] = (None, {}, "x", [1])
NO_SCORES: tuple[object, ...] = (None, 1, [1], [[1, 2, 3]], [["a", 1, 2, 3]])


@pytest.mark.parametrize(
    "changed",
    [
        *({name: value} for name in ("gen_iter", "critic_steps", "images") for value in (True, -1, 1.5, "1", 2**60)),
        *({"data": value} for value in NO_DATA),
        *({"scores": value} for value in NO_SCORES),
        {"seconds": "1"},
        {"store_sha256": 1},
        *({"lineage": value} for value in NO_LINEAGE),
        {"gen_iter": None},
    ],
)
def test_a_state_of_other_types_is_one_sentence(changed: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, **changed}))
    with pytest.raises(UserError, match=r"iter_000001 cannot be read \("):
        read_checkpoint(path, 1, lambda state: None)


@pytest.mark.parametrize("content", [b"true", b"null", b"[]", b"[" * 100_000, b'{"a": ' + b"9" * 400 + b"}"])
def test_a_state_that_is_no_object_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    (path / "state.json").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        read_checkpoint(path, 1, lambda state: None)


def test_a_diverged_run_has_a_state_that_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    state = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**state, "scores": [[float("nan"), 1.0, float("inf"), 0.0]]}))
    assert read_checkpoint(path, 1, lambda state: None).scores[0].d_fake == 1.0


def test_a_state_from_before_there_was_a_lineage_has_none(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    state = json.loads((path / "state.json").read_text())
    assert state.pop("lineage") == []
    (path / "state.json").write_text(json.dumps(state))
    assert read_checkpoint(path, 1, lambda state: None).lineage == []


def test_only_exact_names_are_checkpoints_and_only_their_own_files_are_removed(tmp_path: Path) -> None:
    for gen_iter in (1, 2, 3, 4):
        write(tmp_path, gen_iter)
    shutil.copytree(tmp_path / "iter_000004", tmp_path / "iter_000004_best")
    (tmp_path / "iter_000002" / "notes.txt").write_text("the best so far")
    (tmp_path / ".mine.1.tmp").mkdir()
    (tmp_path / ".iter_000009.1.tmp").mkdir()
    assert [path.name for path in list_checkpoints(tmp_path)] == [f"iter_00000{n}" for n in (1, 2, 3, 4)]
    prune_checkpoints(tmp_path, 1, tmp_path / "iter_000004")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [".mine.1.tmp", "iter_000002", "iter_000004", "iter_000004_best"]
    assert (tmp_path / "iter_000002" / "notes.txt").read_text() == "the best so far"


def test_a_damaged_checkpoint_is_kept_beside_the_one_written_anew(tmp_path: Path) -> None:
    for number in (1, 2):
        (write(tmp_path, 1) / "weights").write_bytes(b"damaged")
        check_checkpoint(write(tmp_path, 1))
        assert (tmp_path / f"iter_000001.damaged-{number}" / "weights").read_bytes() == b"damaged"
    assert [path.name for path in list_checkpoints(tmp_path)] == ["iter_000001"]
