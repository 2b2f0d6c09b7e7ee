"""A git repository of painted squares, in place of the one that holds the portraits' originals."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.errors import UserError
from tools.portraits import cli
from tools.portraits.listing import Portrait, PortraitList

COUNT = 6


def git(folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "gc.auto=0")
    run = subprocess.run(["git", "-C", str(folder), *who, *words], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@dataclass
class Gallery:
    """A repository of images, its list, and the JPEGs as the attribution says that they are made."""

    clone: Path
    portraits: PortraitList
    jpegs: dict[str, bytes]

    def listed(self, folder: Path, portraits: PortraitList) -> Path:
        rows = [f"{one.blob},{one.source_sha256},{one.sha256}\n" for one in portraits.portraits]
        path = folder / "list.csv.gz"
        path.write_bytes(gzip.compress(("source_git_blob,source_sha256,sha256\n" + "".join(rows)).encode()))
        return path

    def loose(self, blob: str) -> Path:
        path = self.clone / ".git/objects" / blob[:2] / blob[2:]
        path.chmod(0o644)
        return path


def paint_gallery(tmp_path: Path, rng: np.random.Generator) -> Gallery:
    clone, jpegs, rows = tmp_path / "clone", {}, []
    (clone / "in" / "deep").mkdir(parents=True)
    git(clone, "init", "--quiet")
    for number in range(COUNT):
        image = clone / "in" / ("deep" if number % 2 else ".") / f"{number}.{'png' if number == 2 else 'jpg'}"
        pixels = rng.integers(0, 256, (9, 8, 3 if number else 1), np.uint8)
        smooth = Image.fromarray(pixels.squeeze()).resize((256, 256), Image.Resampling.BICUBIC)
        smooth.info["comment"] = b"painted"  # reaches the JPEGs, those made of them as well
        smooth.save(image)
        jpeg = tmp_path / "one.jpg"
        Image.open(image).convert("RGB").crop((16, 14, 240, 238)).save(jpeg, quality=90, optimize=True)
        blob, source = git(clone, "hash-object", str(image)), hashlib.sha256(image.read_bytes()).hexdigest()
        jpegs[f"{blob[:16]}.jpg"] = jpeg.read_bytes()
        rows.append(Portrait(blob, source, hashlib.sha256(jpeg.read_bytes()).hexdigest()))
    (clone / "README").write_text("no image")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "Add images")
    rows.sort(key=lambda one: one.blob)
    return Gallery(clone, PortraitList(tuple(rows)), {one.file: jpegs[one.file] for one in rows})


def use_list(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr("tools.portraits.source.LIST", path)
    monkeypatch.setattr("tools.portraits.cli.LIST", path)


def refusal(run: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        run()
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def one_sentence(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert cli.main([str(word) for word in words]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("rebuild_portraits.py: ") and said.endswith(".") and "Traceback" not in said
    return said
