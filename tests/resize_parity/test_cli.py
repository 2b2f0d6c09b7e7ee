"""The command, from its words to its files and exit status."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gluon_wgan.cli.resize_parity import main
from gluon_wgan.data.geometry import fit
from gluon_wgan.data.resize import BACKENDS
from gluon_wgan.resize_parity import measures
from gluon_wgan.resize_parity.compare_backends import compare_images
from gluon_wgan.resize_parity.plan import Case, Plan
from tests.data import containers as made
from tests.data.synthetic import SyntheticSource

pytestmark = pytest.mark.slow

FEW = ["--backends", "cv2,cv2-area", "--jobs", "1", "--quiet"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with three images that are full of detail too fine for 32 pixels."""
    folder = tmp_path / "images" / "below"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(rng.integers(256, size=(120, 150, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder.parent


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_files_of_a_report(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(photos), "--size", "32", "16", "--jobs", "2", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "cv2-bicubic = mxnet-bicubic" in shown and "parity.html" in shown
    rows = rows_of(out / "parity.csv")
    assert list(rows[0]) == (
        ["image", "size", "backend", "l1_sum", "mean_abs", "max_abs", "off_by_1", "off_by_8", "off_by_60"]
        + ["psnr", "ssim", "laplacian_ratio"]
    )
    assert len(rows) == 3 * 2 * len(BACKENDS)
    assert {row["size"] for row in rows} == {"32", "16"}
    assert {row["image"] for row in rows} == {f"below/{number}.png" for number in range(3)}
    report = json.loads((out / "parity.json").read_text())
    assert report["backends"] == list(BACKENDS) and report["against"] == "pil-bilinear"
    assert set(report["versions"]) >= {"pillow", "cv2", "mxnet", "numpy", "scikit-image"}
    assert [found["label"] for found in report["cases"]] == ["32 px", "16 px"]
    assert report["answer"].startswith("Yes, it matters for your images: do not use cv2-")
    assert report["answer"] in " ".join(shown.split())


def test_enlarging_is_compared_when_asked_for(photos, tmp_path):
    words = [str(photos), "--size", "32", "--backends", "cv2-area,pil-nearest", "--jobs", "1", "--quiet", "--enlarge"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert [found["label"] for found in report["cases"]] == ["32 px", "32 to 64 px"]
    assert "do not use cv2-area or pil-nearest when enlarging 32 to 64 px" in report["answer"]
    assert {row["size"] for row in rows_of(tmp_path / "out" / "parity.csv")} == {"32"}


def test_rows_are_measures_of_training_images(photos, tmp_path):
    assert main([str(photos), "--size", "32", *FEW, "--out", str(tmp_path / "out")]) == 0
    rows = rows_of(tmp_path / "out" / "parity.csv")
    with Image.open(photos / "below" / "1.png") as image:
        ours, reference = (fit(image, 32, None, BACKENDS[name]) for name in ("cv2-bicubic", "pil-bilinear"))
    row = next(row for row in rows if row["image"] == "below/1.png" and row["backend"] == "cv2-bicubic")
    assert float(row["l1_sum"]) == np.abs(ours.astype(int) - reference).sum()
    assert float(row["ssim"]) == pytest.approx(measures.ssim(ours, reference), rel=1e-5)
    assert float(row["laplacian_ratio"]) == pytest.approx(measures.laplacian_ratio(ours, reference), rel=1e-5)


def test_each_image_is_decoded_once(photos, tmp_path, monkeypatch):
    from gluon_wgan.data.sources import base

    opened = []

    def count(path: str, nc: int, max_pixels: int, **options: object) -> Image.Image:
        opened.append(path)
        return Image.open(path).convert("RGB")

    monkeypatch.setattr(base, "open_image", count)
    assert main([str(photos), "--size", "32", "16", "64", *FEW, "--out", str(tmp_path / "out")]) == 0
    assert len(opened) == len(set(opened)) == 3


def test_report_does_not_depend_on_the_number_of_jobs(tmp_path):
    made = []
    for jobs in ("1", "3"):
        out = tmp_path / jobs
        words = ["--size", "32", "--backends", "cv2", "pil-box", "--quiet", "--jobs", jobs, "--out", str(out)]
        assert main(words) == 0
        report = json.loads((out / "parity.json").read_text())
        report.pop("command"), report.pop("made")
        made.append((report, (out / "parity.csv").read_bytes()))
    assert made[0] == made[1]
    assert made[0][0]["images"]["label"] == "built-in portraits"


def test_workers_end_with_a_killed_parent(repository, tmp_path):
    words = [sys.executable, str(repository / "tools" / "resize_parity.py"), "--size", "256", "--jobs", "2"]
    process = subprocess.Popen([*words, "--out", str(tmp_path / "out")], stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = b""
    while not re.search(rb"\| [1-9]\d*/\d+", said):  # the first images have been compared
        said += (more := process.stderr.read1(1))
        assert more, said
    process.kill()
    process.communicate(timeout=120)  # until the last process that could print has ended


@pytest.mark.parametrize(("backend", "status"), [("cv2", 1), ("mxnet-nearest", 1), ("pil", 0), ("mxnet-area", 0)])
def test_check_tells_by_its_status(photos, tmp_path, backend, status):
    words = [
        str(photos),
        "--size",
        "32",
        "--check",
        backend,
        "--quiet",
        "--jobs",
        "1",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(words) == status
    compared = json.loads((tmp_path / "o" / "parity.json").read_text())["backends"]
    assert len(compared) <= 2


def test_check_finds_nothing_where_nothing_is_shrunk(photos, tmp_path):
    words = [
        str(photos),
        "--size",
        "120",
        "--check",
        "cv2-nearest",
        "--jobs",
        "1",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*words, "--quiet"]) == 0


def test_images_behind_sizes_and_backends_are_found(photos, tmp_path):
    quiet = ["--jobs", "1", "--quiet", "--out"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(["--backends", "pil-box", "--size", "32", "16", str(photos), *quiet, str(one)]) == 0
    assert len(rows_of(one / "parity.csv")) == 3 * 2 * 2
    assert main(["--size", "32,16", "--backends", "cv2,pil-box", str(photos / "below"), *quiet, str(two)]) == 0
    assert len(rows_of(two / "parity.csv")) == 3 * 2 * 3


def test_lists_and_single_files_and_several_folders(photos, tmp_path):
    (photos / "some.txt").write_text("below/2.png\nbelow/0.png\n")
    one = photos / "below" / "1.png"
    words = [str(photos / "some.txt"), str(one), str(photos / "below"), "--size", "16", *FEW]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    names = list(dict.fromkeys(row["image"] for row in rows_of(tmp_path / "out" / "parity.csv")))
    assert names[0].endswith("some.txt/below/2.png") and names[2].endswith("1.png") and len(names) == 3


@pytest.mark.parametrize("color", ["black", "white", "orange"])
def test_images_of_one_color_give_a_report_and_show_no_fault(color, tmp_path):
    for number in range(3):
        Image.new("RGB", (90, 90), color).save(tmp_path / f"{number}.png")
    words = [str(tmp_path), "--size", "32", "--backends", "pil,cv2", "--enlarge", "--figures", "--jobs", "1", "--quiet"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert len(report["cases"]) == 2 and report["answer"].startswith("No")
    assert "Power spectrum of" in (tmp_path / "out" / "parity.html").read_text()


def test_enlarging_takes_a_few_images_evenly_spread():
    cases = (Case(16), Case(64, 32))
    plan = Plan(SyntheticSource(200), cases, ("pil-bilinear", "cv2-area"), "pil-bilinear", None, ())
    shrinking, enlarging = compare_images(plan, range(0, 6)).tallies
    assert shrinking.indices == [0, 1, 2, 3, 4, 5]
    assert enlarging.indices == [0, 4] and enlarging.ratios == [0.5, 0.5]


def test_crop_is_cut_out_first(photos, tmp_path):
    words = [str(photos), "--size", "16", *FEW, "--out", str(tmp_path / "out"), "--crop"]
    assert main([*words, "10,20,58,68"]) == 0
    report = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert report["cases"][0]["ratio"]["median"] == 3
    assert main([*words, "10,20,158,68"]) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["--size", "7"], "use 8 to 1024"),
        (["--size", "big"], "neither a size in pixels nor an existing path"),
        (["--backends", "cv3"], "There is no resize backend 'cv3'"),
        (["--against", "torch"], "There is no resize backend 'torch'"),
        (["--check", "cubic"], "There is no resize backend 'cubic'"),
        (["--decoders", "pil,gd"], "There is no decoder 'gd'"),
        (["--decoders", "pil"], "name two or more"),
        (["--crop", "1,2,3"], "is no box"),
        (["--crop", "5,5,5,9"], "is empty or negative"),
        (["--jobs", "0"], "use 1 or more"),
        (["--out", "/dev/null/report"], "name another place"),
    ],
)
def test_mistakes_are_one_sentence_and_status_two(words, complaint, capsys):
    assert main(["--quiet", *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1 and "Traceback" not in said


def test_all_images_broken_is_a_mistake(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"")
    assert main([str(tmp_path), "--quiet", "--jobs", "1", "--out", str(tmp_path / "out")]) == 2
    assert "No image can be used, a.png because: not an image" in capsys.readouterr().err


def test_script_runs_from_anywhere_and_stops_for_a_closed_pipe(repository, photos, tmp_path):
    script = [sys.executable, str(repository / "tools" / "resize_parity.py"), str(photos), "--size", "16"]
    script += ["--backends", "cv2", "--out", str(tmp_path / "out"), "--jobs", "1"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cv2-bicubic" in done.stdout and "Comparing" in done.stderr


def test_progress_and_table_are_silent_when_quiet(photos, tmp_path, capfd):
    assert main([str(photos), "--size", "16", *FEW, "--out", str(tmp_path / "out")]) == 0
    assert capfd.readouterr() == ("", "")


def test_figures_are_files_with_their_own_colours(photos, tmp_path):
    words = [
        str(photos),
        "--size",
        "32",
        *FEW,
        "--figures",
        "--decoders",
        "pil,cv2",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    figures = tmp_path / "out" / "figures"
    assert {path.name for path in figures.iterdir()} >= {
        "distances-32.svg",
        "data-sets-32.svg",
        "spectra-32.svg",
        "worst-32.svg",
        "kernels.svg",
        "table-32.md",
        "ratios.md",
        "decoders.md",
    }
    assert all("prefers-color-scheme" in path.read_text() for path in figures.glob("*.svg"))


def test_odd_images_are_all_reported(odd_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = [
        str(odd_folder),
        "--size",
        "64",
        "--backends",
        "cv2",
        "mxnet-area",
        "--decoders",
        "pil,cv2,mxnet",
    ]
    assert main([*words, "--jobs", "2", "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "parity.json").read_text())
    skipped = {one["image"] for one in report["images"]["skipped"]}
    assert skipped == {"broken.jpg", "empty.png", "text.jpg"}
    unusual = {one["image"]: ", ".join(one["what"]) for one in report["images"]["unusual"]}
    for name, what in {
        "gray.png": "gray",
        "cmyk.jpg": "CMYK",
        "palette.png": "palette",
        "wide.png": "16-bit gray",
        "wide colour.png": "16-bit colour",
        "animated.gif": "animated",
        "rotated.jpg": "EXIF-rotated (orientation 6)",
        "transparent.png": "transparent",
        "dot.png": "tiny (1x1)",
        "line.png": "tiny (1x300)",
        "huge.png": "huge (10000x10000)",
    }.items():
        assert what in unusual[name]
    assert "plain.png" not in unusual
    measured = {row["image"] for row in rows_of(tmp_path / "out" / "parity.csv")}
    assert measured == {path.name for path in odd_folder.iterdir()} - skipped
    page = (tmp_path / "out" / "parity.html").read_text()
    assert "&lt;b&gt;name &amp; &#34;quotes&#39;.png" in page and "<b>name" not in page
    shown = capsys.readouterr()
    assert "huge.png: gray, huge (10000x10000)" in shown.out and "Traceback" not in shown.err


def test_decoders_are_told_apart(odd_folder, tmp_path):
    (odd_folder / "huge.png").unlink()
    words = [str(odd_folder), "--size", "32", *FEW, "--decoders", "pil,pil-plain,cv2,mxnet"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    decoders = json.loads((tmp_path / "out" / "parity.json").read_text())["decoders"]
    found = {(one["kind"], one["decoder"]): one for one in decoders["images"]}
    assert found["PNG, plain", "cv2"]["identical"] == found["PNG, plain", "cv2"]["files"] >= 2
    assert found["JPEG, EXIF-rotated", "mxnet"]["other_shape"] == 1
    assert found["JPEG, EXIF-rotated", "cv2"]["other_shape"] == 0
    assert found["PNG, 16-bit gray", "pil-plain"]["max_abs"] > 200
    assert found["PNG, 16-bit gray", "cv2"]["max_abs"] == 1
    made_up = decoders["probes"]
    assert made_up["JPEG, colour"]["cv2"] == "identical"
    assert made_up["JPEG, EXIF says a quarter turn"]["mxnet"] == "48x32 instead of 32x48"


def test_photographs_confirm_the_ranking(shared_data: Callable[[str], Path], tmp_path):
    words = [str(shared_data("photos") / "kodak"), "--size", "64", "--quiet", "--jobs", "2"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "parity.json").read_text())["cases"][0]["backends"]
    median = {name: one["measures"]["l1_sum"]["median"] for name, one in found.items()}
    pillow = [median[f"pil-{name}"] for name in ("box", "hamming", "bicubic", "lanczos")]
    assert max(pillow) < median["cv2-bilinear"] / 2
    assert median["cv2-area"] < median["cv2-bilinear"] < median["cv2-bicubic"]
    assert median["cv2-area"] < 40_000 < 60_000 < median["cv2-bilinear"]
    for name in ("nearest", "bilinear", "area"):
        assert f"mxnet-{name}" in found[f"cv2-{name}"]["identical_to"]
    assert {name for name, one in found.items() if not one["aliases"]} == {
        name for name, backend in BACKENDS.items() if backend.antialiases
    }


def test_archives_lists_and_patterns_give_the_rows_of_their_folder(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = {path.relative_to(photos).as_posix(): path.read_bytes() for path in sorted(photos.rglob("*.png"))}
    made.write_zip(tmp_path / "a.zip", files)
    made.write_tar(tmp_path / "train-0.tar", dict(list(files.items())[:2]))
    made.write_tar(tmp_path / "train-1.tar", dict(list(files.items())[2:]))
    made.write_lmdb(tmp_path / "a_lmdb", {name.encode(): content for name, content in files.items()})
    (photos / "list.tsv").write_text("".join(f"0\t{name}\n" for name in files))
    found = []
    for number, source in enumerate((photos, "a.zip", "train-*.tar", "a_lmdb", photos / "list.tsv")):
        out = tmp_path / f"out{number}"
        words = [str(tmp_path / source), "--size", "16", "--decoders", "pil,pil-plain", *FEW, "--out", str(out)]
        assert main(words) == 0
        rows = rows_of(out / "parity.csv")
        decoding = json.loads((out / "parity.json").read_text())["decoders"]
        found.append(([{name: row[name] for name in row if name != "image"} for row in rows], decoding))
    assert len(found[0][0]) > 2 and all(other == found[0] for other in found[1:])


@pytest.mark.parametrize("how", ["pad", "stretch"])
def test_fit_is_that_of_pillow(how, tmp_path):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8))
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in" / "a.png")
    words = [
        str(tmp_path / "in"),
        "--fit",
        how,
        "--size",
        "16",
        "--backends",
        "pil-box",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--jobs", "1", "--quiet"]) == 0

    def square(method: Image.Resampling) -> np.ndarray:
        if how == "pad":
            return np.asarray(ImageOps.pad(image, (16, 16), method=method))
        return np.asarray(image.resize((16, 16), method))

    expected = np.abs(square(Image.Resampling.BOX).astype(int) - square(Image.Resampling.BILINEAR)).sum()
    row = next(row for row in rows_of(tmp_path / "out" / "parity.csv") if row["backend"] == "pil-box")
    assert float(row["l1_sum"]) == pytest.approx(expected, rel=1e-5)
    assert json.loads((tmp_path / "out" / "parity.json").read_text())["fit"] == how


def test_images_are_left_out_and_scaled_as_in_training(tmp_path):
    values = np.random.default_rng(5).integers(0, 4096, (64, 64), np.uint16)
    for name in ("a.png", "b.png", "b_mask.png"):
        Image.fromarray(values).save(tmp_path / name)
    contrasts = {}
    for bits in ("12", "16"):
        words = [str(tmp_path), "--size", "32", "--backends", "cv2", "--exclude", "*_mask.png", "--bit-depth", bits]
        assert main([*words, "--jobs", "2", "--quiet", "--out", str(tmp_path / bits)]) == 0
        rows = list(csv.DictReader((tmp_path / bits / "parity.csv").open()))
        assert {Path(row["image"]).name for row in rows} == {"a.png", "b.png"}
        contrasts[bits] = float(next(row["l1_sum"] for row in rows if row["backend"].startswith("cv2")))
    # 4,095 becomes 255 with 12 bits, and 16 with 16.
    assert 12 < contrasts["12"] / contrasts["16"] < 20
