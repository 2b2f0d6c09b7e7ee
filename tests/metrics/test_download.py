"""Fetching the published weights: whole and the right ones, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from gluon_wgan.errors import UserError
from gluon_wgan.metrics import features
from gluon_wgan.metrics.features import INCEPTION_ADDRESS, INCEPTION_SHA256


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gluon_wgan"


def test_what_is_fetched_is_checked_and_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights" * 1000
    (tmp_path / "weights.pth").write_bytes(content)
    monkeypatch.setattr(features, "INCEPTION_SHA256", hashlib.sha256(content).hexdigest())
    address = (tmp_path / "weights.pth").as_uri()
    assert features.fetch_inception(address) == cache / "weights.pth"
    assert (cache / "weights.pth").read_bytes() == content
    (cache / "weights.pth").write_bytes(content[:-1])
    assert features.fetch_inception(address) == cache / "weights.pth"
    assert (cache / "weights.pth").read_bytes() == content
    assert (cache / "weights.pth.damaged-1").read_bytes() == content[:-1]
    (tmp_path / "weights.pth").unlink()
    assert features.fetch_inception(address) == cache / "weights.pth"  # without asking again


def test_something_else_is_refused_and_not_kept(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"a page that says to log in")
    with pytest.raises(UserError, match="not the published Inception"):
        features.fetch_inception((tmp_path / "weights.pth").as_uri())
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///no/such/file.pth", "http://127.0.0.1:9/weights.pth"])
def test_what_cannot_be_fetched_is_one_sentence(address: str, cache: Path) -> None:
    with pytest.raises(UserError, match="give it with --weights FILE") as caught:
        features.fetch_inception(address)
    assert "\n" not in str(caught.value)


def test_what_a_killed_process_left_vanishes(cache: Path) -> None:
    cache.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, other = cache / f".weights.pth.{ended.pid}.tmp", cache / f".other.{ended.pid}.tmp"
    for path in (left, other):
        path.write_bytes(b"a part")
    with pytest.raises(UserError):
        features.fetch_inception("file:///no/such/weights.pth")
    assert list(cache.iterdir()) == [other]


def test_the_address_names_the_hash() -> None:
    assert INCEPTION_ADDRESS.endswith(f"-{INCEPTION_SHA256[:8]}.pth") and len(INCEPTION_SHA256) == 64


ODDITIES = {
    "no status line": b"hello there\r\n\r\n",
    "a bad status line": b"HTTP/1.1 abc OK\r\n\r\n",
    "nothing": b"",
    "an overlong header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
    "a huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
    "a short body": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc",
    "a cut chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nabc",
    "a bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "an overlong chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
    "a redirect to a file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\n\r\n",
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
    "an error": b"HTTP/1.1 500 \xff\xfe\r\n\r\n",
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_a_server_that_does_not_keep_to_http_is_one_sentence(oddity: str, cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(ODDITIES[oddity])

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(UserError, match="--weights") as caught:
            features.fetch_inception(f"http://127.0.0.1:{server.getsockname()[1]}/weights.pth")
        thread.join(10)
    assert "\n" not in str(caught.value)
    assert not list(cache.iterdir())


def test_a_body_without_an_end_is_given_up(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "INCEPTION_BYTES", 10)
    (tmp_path / "weights.pth").write_bytes(b"x" * 11)
    with pytest.raises(UserError, match="not the published Inception"):
        features.fetch_inception((tmp_path / "weights.pth").as_uri())
    assert not list(cache.iterdir())
