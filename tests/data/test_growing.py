"""Files that only grow: what they hold, its hash, and what a kill may have left behind it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from gluon_wgan.utils.append_file import GrowingFile


def test_what_follows_the_known_beginning_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"known" + b"and more that no journal knows of")
    file = GrowingFile(path, 5, hashlib.sha256(b"known").hexdigest())
    assert path.read_bytes() == b"known"
    file.append(b", then")
    file.append(np.frombuffer(b" new", np.uint8))
    assert file.facts() == {"size": 15, "sha256": hashlib.sha256(b"known, then new").hexdigest()}
    file.close()
    assert path.read_bytes() == b"known, then new"


def test_the_beginning_feeds_another_hash_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    also = hashlib.sha256(b"before ")
    GrowingFile(tmp_path / "file", 3, hashlib.sha256(b"abc").hexdigest(), also).close()
    assert also.digest() == hashlib.sha256(b"before abc").digest()


@pytest.mark.parametrize("content", [b"knowm", b"know", b""])
def test_another_beginning_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="not as it was"):
        GrowingFile(tmp_path / "file", 5, hashlib.sha256(b"known").hexdigest())
