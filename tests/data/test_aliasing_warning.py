"""The line that training prints."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gluon_wgan.cli.resize_parity import main
from gluon_wgan.data import aliasing
from gluon_wgan.data.aliasing import aliasing_warning
from gluon_wgan.data.sources import BuiltInSource, FolderSource

PORTRAITS = BuiltInSource()


def warn(backend: str, size: int = 64, source=PORTRAITS, crop=None, root=None):
    return aliasing_warning(source, size=size, resize=backend, crop=crop, roots=[root] if root else [])


@pytest.mark.parametrize("backend", ["cv2", "cv2-bilinear", "mxnet-bicubic", "pil-nearest"])
def test_backends_that_alias_are_named_with_a_figure(backend):
    said = warn(backend)
    assert said is not None and "\n" not in said
    assert "2.2 source pixels to one" in said and "% of the detail" in said


@pytest.mark.parametrize("backend", ["pil", "pil-lanczos", "cv2-area", "mxnet-area"])
def test_antialiasing_backends_are_passed_over(backend):
    assert warn(backend) is None


def test_demos_size_shows_the_choice_of_a_backend():
    assert "4.5 source pixels to one" in warn("cv2-bilinear", size=32)


def test_crop_is_cut_out_first():
    assert "2.0 source pixels to one" in warn("cv2", crop=(8, 10, 136, 138))
    assert warn("cv2", size=128, crop=(8, 10, 136, 138)) is None


def test_nothing_is_said_where_nothing_is_shrunk():
    assert warn("cv2", size=256) is None


def test_command_that_is_named_works(tmp_path, monkeypatch):
    folder = tmp_path / "my images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(256, size=(200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    (folder / "broken.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    said = warn("cv2", size=32, source=FolderSource(folder), crop=(4, 4, 196, 196), root="my images")
    command = said.split("shows it: ")[1]
    assert command == (
        "python tools/resize_parity.py 'my images' --size 32 --crop 4,4,196,196 --backends cv2-bicubic,pil-bilinear"
    )
    assert main([*shlex.split(command)[2:], "--quiet", "--jobs", "1"]) == 0
    assert (tmp_path / "runs" / "parity" / "parity.html").exists()


def test_only_broken_images_give_no_warning(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    assert warn("cv2", source=FolderSource(tmp_path), root=str(tmp_path)) is None


@pytest.mark.parametrize(("seconds_an_image", "opened"), [(0.0, 8), (0.3, 4)])
def test_a_few_images_are_enough_and_fewer_where_they_take_long(monkeypatch, seconds_an_image, opened):
    clock, source, indices = [0.0], BuiltInSource(), []

    def slow_open(index, channels, original=source.open):
        clock[0] += seconds_an_image
        indices.append(index)
        return original(index, channels)

    monkeypatch.setattr(aliasing, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(source, "open", slow_open)
    assert "aliases" in aliasing_warning(source, size=64, resize="cv2", crop=None, roots=[], seconds=1.0)
    assert len(indices) == opened and indices[-1] > 0


def test_it_needs_no_mxnet(run_python):
    code = (
        "import sys; from gluon_wgan.data.aliasing import aliasing_warning; "
        "from gluon_wgan.data.sources import BuiltInSource; "
        "print(aliasing_warning(BuiltInSource(), size=64, resize='cv2', crop=None, roots=[])); "
        "assert 'mxnet' not in sys.modules"
    )
    done = run_python(code)
    assert done.returncode == 0 and "aliases" in done.stdout, done.stderr
