"""Fetching the published weights: whole and the right ones, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.metrics import download
from gluon_wgan.metrics.features import INCEPTION_ADDRESS, INCEPTION_SHA256


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gluon_wgan"


def test_what_is_fetched_is_checked_and_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights" * 1000
    (tmp_path / "weights.pth").write_bytes(content)
    monkeypatch.setattr(download, "INCEPTION_SHA256", hashlib.sha256(content).hexdigest()[:8])
    address = (tmp_path / "weights.pth").as_uri()
    assert download.fetch_inception(address) == cache / "weights.pth"
    assert (cache / "weights.pth").read_bytes() == content
    (cache / "weights.pth").write_bytes(content[:-1])
    assert download.fetch_inception(address) == cache / "weights.pth"
    assert (cache / "weights.pth").read_bytes() == content
    (tmp_path / "weights.pth").unlink()
    assert download.fetch_inception(address) == cache / "weights.pth"  # without asking again


def test_something_else_is_refused_and_not_kept(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"a page that says to log in")
    with pytest.raises(UserError, match="not the published Inception"):
        download.fetch_inception((tmp_path / "weights.pth").as_uri())
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///no/such/file.pth", "http://127.0.0.1:9/weights.pth"])
def test_what_cannot_be_fetched_is_one_sentence(address: str, cache: Path) -> None:
    with pytest.raises(UserError, match="give it with --weights FILE") as caught:
        download.fetch_inception(address)
    assert "\n" not in str(caught.value)


def test_the_address_names_the_hash() -> None:
    assert INCEPTION_ADDRESS.endswith(f"-{INCEPTION_SHA256}.pth")
