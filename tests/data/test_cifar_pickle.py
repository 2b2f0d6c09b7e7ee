"""Pickles that are traps: nothing runs, nothing fills memory, and the file is named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from gluon_wgan.data.sources import CifarSource
from gluon_wgan.errors import UserError


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        CifarSource(folder, folder / "cache")
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)

    def __init__(self, target: Path) -> None:
        self.target = target


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_malicious_pickle_runs_nothing(protocol: int, tmp_path: Path) -> None:
    batch = tmp_path / "data_batch_1"
    batch.write_bytes(pickle.dumps({b"data": Evil(tmp_path / "ran")}, protocol))
    sentence = refusal(tmp_path)
    assert str(batch) in sentence and "at byte" in sentence
    if protocol in (1, 2):
        assert "imports posix.system" in sentence or "imports nt.system" in sentence
    assert not (tmp_path / "ran").exists()
    pickle.loads(batch.read_bytes())
    assert (tmp_path / "ran").exists()  # Python's own reader runs it


NESTED = b"\x80\x02" + b")" + b"\x85" * 300_000 + b"."
PICKLE_TRAPS = {
    "memory by index": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "length of a string": b"\x80\x02T\xff\xff\xff\x7fabc.",
    "a deep key": b"\x80\x02}" + NESTED[2:-1] + b"Ns.",
    "deep": NESTED,
    "an empty stack": b"\x80\x02s.",
    "no end": b"\x80\x02}",
    "an object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "an attribute": b"\x80\x02cnumpy\nload\n.",
    "a stranger's bytes": b"\x80\x02c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0hex\x86R.",
    "nothing": b"",
    "text": b"hello",
    "numbers for names": b"\x80\x02}(U\x04data" + b"T\x00\x0c\x00\x00" + bytes(3072) + b"U\tfilenames]K\x09au.",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PICKLE_TRAPS)
def test_other_traps_in_a_pickle(name: str, tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(PICKLE_TRAPS[name])
    assert "data_batch_1" in refusal(tmp_path)
